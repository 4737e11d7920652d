"""From R_free of single runs to who is better, by how much, and how surely."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.rows import BASELINES, OURS


@dataclass(frozen=True)
class Difference:
    """R_free of one run less that of another, in percent points.

    :ivar error: standard error of the difference.
    """

    points: float
    error: float

    @property
    def verdict(self) -> str:
        """"equal" within one standard error, else "lower" or "higher"."""
        if abs(self.points) <= self.error:
            return "equal"
        return "lower" if self.points < 0 else "higher"


@dataclass(frozen=True)
class EntryResult:
    """What the runs of one entry say together.

    :ivar r_free: of each row, fractions, as the runs report them.
    :ivar against: R_free of our row less that of each other row.
    :ivar best: the baseline with the lowest R_free, of those that there are.
    :ivar fair: our R_free less that of the baseline chosen on one half of the
        free set, judged on the other half; percent points.
    """

    entry: str
    r_free: dict[str, float]
    against: dict[str, Difference]
    best: str
    fair: float

    @property
    def against_best(self) -> Difference:
        """Our row less the best baseline."""
        return self.against[self.best]

    @property
    def has_all_baselines(self) -> bool:
        """Whether the best was chosen among all of them."""
        return set(BASELINES) <= set(self.r_free)


def can_compare(rows: Collection[str]) -> bool:
    """Whether our row is there, and a baseline."""
    return OURS in rows and any(row in rows for row in BASELINES)


def entry_result(
    entry: str,
    r_free: dict[str, float],
    resampled: dict[str, np.ndarray],
    fair: float,
) -> EntryResult:
    """Compare our row of an entry with the others that there are.

    :param r_free: of each row, fractions; see :func:`can_compare`.
    :param resampled: R_free of each row in the same bootstrap draws.
    :param fair: see :class:`EntryResult`, as a fraction.
    """
    against = {
        row: Difference(
            100 * (r_free[OURS] - r_free[row]),
            100 * float(np.std(resampled[OURS] - resampled[row], ddof=1)),
        )
        for row in r_free
        if row != OURS
    }
    best = min((row for row in BASELINES if row in r_free), key=r_free.__getitem__)
    return EntryResult(entry, r_free, against, best, 100 * fair)


def mean_difference(differences: Sequence[Difference]) -> Difference:
    """Mean over entries; its error is that of the free sets, as independent."""
    errors = np.array([difference.error for difference in differences])
    return Difference(
        float(np.mean([difference.points for difference in differences])),
        float(np.sqrt(np.sum(errors**2)) / len(errors)),
    )


def n_at_least_as_low(results: Sequence[EntryResult]) -> int:
    """Entries where our row is lower than the best baseline, or equal to it."""
    return sum(result.against_best.verdict != "higher" for result in results)
