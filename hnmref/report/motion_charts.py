"""Charts of refined motion, as plain figures of plotly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hnmref.report.chart_style import (
    BLUE,
    VERMILION,
    Figure,
    axis,
    layout,
    logarithmic,
    numbers,
    vertical,
)

#: The two families of motion, told apart by colour and mark.
_STAGES = {
    "stage_one": ("whole complex", BLUE, "circle"),
    "stage_two": ("substructures", VERMILION, "diamond"),
}
#: Motions of less than this share of the largest are rounding.
_LEAST_SHARE = 1e-4


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
    figure = {"data": traces, "layout": layout(340)}
    figure["layout"] |= {
        "xaxis": axis("frequency (the network's units)", rangemode="tozero"),
        "yaxis": logarithmic("eigenvalue of Π (Å²)"),
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
    figure = {"data": traces, "layout": layout(420)}
    figure["layout"] |= {
        "xaxis": axis("mode; the first six are rigid-body motions", anchor="y2"),
        "yaxis": axis("share of ⟨u²⟩ (%)", domain=[0.46, 1], rangemode="tozero"),
        "yaxis2": axis("collectivity", domain=[0, 0.38], range=[0, 1.05], nticks=4),
        "shapes": [vertical(6.5)],
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
        # Marks on the edge, as of modes that share in nothing, are shown whole.
        "cliponaxis": False,
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
    frame = layout(
        280,
        xaxis=logarithmic("P_KL (1/Å)"),
        yaxis=axis("pairs (%)", rangemode="tozero"),
    )
    return {"data": traces, "layout": frame}
