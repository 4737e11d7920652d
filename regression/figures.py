"""The pictures of the regression: entry by entry, and point by point of the grid."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

import hnmref  # noqa: F401  (cctbx's extensions load first)

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from benchmarks.comparison import Difference
from hnmref.files import written_whole
from hnmref.report.plots import STYLE
from regression.entry_report import EntryReport
from regression.points import PointMeans

_HNM, _TLS, _FAIR = "#d55e00", "#0072b2", "#009e73"
#: Names, colours and markers of points by their kind, and those of further partitions.
_KINDS = {
    "hnm": ("HNM: n,p", _HNM, "o"),
    "tls": ("TLS: groups a chain", _TLS, "^"),
    "none": ("isotropic B alone", "0.3", "x"),
}
_FURTHER = ((_FAIR, "v"), ("#cc79a7", "D"), ("#e69f00", "s"))
#: More points of a kind would have their labels on top of each other.
_MOST_LABELLED = 8
#: Points from a marker to its label: above, and for the next one in R_work below.
_ABOVE, _BELOW = (6, 5), (6, -13)
#: Inches: of an entry, and of what stands around the axes.
_ENTRY_WIDTH, _MARGIN, _HEIGHT = 0.45, 2.0, 3.6
_LEAST_WIDTH = 9.5
#: How far from an entry's place its two points stand.
_OFFSET = 0.12


def improvement_figure(reports: Sequence[EntryReport]) -> Figure:
    """R_free of TLS less that of normal modes, by both judgements (Figure 1)."""
    figure, axes, places = _entry_axes(reports)
    for offset, label, colour, marker, pick in (
        (-_OFFSET, "best by R_free", _HNM, "o", lambda j: j.by_r_free),
        (_OFFSET, "chosen and judged on halves", _FAIR, "s", lambda j: j.on_halves),
    ):
        differences: list[Difference] = [pick(report.judgement) for report in reports]
        axes.errorbar(
            places + offset,
            [-difference.points for difference in differences],
            [difference.error for difference in differences],
            fmt=marker,
            color=colour,
            capsize=2,
            label=label,
        )
    axes.axhline(0, color="0.3", linewidth=0.8)
    axes.set_ylabel("R_free, TLS − HNM (points)\nabove 0: HNM is better")
    _legend(figure)
    return figure


def boundary_figure(reports: Sequence[EntryReport]) -> Figure | None:
    """B_KL across the best TLS's partition (Figure 2); None where none is known."""
    values = {
        "TLS": [report.figure(report.theirs.row, "b_kl") for report in reports],
        "HNM": [report.figure(report.ours.row, "b_kl") for report in reports],
    }
    if not any(value is not None for family in values.values() for value in family):
        return None
    figure, axes, places = _entry_axes(reports)
    for (name, family), colour, marker in zip(values.items(), (_TLS, _HNM), "^o"):
        axes.plot(places, np.array(family, float), marker, color=colour, label=name)
    axes.axhline(1, color="0.3", linewidth=0.8)
    axes.set_ylabel("B_KL of the TLS partition\nabove 1: U jumps at its borders")
    _legend(figure)
    return figure


def points_figure(points: Sequence[PointMeans]) -> Figure | None:
    """Mean R_free against mean R_work, a colour a kind; None where there is no point."""
    if not points:
        return None
    kinds: dict[str, list[PointMeans]] = {}
    for point in points:
        kinds.setdefault(point.name.partition("-")[0], []).append(point)
    with rc_context(STYLE):
        figure = Figure(figsize=(_LEAST_WIDTH, _HEIGHT), layout="constrained")
        axes = figure.subplots()
    by_r_work = sorted(points, key=lambda point: point.r_work)
    places = {p.name: place for p, place in zip(by_r_work, cycle((_ABOVE, _BELOW)))}
    further = cycle(_FURTHER)
    for kind, own in kinds.items():
        name, colour, marker = _KINDS.get(kind) or (kind, *next(further))
        r_work = [100 * point.r_work for point in own]
        r_free = [100 * point.r_free for point in own]
        axes.plot(r_work, r_free, marker, color=colour, label=name)
        if len(own) <= _MOST_LABELLED:
            for point, x, y in zip(own, r_work, r_free):
                place = places[point.name]
                axes.annotate(_label(point), (x, y), place, textcoords="offset points")
    axes.set_xlabel("R_work (%)")
    axes.set_ylabel("R_free (%)")
    axes.margins(x=0.12, y=0.15)
    _legend(figure)
    return figure


def _label(point: PointMeans) -> str:
    """A point's numbers of modes or groups, and its parameters."""
    numbers = point.name.partition("-")[2].replace("-", ",")
    return f"{numbers} ({point.n_parameters:.0f})".strip()


def _entry_axes(reports: Sequence[EntryReport]):
    """A figure with a place for every entry."""
    with rc_context(STYLE):
        width = max(_LEAST_WIDTH, _MARGIN + _ENTRY_WIDTH * len(reports))
        figure = Figure(figsize=(width, _HEIGHT), layout="constrained")
        axes = figure.subplots()
    places = np.arange(len(reports))
    # Letters stand upright where there is room.
    turned = len(reports) > 14
    axes.set_xticks(
        places, [report.entry for report in reports], rotation=90 if turned else 0
    )
    axes.set_xlim(-0.5, len(reports) - 0.5)
    return figure, axes, places


def _legend(figure: Figure) -> None:
    figure.legend(loc="outside upper right", ncols=2, frameon=False)


def write_png(figure: Figure, path: Path) -> None:
    """The figure as a file, whole or not at all."""
    with written_whole(path) as partial, rc_context(STYLE):
        figure.savefig(partial, dpi=150)
