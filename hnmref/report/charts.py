"""Charts of a run, as plain figures of plotly: ``data`` and ``layout``.

plotly.js draws them in the page. Colours are those of Okabe and Ito, which readers
of all kinds of colour vision tell apart; marks and dashes differ as well, for print.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hnmref.report.residues import ChainTrace

Figure = dict[str, Any]

BLUE = "#0072b2"
VERMILION = "#d55e00"
GREEN = "#009e73"
SKY = "#7fbfe6"
GREY = "#c9ced6"
INK = "#20262e"
_GRID = "#e6e9ee"
_AXIS = {
    "gridcolor": _GRID,
    "linecolor": "#8a929c",
    "zeroline": False,
    "ticks": "",
    "automargin": True,
}

#: Labels along an axis: more would run into each other.
_MAX_LABELS = 26
_MAX_SHELL_LABELS = 9

#: The two families of motion, told apart by colour and mark.
_STAGES = {
    "stage_one": ("whole complex", BLUE, "circle"),
    "stage_two": ("substructures", VERMILION, "diamond"),
}
#: Motions of less than this share of the largest are rounding.
_LEAST_SHARE = 1e-4


def numbers(values, digits: int = 4) -> list:
    """A list for JSON with so many significant digits; None for no number."""
    return [
        float(f"{value:.{digits}g}") if np.isfinite(value) else None
        for value in np.asarray(values, float).ravel().tolist()
    ]


def r_by_step(start: Mapping, cycles: Sequence[Mapping]) -> Figure:
    """R_work and R_free at the start and after every step, in per cent."""
    points = [start, *cycles]
    x = list(range(len(points)))
    steps = ["start", *(step["step"] for step in cycles)]
    stride = -(-len(x) // _MAX_LABELS)
    figure = _r_factors(x, points, fill=True)
    lines, labels = [], []
    for i, step in enumerate(cycles, start=1):
        if i == 1 or step["cycle"] != cycles[i - 2]["cycle"]:
            lines.append(_vertical(i - 0.5))
            labels.append(_top_label(i - 0.5, f"cycle {step['cycle']}"))
    hover = [f"{text}, cycle {c['cycle']}" for text, c in zip(steps[1:], cycles)]
    for trace in figure["data"]:
        trace["text"] = ["start", *hover]
    values = [100 * point[key] for point in points for key in ("r_work", "r_free")]
    span = max(values) - min(values) or 1.0
    figure["layout"] |= {
        # With room for the cycles' numbers above the lines.
        "yaxis": _axis(
            "R (%)", range=numbers([min(values) - 0.05 * span, max(values) + 0.15 * span])
        ),
        "xaxis": _axis(
            tickmode="array",
            tickvals=x[::stride],
            ticktext=[_step_name(step) for step in steps[::stride]],
            tickangle=-40 if len(x) > 6 else 0,
            showgrid=False,
        ),
        "shapes": lines,
        "annotations": labels,
    }
    return figure


def r_by_shell(shells: Sequence[Mapping]) -> Figure:
    """R_work and R_free of each shell, in per cent, over 1/d²."""
    edges = [shells[0]["d_max"], *(shell["d_min"] for shell in shells)]
    squares = np.array(edges) ** -2.0
    figure = _r_factors(numbers((squares[1:] + squares[:-1]) / 2), shells)
    for trace, key in zip(figure["data"], ("n_free", "n_work")):
        trace["text"] = [
            f"{s['d_max']:.2f} – {s['d_min']:.2f} Å, {s[key]:,} amplitudes, "
            f"{100 * s['completeness']:.1f}% complete"
            for s in shells
        ]
    # Where the borders crowd, at low resolution, labels leave some out.
    gap = (squares[-1] - squares[0]) / _MAX_SHELL_LABELS
    shown = [len(edges) - 1]
    for i in range(len(edges) - 2, -1, -1):
        if squares[shown[-1]] - squares[i] > gap:
            shown.append(i)
    figure["layout"]["xaxis"] = _axis(
        "resolution (Å)",
        tickmode="array",
        tickvals=numbers(squares[shown]),
        ticktext=[f"{edges[i]:.2f}" for i in shown],
    )
    return figure


def _r_factors(x: list, points: Sequence[Mapping], fill: bool = False) -> Figure:
    """Two lines; R_free first, so that R_work may fill up to it."""
    lines = (
        ("R_free", "r_free", VERMILION, "square", "solid"),
        ("R_work", "r_work", BLUE, "circle", "dash"),
    )
    traces = []
    for name, key, colour, mark, dash in lines:
        values = [np.nan if p[key] is None else 100 * p[key] for p in points]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": name,
                "x": x,
                "y": numbers(values, 5),
                "line": {"color": colour, "width": 2, "dash": dash},
                "marker": {"symbol": mark, "size": 7},
                "hovertemplate": name + " %{y:.2f}%<br>%{text}<extra></extra>",
            }
        )
    if fill:
        traces[1] |= {"fill": "tonexty", "fillcolor": "rgba(120,130,145,0.12)"}
    return {"data": traces, "layout": _layout(320, yaxis=_axis("R (%)"))}


def parameters_and_data(data: Mapping, cycles: Sequence[Mapping]) -> Figure:
    """How many amplitudes there are, and how many parameters each step refines."""
    bars = [("amplitudes, work", data["n_work"], INK)]
    bars.append(("amplitudes, free", data["n_free"], "#8a929c"))
    # The last record of each step stands for it.
    counts = {step["step"]: step["n_parameters"] for step in cycles}
    bars += [
        (f"parameters, {_step_name(step)}", n, BLUE)
        for step, n in counts.items()
        if n
    ]
    labels, values, colours = zip(*bars)
    trace = {
        "type": "bar",
        "orientation": "h",
        "x": list(values),
        "y": list(labels),
        "text": [f"{value:,}" for value in values],
        "textposition": "outside",
        "cliponaxis": False,
        "marker": {"color": list(colours)},
        "hoverinfo": "skip",
    }
    layout = _layout(
        100 + 30 * len(bars),
        xaxis=_axis(range=[0, 1.12 * max(values)]),
        yaxis=_axis(autorange="reversed", showgrid=False),
    )
    layout["margin"] |= {"t": 30}
    return {"data": [trace], "layout": layout}


def chain_profile(chain: ChainTrace, b_limit: float) -> Figure:
    """B of each residue, split, over its anisotropy and its map correlation.

    :param b_limit: top of the B axis, Å², the same for all chains of a page.
    """
    x, slots = _slots(chain)

    def placed(values: np.ndarray, gap: float) -> list:
        filled = np.full(len(x), gap)
        filled[slots] = values
        return numbers(filled)

    def line(name, values, colour, axis, dash="solid", **more) -> dict:
        return {
            "type": "scatter",
            "mode": "lines",
            "name": name,
            "x": x,
            "y": placed(values, np.nan),
            "yaxis": axis,
            "line": {"color": colour, "width": 1.6, "dash": dash, "shape": "hvh"},
            "hovertemplate": "%{y}",
            **more,
        }

    has_group = bool(chain.b_group.any())
    b_total = placed(chain.b_total, 0.0)
    traces = [_area("total", x, b_total, GREY, visible_name="local" if has_group else "B")]
    if has_group:
        traces.append(_area("group", x, placed(chain.b_group, 0.0), SKY))
    if chain.b_whole is not None:
        traces.append(line("whole complex", chain.b_whole, INK, "y", "dot"))
    rows = [("anisotropy", chain.anisotropy)] if has_group else []
    if not np.isnan(chain.map_correlation).all():
        rows.append(("map correlation", chain.map_correlation))
    layout = _layout(250 + 95 * len(rows), hovermode="x unified")
    bottoms = np.linspace(0.0, 0.27 * len(rows), len(rows) + 1)
    layout["yaxis"] = _axis(
        "B (Å²)", range=[0, float(f"{b_limit:.4g}")], domain=[float(bottoms[-1]), 1]
    )
    for i, (title, values) in enumerate(rows):
        place = len(rows) - 1 - i
        layout[f"yaxis{i + 2}"] = _axis(
            title.replace(" ", "<br>"),
            range=[min(0.0, float(np.nanmin(values))), 1.02],
            nticks=3,
            domain=[float(bottoms[place]), float(bottoms[place]) + 0.22],
        )
        colour = (BLUE, GREEN)[title == "map correlation"]
        traces.append(line(title, values, colour, f"y{i + 2}", showlegend=False))
    layout["xaxis"] = _axis(
        type="category",
        nticks=10,
        tickangle=0,
        showgrid=False,
        anchor=f"y{len(rows) + 1}" if rows else "y",
    )
    return {"data": traces, "layout": layout}


def _slots(chain: ChainTrace) -> tuple[list[str], np.ndarray]:
    """Labels along the axis, an empty one at each gap, and the residues' places."""
    labels: list[str] = []
    places = []
    for number, piece in enumerate(chain.pieces):
        if number:
            labels.append(" " * number)
        places.append(len(labels) + np.arange(piece.stop - piece.start))
        labels += [
            f"{name} {residue}"
            for name, residue in zip(chain.names[piece], chain.residues[piece])
        ]
    return labels, np.concatenate(places)


