"""Chart of the values that a run found by reflections kept apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hnmref.report.chart_style import BLUE, GREY, INK, Figure, axis, layout, numbers

#: Between the panels of a row, as shares of the width.
_GAP = 0.08


def choices_by_cycle(cycles: Sequence[Mapping]) -> Figure:
    """What each value tried cost in R above the best one, a panel a parameter.

    :param cycles: records of steps; those with ``choices`` are drawn.
    """
    found: dict[str, list[tuple[int, Mapping]]] = {}
    for step in cycles:
        for choice in step.get("choices", ()):
            found.setdefault(choice["parameter"], []).append((step["cycle"], choice))
    frame = layout(320, showlegend=False)
    # The buttons that come with the pointer stand above the panels' names.
    frame["margin"] |= {"t": 62}
    frame["annotations"] = []
    traces = []
    width = (1.0 + _GAP) / len(found)
    for number, (parameter, by_cycle) in enumerate(found.items()):
        # plotly counts axes from one, and leaves that one out.
        which = str(number + 1) if number else ""
        left = number * width
        domain = [left, left + width - _GAP]
        tried = sorted({t["value"] for _, c in by_cycle for t in c["trials"]})
        frame[f"xaxis{which}"] = axis(
            domain=domain,
            anchor=f"y{which}",
            type="category",
            categoryarray=[f"{value:g}" for value in tried],
            showgrid=False,
        )
        frame[f"yaxis{which}"] = axis(
            "" if number else "R above the best (%)",
            anchor=f"x{which}",
            rangemode="tozero",
        )
        frame["annotations"].append(_title(parameter, left))
        for cycle, choice in by_cycle:
            is_last = cycle == by_cycle[-1][0]
            traces.append(_curve(cycle, choice, which, BLUE if is_last else GREY))
    return {"data": traces, "layout": frame}


def _curve(cycle: int, choice: Mapping, which: str, colour: str) -> dict:
    """The values tried in one cycle; the one that was taken has a larger mark."""
    trials = sorted(choice["trials"], key=lambda trial: trial["value"])
    taken = [trial["value"] == choice["value"] for trial in trials]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": f"cycle {cycle}",
        "x": [f"{trial['value']:g}" for trial in trials],
        "y": numbers([100 * trial["above_best"] for trial in trials]),
        "error_y": {
            "array": numbers([100 * trial["standard_error"] for trial in trials]),
            "thickness": 1,
        },
        "xaxis": f"x{which}",
        "yaxis": f"y{which}",
        "line": {"color": colour, "width": 1.6},
        "marker": {
            "size": [12 if is_taken else 6 for is_taken in taken],
            "symbol": ["diamond" if is_taken else "circle" for is_taken in taken],
            "line": {"color": INK, "width": [int(is_taken) for is_taken in taken]},
        },
        "text": [f"R {100 * trial['r_apart']:.2f}%" for trial in trials],
        "hovertemplate": "%{x}: %{y:.2f} above the best, %{text}"
        f"<extra>cycle {cycle}</extra>",
    }


def _title(text: str, x: float) -> dict:
    return {
        "text": text,
        "x": x,
        "y": 1.0,
        "xref": "paper",
        "yref": "paper",
        "xanchor": "left",
        "yanchor": "bottom",
        "showarrow": False,
    }
