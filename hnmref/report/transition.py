"""A transition told: a text for readers, JSON for programs, a picture."""

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
from hnmref.modes.transition import Transition
from hnmref.report.plots import STYLE

#: Steps that the text shows, at about equal intervals.
_SHOWN = 25

_LINE, _MARK = "#0072b2", "#c04a00"


def log_text(transition: Transition, facts: Mapping) -> str:
    """What was done, how far it came, and the RMSD by step.

    facts : names of the structures and numbers of atoms, as the program gives.
    """
    rmsd = transition.rmsd
    lines = [
        f"Transition from {facts['start']} towards {facts['target']}, "
        f"method {transition.method}, {facts['n_modes']} modes",
        f"{facts['n_fitted']} of {facts['n_atoms']} atoms are fitted "
        f"(fit={facts['fit']})",
        *(f"Note: {note}" for note in (*facts["matching"], *transition.notes)),
        *(f"Not matched: {item}" for item in facts["unmatched"]),
        "",
        f"RMSD at the start   {rmsd[0]:8.3f} A",
        f"RMSD at the end     {rmsd[-1]:8.3f} A",
        f"Coverage            {transition.coverage:8.3f}",
        f"Collectivity        {transition.collectivity:8.3f}",
        "",
        "  step  modes no.  RMSD (A)  coverage",
    ]
    shown = np.unique(np.linspace(0, len(rmsd) - 1, _SHOWN).round().astype(int))
    for step in shown:
        lines.append(
            f"  {step:4d}  {transition.rounds[step]:9d}  {rmsd[step]:8.3f}"
            f"  {1 - rmsd[step] / rmsd[0]:8.3f}"
        )
    return "\n".join(lines) + "\n"


def write_json(path: str | os.PathLike, transition: Transition, facts: Mapping) -> None:
    """Write everything but coordinates, whole or not at all."""
    content = {
        **facts,
        "method": transition.method,
        "coverage": transition.coverage,
        "collectivity": transition.collectivity,
        "rmsd_by_step": transition.rmsd.tolist(),
        "modes_by_step": transition.rounds.tolist(),
        "frame_steps": transition.frame_steps.tolist(),
        "frame_rmsd": transition.frame_rmsd.tolist(),
        "amplitudes": [values.tolist() for values in transition.amplitudes],
        "notes": transition.notes,
        "versions": {"hnmref": __version__, "numpy": np.__version__},
    }
    write_text(path, json.dumps(content, indent=1) + "\n")


def plot_rmsd(transition: Transition) -> bytes:
    """RMSD to the target by step, as PNG; lines where modes were computed anew."""
    steps = np.arange(len(transition.rmsd))
    with rc_context(STYLE):
        figure = Figure(figsize=(6.4, 3.6), layout="constrained")
        axes = figure.add_subplot()
        axes.plot(steps, transition.rmsd, color=_LINE)
        axes.plot(
            transition.frame_steps,
            transition.rmsd[transition.frame_steps],
            "o",
            color=_MARK,
            markersize=3,
            label="frames",
        )
        for step in np.flatnonzero(np.diff(transition.rounds) > 0)[1:]:
            axes.axvline(step, color="#c9ced6", linewidth=0.8, zorder=0)
        axes.set_ylim(0, None)
        axes.set_xlabel("step")
        axes.set_ylabel("RMSD to the target (Å)")
        axes.set_title(
            f"{transition.method}: {100 * transition.coverage:.0f}% of "
            f"{transition.rmsd[0]:.2f} Å covered",
            fontsize=10,
            loc="left",
        )
        axes.legend(frameon=False)
        picture = io.BytesIO()
        figure.savefig(picture, format="png", dpi=150, metadata={"Software": None})
    return picture.getvalue()