def _area(name: str, x: list, y: list, colour: str, visible_name: str = "") -> dict:
    """A filled outline from zero; with zeros in gaps it leaves them empty."""
    return {
        "type": "scatter",
        "mode": "lines",
        "name": visible_name or name,
        "x": x,
        "y": y,
        "fill": "tozeroy",
        "fillcolor": colour,
        "line": {"color": colour, "width": 0, "shape": "hvh"},
        "hovertemplate": "%{y}<extra>" + name + "</extra>",
    }


def spectrum(motions: Sequence[Mapping]) -> Figure:
    """Eigenvalues of Π against the frequency of each motion's modes."""
    top = max(max(motion["motions"]["variance"]) for motion in motions)
    traces = []
    for stage, (name, colour, mark) in _STAGES.items():
        x, y, text = [], [], []
        for group in motions:
            if group["stage"] != stage:
                continue
            values = group["motions"]
            for i, variance in enumerate(values["variance"]):
                if variance > _LEAST_SHARE * top:
                    x.append(values["frequency"][i])
                    y.append(variance)
                    text.append(f"{group['label']}, motion {i + 1}")
        traces.append(_points(name, x, y, text, colour, mark))
    figure = {"data": traces, "layout": _layout(340)}
    figure["layout"] |= {
        "xaxis": _axis("frequency (the network's units)", rangemode="tozero"),
        "yaxis": _axis(
            "eigenvalue of Π (Å²)", type="log", exponentformat="power", dtick=1
        ),
    }
    return figure


