"""Pictures of analyses of normal modes, as PNG.

Each function returns the bytes of a file; the same figures draw the same bytes.
hnmref comes before matplotlib, whose C++ runtime must not load before cctbx's.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import hnmref  # noqa: F401

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from hnmref.report.plots import STYLE

#: Colours of a first, second and third line.
LINES = ("#0072b2", "#c04a00", "#6a56a8")
BARS = "#56a5d8"

#: Cells along a heat map's side, at the most: a screen shows no more.
MAX_CELLS = 900


class BinnedMatrix:
    """A square matrix of any size as a small picture, from blocks of its rows.

    Cells are means of the entries that fall into them.
    """

    def __init__(self, n_rows: int, max_cells: int = MAX_CELLS) -> None:
        n_cells = min(n_rows, max_cells)
        self._starts = np.arange(n_cells) * n_rows // n_cells
        self._counts = np.diff(np.append(self._starts, n_rows))
        self._cell_of_row = np.repeat(np.arange(n_cells), self._counts)
        self._sums = np.zeros((n_cells, n_cells))
        self.n_rows = n_rows

    def add(self, rows: slice, block: np.ndarray) -> None:
        """Add the next rows."""
        across = np.add.reduceat(block, self._starts, axis=1)
        np.add.at(self._sums, self._cell_of_row[rows], across)

    def means(self) -> np.ndarray:
        """(n_cells, n_cells) means."""
        return self._sums / np.outer(self._counts, self._counts)


def plot_matrix(
    picture: BinnedMatrix,
    names: Sequence[str],
    label: str,
    limits: tuple[float, float] | None = None,
) -> bytes:
    """A heat map over atoms.

    :param names: short name of each row, for the ticks.
    :param label: what the colours mean.
    :param limits: of the colours; None: from zero, or about it where entries are
        of both signs, to the value that 99% do not pass.
    """
    image, n_rows = picture.means(), picture.n_rows
    low, high = _limits(image) if limits is None else limits
    with rc_context(STYLE):
        figure = Figure(figsize=(7.4, 6.4), layout="constrained")
        axes = figure.add_subplot()
        shown = axes.imshow(
            image,
            origin="lower",
            extent=(-0.5, n_rows - 0.5, -0.5, n_rows - 0.5),
            vmin=low,
            vmax=high,
            cmap="RdBu_r" if low < 0 else "viridis",
            interpolation="nearest",
        )
        ticks = _ticks(n_rows)
        texts = [names[i] for i in ticks]
        axes.set_xticks(ticks, texts, rotation=60, ha="right")
        axes.set_yticks(ticks, texts)
        figure.colorbar(shown, ax=axes, label=label, shrink=0.85)
        return _png(figure)


def plot_overlaps(
    matrix: np.ndarray, first: Sequence[int], second: Sequence[int], names: tuple
) -> bytes:
    """Absolute overlaps of modes with modes.

    :param first, second: mode numbers of rows and of columns.
    :param names: of the two sets.
    """
    with rc_context(STYLE):
        figure = Figure(figsize=(7.0, 6.0), layout="constrained")
        axes = figure.add_subplot()
        shown = axes.imshow(
            np.abs(matrix),
            origin="lower",
            aspect="auto",
            vmin=0,
            vmax=1,
            cmap="viridis",
            extent=(
                second[0] - 0.5,
                second[-1] + 0.5,
                first[0] - 0.5,
                first[-1] + 0.5,
            ),
            interpolation="nearest",
        )
        axes.set_ylabel(f"mode of {names[0]}")
        axes.set_xlabel(f"mode of {names[1]}")
        figure.colorbar(shown, ax=axes, label="|overlap|", shrink=0.85)
        return _png(figure)


def plot_profile(
    lines: Mapping[str, np.ndarray], names: Sequence[str], label: str
) -> bytes:
    """Values along the atoms, a line each.

    :param lines: (N,) values by the name of the line, up to three.
    :param names: short name of each atom, for the ticks.
    """
    n_atoms = len(names)
    with rc_context(STYLE):
        figure = Figure(figsize=(9.5, 3.2), layout="constrained")
        axes = figure.add_subplot()
        for colour, (name, values) in zip(LINES, lines.items()):
            marker = "o" if n_atoms == 1 else None
            axes.plot(values, color=colour, linewidth=0.9, label=name, marker=marker)
        if len(lines) > 1:
            axes.legend(frameon=False, ncols=3, fontsize=8)
        ticks = _ticks(n_atoms)
        axes.set_xticks(ticks, [names[i] for i in ticks], rotation=40, ha="right")
        axes.set_xlim(-0.5, n_atoms - 0.5)
        axes.set_ylim(bottom=0)
        axes.set_ylabel(label)
        return _png(figure)


def plot_spectrum(
    numbers: Sequence[int],
    bars: tuple[str, np.ndarray],
    line: tuple[str, np.ndarray] | None = None,
) -> bytes:
    """A bar a mode, and a line on an axis of its own where one is given.

    :param numbers: of the modes.
    :param bars, line: label of the axis and (n,) values.
    """
    with rc_context(STYLE):
        figure = Figure(figsize=(9.5, 3.2), layout="constrained")
        axes = figure.add_subplot()
        axes.bar(numbers, bars[1], color=BARS, width=0.8)
        axes.set_xlabel("mode")
        axes.set_ylabel(bars[0])
        axes.set_xlim(numbers[0] - 0.6, numbers[-1] + 0.6)
        if line is not None:
            other = axes.twinx()
            other.plot(numbers, line[1], color=LINES[1], linewidth=1.1)
            other.set_ylabel(line[0], color=LINES[1])
            other.spines["right"].set_visible(True)
            other.set_ylim(bottom=min(0.0, float(np.min(line[1]))))
        return _png(figure)


def _limits(image: np.ndarray) -> tuple[float, float]:
    top = float(np.percentile(np.abs(image), 99)) or 1.0
    return (-top if image.min() < -0.01 * top else 0.0), top


def _ticks(n: int, n_ticks: int = 12) -> list[int]:
    return list(range(0, n, max(1, -(-n // n_ticks))))


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130, metadata={"Software": None})
    return buffer.getvalue()
