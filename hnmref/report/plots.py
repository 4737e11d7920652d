"""Pictures of a run, as data URIs for a self-contained page.

hnmref comes before matplotlib, whose C++ runtime must not load before cctbx's.
Figures are made without pyplot, so nothing global is touched.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence

import hnmref  # noqa: F401

import numpy as np
from matplotlib import rc_context
from matplotlib.collections import EllipseCollection, LineCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from hnmref.adp.metrics import B_PER_U
from hnmref.report.residues import ChainTrace

WORK_COLOUR = "#0072b2"
FREE_COLOUR = "#c04a00"
GROUP_COLOUR = "#56a5d8"
LOCAL_COLOUR = "#c9ced6"
INK = "#20262e"
#: From small to large, each dark enough for a line on white.
B_COLOURS = ("#4c9fd4", "#6a56a8", "#a01048")

#: A 3D normal distribution holds half its weight within so many sigmas.
HALF_PROBABILITY = 1.5382
#: More ellipses than these hide each other.
MAX_ELLIPSES = 1200
#: Ellipses are enlarged until half of them are this large a part of the view.
VISIBLE_PART = 0.008
MAGNIFICATIONS = (1, 2, 3, 5, 10, 20, 50)

#: matplotlib's parameters for all pictures.
STYLE = {
    "font.size": 9,
    "axes.edgecolor": "#8a929c",
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": "#4a525c",
    "ytick.color": "#4a525c",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "none",
    # The same run draws the same bytes.
    "svg.hashsalt": "hnmref",
}


def plot_r_factors(start: Mapping, cycles: Sequence[Mapping]) -> str:
    """R_work and R_free after every step, as an SVG data URI."""
    work = 100 * np.array([start["r_work"], *(c["r_work"] for c in cycles)])
    free = 100 * np.array([start["r_free"], *(c["r_free"] for c in cycles)])
    x = np.arange(len(work))
    with rc_context(STYLE):
        figure = Figure(figsize=(9.5, 3.3), layout="constrained")
        axes = figure.add_subplot()
        axes.fill_between(x, work, free, color="#eef1f5", zorder=0)
        for values, name, colour, style in (
            (free, "free", FREE_COLOUR, "s-"),
            (work, "work", WORK_COLOUR, "o--"),
        ):
            axes.plot(x, values, style, color=colour, markersize=4)
            axes.annotate(
                f"$R_\\mathrm{{{name}}}$ {values[-1]:.2f}",
                (x[-1], values[-1]),
                xytext=(8, 0),
                textcoords="offset points",
                va="center",
                color=colour,
            )
        steps = ["start", *(c["step"] for c in cycles)]
        axes.set_xticks(x, steps, rotation=40, ha="right")
        axes.set_xlim(-0.3, x[-1] + max(1.0, 0.12 * len(x)))
        axes.set_ylabel("R (%)")
        _mark_cycles(axes, [c["cycle"] for c in cycles])
        return svg_uri(figure)


def _mark_cycles(axes, cycles: list[int]) -> None:
    """A thin line before each macro-cycle, and its number at the top."""
    for position, cycle in enumerate(cycles, start=1):
        if position == 1 or cycle != cycles[position - 2]:
            axes.axvline(position - 0.5, color="#d5dae1", linewidth=0.8, zorder=0)
            axes.annotate(
                f"cycle {cycle}",
                (position - 0.5, 1.0),
                xycoords=("data", "axes fraction"),
                xytext=(4, -2),
                textcoords="offset points",
                va="top",
                fontsize=8,
                color="#6a727c",
            )


def plot_b_profile(chain: ChainTrace, b_limit: float) -> str:
    """B along a chain, split into local and group, over its anisotropy; SVG.

    :param b_limit: top of the B axis, Å², the same for all chains of a page.
    """
    with rc_context(STYLE):
        figure = Figure(figsize=(9.5, 2.9), layout="constrained")
        b_axes, a_axes = figure.subplots(
            2, 1, sharex=True, gridspec_kw={"height_ratios": [3, 1.3]}
        )
        for number, piece in enumerate(chain.pieces):
            _draw_piece(b_axes, a_axes, chain, piece, labelled=number == 0)
        b_axes.set_ylim(0, b_limit)
        b_axes.set_ylabel("B (Å²)")
        b_axes.legend(loc="upper right", ncols=3, frameon=False, fontsize=8)
        a_axes.set_ylim(0, 1.05)
        a_axes.set_ylabel("anisotropy")
        a_axes.axhline(1, color="#d5dae1", linewidth=0.8)
        a_axes.set_xlabel(f"residue of chain {chain.name}")
        ticks = residue_ticks(len(chain.residues))
        a_axes.set_xticks(ticks, [chain.residues[i] for i in ticks])
        a_axes.set_xlim(-1, len(chain.residues))
        return svg_uri(figure)


def _draw_piece(
    b_axes, a_axes, chain: ChainTrace, piece: slice, labelled: bool
) -> None:
    """Both panels of one gapless piece."""
    x = np.arange(piece.start, piece.stop)
    local, group = chain.b_local[piece], chain.b_group[piece]
    labels = ("local", "group", "total") if labelled else (None, None, None)
    b_axes.fill_between(x, 0, local, color=LOCAL_COLOUR, lw=0, label=labels[0])
    b_axes.fill_between(
        x, local, local + group, color=GROUP_COLOUR, lw=0, label=labels[1]
    )
    b_axes.plot(x, chain.b_total[piece], color=INK, linewidth=0.9, label=labels[2])
    a_axes.plot(x, chain.anisotropy[piece], color=WORK_COLOUR, linewidth=0.9)


def residue_ticks(n_residues: int, n_ticks: int = 12) -> list[int]:
    """Places along a chain that get a label."""
    step = max(1, round(n_residues / n_ticks))
    return list(range(0, n_residues, step))


def plot_ellipsoids(chains: Sequence[ChainTrace]) -> tuple[str, int, int] | None:
    """Half-probability ellipsoids of U_group on the trace, in two views; PNG.

    The outline of a projected ellipsoid is the ellipse of the projected U; the
    line in it is the projected longest axis. Both views have the molecule's
    longest direction upright; the second is turned by 90° about it.

    :return: the data URI, how many times the ellipses are enlarged, and every
        how many residues one is drawn; None where no atom has a U_group.
    """
    sites = np.concatenate([chain.sites for chain in chains] or [np.zeros((0, 3))])
    u_group = np.concatenate([chain.u_group for chain in chains] or [np.zeros((0, 6))])
    if not (u_group[:, :3].sum(axis=1) > 1e-6).any():
        return None
    stride = -(-len(sites) // MAX_ELLIPSES)
    centre = sites.mean(axis=0)
    directions = _long_to_short(sites - centre)
    extents = np.ptp((sites - centre) @ directions.T, axis=0) + 6.0
    tensors = _full_tensors(u_group[::stride])
    enlarged = _magnification(tensors, extents[0])
    with rc_context(STYLE):
        height = 6.6
        widths = np.clip(height * extents[1:] / extents[0], 2.0, height)
        figure = Figure(figsize=(widths.sum() + 1.9, height), layout="constrained")
        panels = figure.subplots(1, 2, sharey=True, width_ratios=widths)
        for axes, across in zip(panels, (1, 2)):
            view = directions[[across, 0]]
            _draw_trace(axes, chains, centre, view)
            shown = _draw_ellipses(
                axes, (sites[::stride] - centre) @ view.T, tensors, view, enlarged
            )
            axes.set_aspect("equal")
            axes.set_xlabel("Å")
        panels[0].set_ylabel("Å")
        figure.colorbar(shown, ax=panels, label="B of U_group (Å²)", shrink=0.6)
        return _png(figure), enlarged, stride


def _long_to_short(centred: np.ndarray) -> np.ndarray:
    """(3, 3) directions in rows, from the longest extent; signs fixed."""
    directions = np.linalg.eigh(centred.T @ centred)[1].T[::-1]
    largest = np.abs(directions).argmax(axis=1)
    return directions * np.sign(directions[np.arange(3), largest])[:, None]


def _full_tensors(u: np.ndarray) -> np.ndarray:
    """(N, 3, 3) of (N, 6)."""
    return u[:, [[0, 3, 4], [3, 1, 5], [4, 5, 2]]]


def _magnification(tensors: np.ndarray, extent: float) -> int:
    """The smallest enlargement that makes half of the ellipses visible."""
    u_eq = np.trace(tensors, axis1=1, axis2=2) / 3
    radius = HALF_PROBABILITY * np.sqrt(np.median(u_eq[u_eq > 1e-6]))
    large_enough = [m for m in MAGNIFICATIONS if m * radius >= VISIBLE_PART * extent]
    return large_enough[0] if large_enough else MAGNIFICATIONS[-1]


def _draw_trace(axes, chains, centre: np.ndarray, view: np.ndarray) -> None:
    lines = [
        (chain.sites[piece] - centre) @ view.T
        for chain in chains
        for piece in chain.pieces
    ]
    axes.add_collection(LineCollection(lines, colors="#8f98a4", linewidths=0.8))


def _draw_ellipses(axes, places, tensors, view, enlarged: int):
    """Outlines and longest axes at ``places`` (M, 2); returns the outlines."""
    scale = HALF_PROBABILITY * enlarged
    projected = view @ tensors @ view.T
    squares, axes_2d = np.linalg.eigh(projected)
    sizes = 2 * scale * np.sqrt(squares.clip(min=0))
    angles = np.degrees(np.arctan2(axes_2d[:, 1, 1], axes_2d[:, 0, 1]))
    outlines = EllipseCollection(
        sizes[:, 1],
        sizes[:, 0],
        angles,
        units="xy",
        offsets=places,
        offset_transform=axes.transData,
        facecolors="none",
        linewidths=0.9,
        cmap=LinearSegmentedColormap.from_list("b", B_COLOURS),
    )
    outlines.set_array(B_PER_U * np.trace(tensors, axis1=1, axis2=2) / 3)
    squares_3d, axes_3d = np.linalg.eigh(tensors)
    half = scale * np.sqrt(squares_3d[:, 2].clip(min=0))[:, None] * axes_3d[:, :, 2]
    ends = half @ view.T
    segments = np.stack([places - ends, places + ends], axis=1)
    axes.add_collection(LineCollection(segments, colors=INK, linewidths=0.5))
    axes.add_collection(outlines)
    axes.autoscale_view()
    return outlines


def svg_uri(figure: Figure) -> str:
    """A figure as an SVG data URI; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return _data_uri("image/svg+xml", buffer.getvalue())


def _png(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150, metadata={"Software": None})
    return _data_uri("image/png", buffer.getvalue())


def _data_uri(media_type: str, content: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"