def mode_shares(motions: Sequence[Mapping]) -> Figure:
    """Each mode's share of its group's mean square displacement; collectivity."""
    traces = []
    for stage, (name, colour, mark) in _STAGES.items():
        x, share, collectivity, text = [], [], [], []
        for group in motions:
            if group["stage"] != stage:
                continue
            modes = group["modes"]
            variance = np.array(modes["variance"])
            x += list(range(1, len(variance) + 1))
            share += numbers(100 * variance / max(variance.sum(), 1e-300))
            collectivity += numbers(modes["collectivity"])
            text += [f"{group['label']}, mode {i + 1}" for i in range(len(variance))]
        traces.append(_points(name, x, share, text, colour, mark, "%{y:.1f}%"))
        more = _points(name, x, collectivity, text, colour, mark)
        traces.append({**more, "yaxis": "y2", "showlegend": False})
    figure = {"data": traces, "layout": _layout(420)}
    figure["layout"] |= {
        "xaxis": _axis("mode; the first six are rigid-body motions", anchor="y2"),
        "yaxis": _axis("share of ⟨u²⟩ (%)", domain=[0.46, 1], rangemode="tozero"),
        "yaxis2": _axis("collectivity", domain=[0, 0.38], range=[0, 1.05], nticks=4),
        "shapes": [_vertical(6.5)],
    }
    return figure


def _points(name, x, y, text, colour, mark, value="%{y}") -> dict:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": numbers(x),
        "y": numbers(y),
        "text": text,
        "marker": {"color": colour, "symbol": mark, "size": 8, "opacity": 0.8},
        "hovertemplate": "%{text}<br>" + value + "<extra></extra>",
    }


def neighbour_divergence(histogram: Mapping) -> Figure:
    """How P_KL is spread over bonded and over near pairs, in per cent of them."""
    edges = np.array(histogram["edges"])
    counts = {key: np.array(histogram[key]) for key in ("bonded", "near")}
    filled = np.flatnonzero(counts["bonded"] + counts["near"])
    shown = slice(filled[0], filled[-1] + 1)
    x = numbers(np.sqrt(edges[1:] * edges[:-1])[shown])
    traces = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": name,
            "x": x,
            "y": numbers(100 * counts[key][shown] / max(counts[key].sum(), 1)),
            "line": {"color": colour, "dash": dash, "shape": "hvh", "width": 2},
            "hovertemplate": "%{y:.1f}% near %{x:.2g}/Å<extra>" + name + "</extra>",
        }
        for name, key, colour, dash in (
            ("bonded", "bonded", BLUE, "solid"),
            ("within 5 Å", "near", VERMILION, "dash"),
        )
        if counts[key].any()
    ]
    layout = _layout(
        280,
        xaxis=_axis("P_KL (1/Å)", type="log", exponentformat="power", dtick=1),
        yaxis=_axis("pairs (%)", rangemode="tozero"),
    )
    return {"data": traces, "layout": layout}


def _step_name(step: str) -> str:
    return "U_local" if step == "u_local" else step.replace("_", " ")


def _axis(title: str = "", **more) -> dict:
    axis = dict(_AXIS)
    if title:
        axis["title"] = {"text": title, "standoff": 8, "font": {"size": 12}}
    return axis | more


def _layout(height: int, **more) -> dict:
    return {
        "height": height,
        "margin": {"l": 62, "r": 20, "t": 36, "b": 44},
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": INK},
        "paper_bgcolor": "#fff",
        "plot_bgcolor": "#fff",
        "hoverlabel": {"bgcolor": "#fff", "font": {"color": INK}},
        # The buttons that come with the pointer are at the right.
        "legend": {
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 1.01,
            "yanchor": "bottom",
            "traceorder": "normal",
        },
        **more,
    }


def _vertical(x: float) -> dict:
    return {
        "type": "line",
        "x0": x,
        "x1": x,
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "layer": "below",
        "line": {"color": "#c3cad3", "width": 1},
    }


def _top_label(x: float, text: str) -> dict:
    return {
        "x": x,
        "y": 1.0,
        "yref": "paper",
        "xanchor": "left",
        "yanchor": "top",
        "text": text,
        "showarrow": False,
        "font": {"size": 12, "color": "#565f6a"},
    }
