"""Charts of how a run went and of its chains, as plain figures of plotly.

A figure is ``data`` and ``layout``; plotly.js draws it in the page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hnmref.report.chart_style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    SKY,
    VERMILION,
    Figure,
    axis,
    layout,
    numbers,
    vertical,
)
from hnmref.report.residues import ChainTrace

_STEP_NAMES = {"u_local": "U_local", "tls": "TLS"}

#: Labels along an axis: more would run into each other.
_MAX_LABELS = 26
_MAX_SHELL_LABELS = 9


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
            lines.append(vertical(i - 0.5))
            labels.append(_top_label(i - 0.5, f"cycle {step['cycle']}"))
    hover = [f"{text}, cycle {c['cycle']}" for text, c in zip(steps[1:], cycles)]
    for trace in figure["data"]:
        trace["text"] = ["start", *hover]
    values = [100 * point[key] for point in points for key in ("r_work", "r_free")]
    span = max(values) - min(values) or 1.0
    figure["layout"] |= {
        # With room for the cycles' numbers above the lines.
        "yaxis": axis(
            "R (%)",
            range=numbers([min(values) - 0.05 * span, max(values) + 0.15 * span]),
        ),
        "xaxis": axis(
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
    figure["layout"]["xaxis"] = axis(
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
    return {"data": traces, "layout": layout(320, yaxis=axis("R (%)"))}


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
    frame = layout(
        100 + 30 * len(bars),
        xaxis=axis(range=[0, 1.12 * max(values)], tickformat=",d"),
        yaxis=axis(autorange="reversed", showgrid=False),
    )
    frame["margin"] |= {"t": 30}
    return {"data": [trace], "layout": frame}


def chain_profile(chain: ChainTrace, b_limit: float) -> Figure:
    """B of each residue, split, over its anisotropy and its map correlation.

    :param b_limit: top of the B axis, Å², the same for all chains of a page.
    """
    x, slots = _slots(chain)

    def placed(values: np.ndarray, gap: float) -> list:
        filled = np.full(len(x), gap)
        filled[slots] = values
        return numbers(filled)

    def line(name, values, colour, row, dash="solid", **more) -> dict:
        return {
            "type": "scatter",
            "mode": "lines",
            "name": name,
            "x": x,
            "y": placed(values, np.nan),
            "yaxis": row,
            "line": {"color": colour, "width": 1.6, "dash": dash, "shape": "hvh"},
            "hovertemplate": "%{y}",
            **more,
        }

    has_group = bool(chain.b_group.any())
    b_total = placed(chain.b_total, 0.0)
    # Of the total, what shows above the group's part is the local one.
    traces = [_area("local" if has_group else "B", "total", x, b_total, GREY)]
    if has_group:
        traces.append(_area("group", "group", x, placed(chain.b_group, 0.0), SKY))
    if chain.b_group_error is not None:
        error = chain.b_group_error
        below = np.maximum(chain.b_group - error, 0.0)
        traces += _band(
            "standard error of group",
            x,
            placed(below, 0.0),
            placed(chain.b_group + error, 0.0),
            placed(error, np.nan),
        )
    if chain.b_whole is not None:
        traces.append(line("whole complex", chain.b_whole, INK, "y", "dot"))
    rows = [("anisotropy", chain.anisotropy)] if has_group else []
    if not np.isnan(chain.map_correlation).all():
        rows.append(("map correlation", chain.map_correlation))
    frame = layout(250 + 95 * len(rows), hovermode="x unified")
    bottoms = np.linspace(0.0, 0.27 * len(rows), len(rows) + 1)
    frame["yaxis"] = axis(
        "B (Å²)", range=[0, float(f"{b_limit:.4g}")], domain=[float(bottoms[-1]), 1]
    )
    for i, (title, values) in enumerate(rows):
        place = len(rows) - 1 - i
        frame[f"yaxis{i + 2}"] = axis(
            title.replace(" ", "<br>"),
            range=[min(0.0, float(np.nanmin(values))), 1.02],
            nticks=3,
            domain=[float(bottoms[place]), float(bottoms[place]) + 0.22],
        )
        colour = (BLUE, GREEN)[title == "map correlation"]
        traces.append(line(title, values, colour, f"y{i + 2}", showlegend=False))
    frame["xaxis"] = axis(
        type="category",
        nticks=10,
        tickangle=0,
        # Off the zero of the axis above the first residue's name.
        ticks="outside",
        showgrid=False,
        anchor=f"y{len(rows) + 1}" if rows else "y",
    )
    return {"data": traces, "layout": frame}


def _slots(chain: ChainTrace) -> tuple[list[str], np.ndarray]:
    """Labels along the axis, a place for each gap among them; the residues' places."""
    labels: list[str] = []
    places = []
    for number, piece in enumerate(chain.pieces):
        if number:
            # Labels have to differ.
            labels.append("gap" + " " * number)
        places.append(len(labels) + np.arange(piece.stop - piece.start))
        labels += [
            f"{name} {residue}"
            for name, residue in zip(chain.names[piece], chain.residues[piece])
        ]
    return labels, np.concatenate(places)


def _area(name: str, told: str, x: list, y: list, colour: str) -> dict:
    """A filled outline from zero; with zeros in gaps it leaves them empty.

    :param name: in the legend; ``told``: beside its number under the pointer.
    """
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": x,
        "y": y,
        "fill": "tozeroy",
        "fillcolor": colour,
        "line": {"color": colour, "width": 0, "shape": "hvh"},
        "hovertemplate": "%{y}<extra>" + told + "</extra>",
    }


def _band(name: str, x: list, low: list, high: list, half: list) -> list[dict]:
    """A translucent band between two lines; with zeros in gaps it leaves them empty.

    Plotly would fill from one side of a gap in the lines to the other.

    :param half: its half width, told under the pointer.
    """
    edge = {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": x,
        "line": {"width": 0, "shape": "hvh"},
        "legendgroup": name,
    }
    return [
        {**edge, "y": low, "hoverinfo": "skip", "showlegend": False},
        {
            **edge,
            "y": high,
            "fill": "tonexty",
            "fillcolor": "rgba(0, 0, 0, 0.3)",
            "customdata": half,
            "hovertemplate": "±%{customdata}<extra>group</extra>",
        },
    ]


def _step_name(step: str) -> str:
    return _STEP_NAMES.get(step, step.replace("_", " "))


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
