"""What all charts of a run's page have in common: colours, axes, layout.

Colours are those of Okabe and Ito, which readers of all kinds of colour vision tell
apart; marks and dashes differ as well, for print.
"""

from __future__ import annotations

from typing import Any

import numpy as np

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


def numbers(values, digits: int = 4) -> list:
    """A list for JSON with so many significant digits; None for no number."""
    return [
        float(f"{value:.{digits}g}") if np.isfinite(value) else None
        for value in np.asarray(values, float).ravel().tolist()
    ]


def axis(title: str = "", **more) -> dict:
    """An axis of plotly's; ``more`` are its own settings."""
    settings = dict(_AXIS)
    if title:
        settings["title"] = {"text": title, "standoff": 8, "font": {"size": 12}}
    return settings | more


def logarithmic(title: str) -> dict:
    """An axis of powers of ten."""
    # plotly writes powers a quarter larger than other numbers.
    small = {"size": 10.4}
    return axis(title, type="log", exponentformat="power", dtick=1, tickfont=small)


def layout(height: int, **more) -> dict:
    """The layout of a chart so many pixels high."""
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


def vertical(x: float) -> dict:
    """A thin upright line behind everything."""
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
