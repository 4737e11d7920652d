"""A run as one self-contained page, for people."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from hnmref.files import write_text
from hnmref.report import fit_sections, motion_sections, page
from hnmref.report.fit_sections import percent
from hnmref.report.json_report import plain_run
from hnmref.report.residues import chain_traces, check_per_atom
from hnmref.report.scripts import scripts
from hnmref.report.viewer import viewer_data

GROUP_ADP = {
    "hnm": "hierarchical normal modes",
    "tls": "TLS",
    "none": "individual B only",
}


def write_html(
    run: Mapping,
    per_atom: Mapping[str, np.ndarray],
    path: str | os.PathLike,
    motions: Sequence = (),
) -> Path:
    """Write the page of a run, whole or not at all.

    :param run: as for :func:`hnmref.report.json_report.write_json`; its
        ``parameters``, where it has them, are shown as text.
    :param per_atom: arrays of one entry an atom: ``chain_id``, ``residue``
        (number with insertion code), ``residue_name``, ``atom_name``,
        ``b_group_eq``, ``b_local``, ``b_total`` (Å²), ``anisotropy`` (smallest over
        largest eigenvalue of total U, NaN where U is zero), ``local_only`` (why the
        atom is in no group, or empty), ``map_correlation`` (its residue's, NaN where
        unknown), ``sites`` (N, 3) Å and ``u_group`` (N, 6) Å²; and ``b_whole_eq``
        where there is a stage one, ``b_group_error`` (of ``b_group_eq``) where known.
    :param motions: the refined motions to be shown moving, see
        :func:`hnmref.report.viewer.viewer_data`.
    :raises HnmrefError: something is missing or not finite.
    """
    run = plain_run(run)
    atoms = check_per_atom(per_atom)
    traces = chain_traces(atoms)
    viewer = viewer_data(traces, motions) if traces else None
    charts: dict[str, dict] = {}
    sections = [
        _headline(run, atoms),
        fit_sections.progress(run, charts),
        fit_sections.choices(run, charts),
        fit_sections.shells(run, charts),
        fit_sections.parameters(run, charts),
        motion_sections.view(viewer),
        motion_sections.profiles(traces, charts),
        motion_sections.chains(atoms),
        motion_sections.spectrum(run, charts),
        motion_sections.modes(run, charts),
        motion_sections.groups(run),
        motion_sections.neighbours(run, charts),
        fit_sections.worst_residues(run),
        motion_sections.local_only_atoms(run, atoms),
        page.section("Notes and repairs", page.items(run["notes"])),
        _provenance(run),
    ]
    whole = page.page(_title(run), filter(None, sections), scripts(charts, viewer))
    return write_text(path, whole)


def _title(run: dict) -> str:
    name = Path(run["input"].get("model", "model")).name
    return f"{name}: {GROUP_ADP.get(run['group_adp'], run['group_adp'])}"


def _headline(run: dict, atoms: dict) -> str:
    start, final = run["start"], run["final"]
    parameters = max((c.get("n_parameters", 0) for c in run["cycles"]), default=0)

    def change(key: str) -> str:
        return f"{percent(start[key])} → {percent(final[key])}"

    def gap(values: dict) -> str:
        return percent(values["r_free"] - values["r_work"])

    data = Path(run["input"].get("data", "")).name
    return "\n".join(
        [
            f"<header><h1>{page.escape(_title(run))}</h1>",
            page.paragraph(f"against {data}" if data else "", quiet=True),
            page.cards(
                page.card(change("r_work"), "R_work (%)"),
                page.card(change("r_free"), "R_free (%)"),
                page.card(f"{gap(start)} → {gap(final)}", "R_free − R_work (%)"),
                page.card(f"{atoms['b_total'].mean():.1f}", "mean B (Å²)"),
                page.card(f"{parameters:,}", "parameters, largest step"),
            ),
            page.paragraph(_verdict(start["r_free"], final["r_free"])) + "</header>",
        ]
    )


def _verdict(start: float, final: float) -> str:
    points = 100 * (final - start)
    if abs(points) < 0.005:
        return "R_free is where it was at the start."
    return f"R_free {'rose' if points > 0 else 'fell'} by {abs(points):.2f} points."


def _provenance(run: dict) -> str:
    facts = {
        **{f"input: {key}": value for key, value in run["input"].items()},
        **{f"output: {key}": value for key, value in run["files"].items()},
        "strategy": run["strategy"],
        "group_adp": run["group_adp"],
        "random_seed": run["random_seed"],
        **{f"version: {key}": value for key, value in run["versions"].items()},
    }
    rows = [[key, _as_text(value)] for key, value in facts.items() if value is not None]
    parameters = run.get("parameters")
    return page.section(
        "Where this comes from",
        page.table(["", ""], rows, (0, 1)),
        page.details("All parameters", parameters) if parameters else "",
    )


def _as_text(value) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
