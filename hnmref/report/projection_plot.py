"""A picture of frames along two principal components, as PNG.

hnmref comes before matplotlib, whose C++ runtime must not load before cctbx's.
"""

from __future__ import annotations

import io

import hnmref  # noqa: F401

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from hnmref.report.plots import STYLE

#: Points from which on a line between consecutive ones hides them.
_MOST_JOINED = 500


def plot_projections(coordinates: np.ndarray, unit: str) -> bytes:
    """Frames as points along the first two components, coloured by their order.

    :param coordinates: (F, k), k at least 1; with one, it is drawn over frames.
    :param unit: of the coordinates, as ``Å``.
    """
    numbers = np.arange(1, len(coordinates) + 1)
    first = coordinates[:, 0]
    with rc_context(STYLE):
        figure = Figure(figsize=(5.6, 4.6), layout="constrained")
        axes = figure.add_subplot()
        if coordinates.shape[1] == 1:
            x, y, names = numbers, first, ("frame", f"component 1 ({unit})")
        else:
            x, y = first, coordinates[:, 1]
            names = (f"component 1 ({unit})", f"component 2 ({unit})")
        if len(numbers) <= _MOST_JOINED:
            axes.plot(x, y, color="#d5dae1", linewidth=0.7, zorder=1)
        points = axes.scatter(x, y, c=numbers, cmap="viridis", s=14, zorder=2)
        axes.set_xlabel(names[0])
        axes.set_ylabel(names[1])
        figure.colorbar(points, ax=axes, label="frame")
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=130, metadata={"Software": None})
    return buffer.getvalue()
