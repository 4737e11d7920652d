"""The comparison as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402  (the backend is chosen first)
import numpy as np  # noqa: E402

from benchmarks.comparison import Difference, EntryResult  # noqa: E402
from benchmarks.rows import BASELINES, ROWS  # noqa: E402
from hnmref.files import written_whole  # noqa: E402

_LOOKS = {
    "none": ("0.7", "_"),
    "tls1": ("#9ecae1", "v"),
    "tls3": ("#4292c6", "s"),
    "tls6": ("#08519c", "^"),
    "hnm": ("#d7301f", "o"),
    "hnm6": ("#fdae61", "D"),
}

#: How far apart the three baselines stand within an entry.
_OFFSET = 0.22

#: What is drawn, as nothing, where a row is missing.
_MISSING = Difference(np.nan, np.nan)


def draw(results: Sequence[EntryResult], path: Path) -> None:
    """Above R_free of every row, below hnm less each tls with its error."""
    figure, (above, below) = plt.subplots(
        2, 1, sharex=True, figsize=(9, 7), layout="constrained"
    )
    places = np.arange(len(results))
    for row in ROWS:
        color, marker = _LOOKS[row]
        values = [100 * result.r_free.get(row, np.nan) for result in results]
        above.plot(places, values, marker, color=color, label=row, markersize=7)
    above.set_ylabel("R_free (%)")
    above.legend(ncols=len(ROWS), loc="lower center", bbox_to_anchor=(0.5, 1.0))
    for i, row in enumerate(BASELINES):
        color, marker = _LOOKS[row]
        differences = [result.against.get(row, _MISSING) for result in results]
        below.errorbar(
            places + _OFFSET * (i - 1),
            [difference.points for difference in differences],
            [difference.error for difference in differences],
            fmt=marker,
            color=color,
            capsize=2,
            label=f"hnm − {row}",
        )
    below.axhline(0, color="0.3", linewidth=0.8)
    below.set_ylabel("difference of R_free (points)\nbelow 0: hnm is lower")
    below.set_xticks(places, [result.entry for result in results])
    below.legend(ncols=len(BASELINES))
    with written_whole(path) as partial:
        figure.savefig(partial, dpi=150)
    plt.close(figure)
