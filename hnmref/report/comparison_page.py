"""Several models' displacements side by side, as one self-contained page."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import hnmref  # noqa: F401

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from hnmref.files import write_text
from hnmref.report import page
from hnmref.report.plots import STYLE, residue_ticks, svg_uri

#: Okabe & Ito's colours, told apart by all readers; dashes help those in print.
LINES = (
    ("#0072b2", "-"),
    ("#d55e00", "--"),
    ("#009e73", "-."),
    ("#cc79a7", ":"),
    ("#e69f00", (0, (5, 1, 1, 1, 1, 1))),
    ("#56b4e9", (0, (1, 1))),
)
#: Chains with a profile of their own: more would make a page nobody can open.
MAX_PROFILES = 24

#: Column titles, keys and formats of the table of models.
_FIGURES = (
    ("R_work (%)", "r_work", lambda x: f"{100 * x:.2f}"),
    ("R_free (%)", "r_free", lambda x: f"{100 * x:.2f}"),
    ("⟨B⟩ (Å²)", "mean_b", "{:.1f}".format),
    ("anisotropy", "anisotropy", "{:.2f}".format),
    ("P_KL bonded (1/Å)", "p_kl_bonded", "{:.4f}".format),
    ("P_KL near (1/Å)", "p_kl_near", "{:.4f}".format),
    ("B_KL", "b_kl", "{:.2f}".format),
    ("along bonds (Å²)", "rigid_bond", "{:.4f}".format),
)
_LIKENESS = (
    ("median KL", "median_kl", "{:.3f}".format),
    ("U_eq correlation", "u_eq_correlation", "{:.3f}".format),
    ("anisotropy correlation", "deviatoric_correlation", "{:.3f}".format),
)


def write_comparison(
    comparison: Mapping, residues: Mapping[str, np.ndarray], path: str | os.PathLike
) -> Path:
    """Write the page, whole or not at all.

    :param comparison: what the command's JSON holds: ``models``, a list of records
        with ``name`` and figures; ``likeness``, records with ``name`` and figures
        against the first model; ``notes``.
    :param residues: one entry a residue: ``chain``, ``residue``, and (n_models, M)
        ``b`` (Å²), ``anisotropy`` and ``kl`` (divergence from the first model).
    """
    names = [record["name"] for record in comparison["models"]]
    sections = [
        f"<header><h1>{page.escape(' · '.join(names))}</h1></header>",
        page.section(
            "Models", table(comparison["models"], _FIGURES), page.paragraph(_MEANING)
        ),
        page.section(
            f"Against {names[0]}", table(comparison["likeness"], _LIKENESS)
        ),
        _profiles(names, residues),
        page.section("Notes", page.items(comparison["notes"])),
    ]
    title = f"Displacements of {', '.join(names)}"
    return write_text(path, page.page(title, filter(None, sections)))


_MEANING = (
    "Anisotropy is the median of the smallest over the largest principal value; 1 is "
    "isotropic. P_KL is the symmetric Kullback-Leibler divergence of two atoms over "
    "twice their distance, its mean over bonded atoms and over those within 5 Å. B_KL "
    "is P_KL across the borders of the partition over P_KL inside; above 1, U jumps at "
    "them. The last column is the root mean square difference of U along bonds, zero "
    "for rigid ones."
)


def table(records: Sequence[Mapping], columns) -> str:
    """A row a record; a dash where it has no such figure."""
    rows = [
        [
            record["name"],
            *(
                "-" if record.get(key) is None else text(record[key])
                for _, key, text in columns
            ),
        ]
        for record in records
    ]
    return page.table(["model", *(title for title, _, _ in columns)], rows)


def _profiles(names: list[str], residues: Mapping[str, np.ndarray]) -> str:
    chains = list(dict.fromkeys(residues["chain"].tolist()))
    shown = chains[:MAX_PROFILES]
    figures = [
        page.figure(
            plot_profiles(
                names,
                {
                    key: values[..., residues["chain"] == chain]
                    for key, values in residues.items()
                },
            ),
            f"B, anisotropy and divergence of {len(names)} models by residue of "
            f"chain {chain}",
            f"Chain {chain}: means over the atoms of each residue.",
        )
        for chain in shown
    ]
    if len(chains) > len(shown):
        figures.append(
            page.paragraph(f"{len(chains) - len(shown)} more chains are not shown.")
        )
    return page.section("By residue", *figures)


def plot_profiles(names: Sequence[str], residues: Mapping[str, np.ndarray]) -> str:
    """B, anisotropy and divergence from the first model along a chain; SVG."""
    x = np.arange(len(residues["residue"]))
    panels = (("b", "B (Å²)"), ("anisotropy", "anisotropy"), ("kl", "KL"))
    with rc_context(STYLE):
        figure = Figure(figsize=(9.5, 4.6), layout="constrained")
        rows = figure.subplots(3, 1, sharex=True, height_ratios=(3, 1.5, 1.5))
        for axes, (key, label) in zip(rows, panels):
            for name, values, (colour, dash) in zip(names, residues[key], LINES * 9):
                axes.plot(x, values, color=colour, ls=dash, lw=1.0, label=name)
            axes.set_ylabel(label)
            axes.set_ylim(bottom=0)
        rows[0].legend(loc="upper right", ncols=3, frameon=False, fontsize=8)
        ticks = residue_ticks(len(x))
        rows[-1].set_xticks(ticks, [residues["residue"][i] for i in ticks])
        rows[-1].set_xlabel("residue")
        rows[-1].set_xlim(-1, len(x))
        return svg_uri(figure)
