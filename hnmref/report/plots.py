"""The look of pictures by matplotlib, and how they get into a page.

Figures are made without pyplot, so nothing global is touched.
"""

from __future__ import annotations

import base64
import io

import hnmref  # noqa: F401  (cctbx's C++ runtime must load before matplotlib's)

from matplotlib.figure import Figure

INK = "#20262e"

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


def residue_ticks(n_residues: int, n_ticks: int = 12) -> list[int]:
    """Places along a chain that get a label."""
    step = max(1, round(n_residues / n_ticks))
    return list(range(0, n_residues, step))


def svg_uri(figure: Figure) -> str:
    """A figure as an SVG data URI; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    content = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f"data:image/svg+xml;base64,{content}"
