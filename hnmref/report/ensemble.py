"""An ensemble told: a text for readers, JSON for programs, a picture."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping

import hnmref  # noqa: F401  (before matplotlib)

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from hnmref import __version__
from hnmref.files import write_text
from hnmref.report.plots import INK, STYLE

_WITHIN, _BETWEEN = "#0072b2", "#c04a00"

#: Residues that the text names, at the most; the JSON file has all.
_SHOWN = 10


def log_text(facts: Mapping) -> str:
    """What was drawn, from what, and how near it is to what was wanted."""
    bonds, u = facts["bonds"], facts["u"]
    on_screws = facts["on_screws"]
    lines = [
        f"{facts['n']} conformers from {facts['restart_file']}, stage {facts['stage']}",
        f"{facts['n_moving']} of {facts['n_atoms']} atoms move, in "
        f"{facts['n_groups']} groups; by {facts['rms_displacement']:.2f} A (rms)",
        f"The mean lies off the model by {facts['mean_shift']:.3f} A (rms)",
        *(f"Note: {note}" for note in facts["notes"]),
        "",
        f"{'Bond lengths, change from the model (A)':42s}     rms     max",
        *_bond_line("within residues", bonds["within"]),
        *_bond_line("between residues", bonds["between"]),
        *_bond_line("all", bonds["all"]),
        *_bond_line("all, on screws, as drawn", on_screws["bonds"]),
        "",
        f"{'U of the ensemble against U_group':42s} differ by  correlation",
        _u_line(f"all atoms that move ({u['n_atoms']})", u),
        _u_line("the same on screws, as drawn", on_screws["u"]),
    ]
    if facts["u_total"] is not None:
        lines.append(_u_line("total U, with U_local, all atoms", facts["u_total"]))
    turns = facts["large_turns"]
    if turns:
        names = [f"{t['residue']} ({t['degrees']:.0f} degrees)" for t in turns[:_SHOWN]]
        if len(turns) > _SHOWN:
            names.append(f"and {len(turns) - _SHOWN} more")
        lines += [
            "",
            f"Residues that turn far (rms): {', '.join(names)}.",
            "Turning gives them less U than was refined: look at them, bonds or U are "
            "off there.",
        ]
    return "\n".join(lines) + "\n"


def _bond_line(title: str, spread: Mapping | None) -> list[str]:
    """A row of the table of bonds; none where there are no such bonds."""
    if spread is None:
        return []
    title = f"{title} ({spread['n']})"
    return [f"  {title:40s}{spread['rms']:8.4f}{spread['max']:8.3f}"]


def _u_line(title: str, likeness: Mapping) -> str:
    """A row of the table of U."""
    share = 100 * likeness["relative_difference"]
    return f"  {title:40s}{share:8.1f} %  {likeness['correlation']:10.4f}"


def write_json(path: str | os.PathLike, facts: Mapping) -> None:
    """Write all figures, whole or not at all."""
    content = {**facts, "versions": {"hnmref": __version__, "numpy": np.__version__}}
    write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def plot_ensemble(
    b_wanted: np.ndarray, b_found: np.ndarray, changes: Mapping[str, np.ndarray]
) -> bytes:
    """Equivalent B of the ensemble over that of U_group, and changes of bonds; PNG.

    :param b_wanted, b_found: (M,) of the atoms that move, Å².
    :param changes: of bond lengths, any shape, Å: ``within`` and ``between`` residues.
    """
    with rc_context(STYLE):
        figure = Figure(figsize=(8.4, 3.8), layout="constrained")
        left, right = figure.subplots(1, 2)
        most = 1.05 * max(b_wanted.max(), b_found.max())
        left.plot([0, most], [0, most], color=INK, linewidth=0.7, zorder=0)
        left.plot(b_wanted, b_found, ".", color=_WITHIN, markersize=3)
        left.set(xlim=(0, most), ylim=(0, most), aspect="equal")
        left.set_xlabel("B of U_group as refined (Å²)")
        left.set_ylabel("B of the ensemble (Å²)")
        largest = max((np.abs(x).max() for x in changes.values() if x.size), default=0)
        limit = max(1.02 * largest, 1e-4)
        bins = np.linspace(-limit, limit, 81)
        for (name, values), colour in zip(changes.items(), (_WITHIN, _BETWEEN)):
            flat = values.ravel()
            right.hist(flat, bins, histtype="step", color=colour, label=name, log=True)
        right.set_xlabel("change of a bond's length (Å)")
        right.set_ylabel("bonds in all conformers")
        right.legend(frameon=False, title="residues")
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=130, metadata={"Software": None})
    return buffer.getvalue()
