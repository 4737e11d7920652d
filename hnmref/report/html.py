"""A run as one self-contained page, for people."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from hnmref.files import write_text
from hnmref.report import page, plots
from hnmref.report.json_report import plain_run
from hnmref.report.log_table import COLUMNS
from hnmref.report.residues import (
    ChainTrace,
    chain_summaries,
    chain_traces,
    check_per_atom,
)

#: Chains with a profile of their own: more would make a page nobody can open.
MAX_PROFILES = 24
#: Rows of the tables of chains and substructures, for the same reason.
MAX_ROWS = 500

GROUP_ADP = {
    "hnm": "hierarchical normal modes",
    "tls": "TLS",
    "none": "individual B only",
}


def write_html(
    run: Mapping, per_atom: Mapping[str, np.ndarray], path: str | os.PathLike
) -> Path:
    """Write the page of a run, whole or not at all.

    :param run: as for :func:`hnmref.report.json_report.write_json`; its
        ``parameters``, where it has them, are shown as text.
    :param per_atom: arrays of one entry an atom: ``chain_id``, ``residue``
        (number with insertion code), ``atom_name``, ``b_group_eq``,
        ``b_local``, ``b_total`` (Å²), ``anisotropy`` (smallest over largest
        eigenvalue of total U, NaN where U is zero), ``assigned`` (bool),
        ``sites`` (N, 3) Å and ``u_group`` (N, 6) Å².
    :raises HnmrefError: something is missing or not finite.
    """
    run = plain_run(run)
    atoms = check_per_atom(per_atom)
    traces = chain_traces(atoms)
    sections = [
        _headline(run, atoms),
        _progress(run),
        _profiles(traces),
        _ellipsoids(traces),
        _chains(atoms),
        _groups(run),
        _local_only(run),
        page.section("Notes and repairs", page.items(run["notes"])),
        _provenance(run),
    ]
    return write_text(path, page.page(_title(run), filter(None, sections)))


def _title(run: dict) -> str:
    name = Path(run["input"].get("model", "model")).name
    return f"{name}: {GROUP_ADP.get(run['group_adp'], run['group_adp'])}"


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.2f}"


def _headline(run: dict, atoms: dict) -> str:
    start, final = run["start"], run["final"]
    parameters = max((c.get("n_parameters", 0) for c in run["cycles"]), default=0)

    def change(key: str) -> str:
        return f"{_percent(start[key])} → {_percent(final[key])}"

    def gap(values: dict) -> str:
        return _percent(values["r_free"] - values["r_work"])

    data = Path(run["input"].get("data", "")).name
    return "\n".join(
        [
            f"<header><h1>{page.escape(_title(run))}</h1>",
            page.paragraph(f"against {data}" if data else "", quiet=True),
            page.cards(
                page.card(change("r_work"), "R_work (%)"),
                page.card(change("r_free"), "R_free (%)"),
                page.card(f"{gap(start)} → {gap(final)}", "R_free − R_work"),
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


def _progress(run: dict) -> str:
    cycles = run["cycles"]
    if not cycles:
        return page.section("Progress", page.paragraph("No step was taken."))
    alt = (
        f"R_work and R_free at the start and after each of {len(cycles)} steps; "
        f"R_free goes from {_percent(run['start']['r_free'])} "
        f"to {_percent(run['final']['r_free'])} %."
    )
    # "left" is for those who wait.
    columns = [column for column in COLUMNS if column.title != "left"]
    first_of_cycle = [
        i
        for i, step in enumerate(cycles)
        if i and step["cycle"] != cycles[i - 1]["cycle"]
    ]
    return page.section(
        "Progress",
        page.figure(
            plots.plot_r_factors(run["start"], cycles),
            alt,
            "R_work and R_free after every step; the shaded band is the gap.",
        ),
        page.table(
            [column.title for column in columns],
            [[column.cell(step).strip() for column in columns] for step in cycles],
            text_columns=(1,),
            ruled_rows=first_of_cycle,
        ),
    )


def _profiles(traces: list[ChainTrace]) -> str:
    if not traces:
        return ""
    by_length = sorted(traces, key=lambda trace: -len(trace.residues))
    drawn = [trace for trace in traces if trace in by_length[:MAX_PROFILES]]
    b_limit = 1.12 * max(float(trace.b_total.max()) for trace in drawn)
    figures = [
        page.figure(
            plots.plot_b_profile(trace, b_limit),
            f"B and anisotropy along chain {trace.name}",
            _profile_caption(trace),
        )
        for trace in drawn
    ]
    rest = len(traces) - len(drawn)
    return page.section(
        "B along the chains",
        page.paragraph(
            "Residue means. Collective motion (group) stands on the individual part "
            "(local). Anisotropy is the smallest over the largest principal "
            "component of total U: 1 is a sphere. All chains have the same scale."
        ),
        *figures,
        page.paragraph(
            f"{rest} shorter chains are not drawn; the table of chains has them all."
        )
        if rest
        else "",
    )


def _profile_caption(trace: ChainTrace) -> str:
    return (
        f"Chain {trace.name}, {len(trace.residues)} residues: mean B "
        f"{trace.b_total.mean():.1f} Å², of it {trace.b_group.mean():.1f} from the "
        f"group and {trace.b_local.mean():.1f} local; mean anisotropy "
        f"{trace.anisotropy.mean():.2f}."
    )


def _ellipsoids(traces: list[ChainTrace]) -> str:
    picture = plots.plot_ellipsoids(traces)
    if picture is None:
        return ""
    data_uri, enlarged, stride = picture
    caption = (
        "50% probability ellipsoids of U_group on the chains' trace (Cα or C1′), in "
        "two views at right angles; the line in each is its longest axis."
    )
    if enlarged > 1:
        caption += f" Ellipsoids are enlarged {enlarged} times."
    if stride > 1:
        caption += f" One residue in {stride} has one."
    return page.section(
        "Collective motion",
        page.figure(data_uri, "Two projections: " + caption, caption),
    )


def _chains(atoms: dict[str, np.ndarray]) -> str:
    summaries = chain_summaries(atoms)
    rows = [
        [
            chain.name.strip() or "(blank)",
            f"{chain.n_atoms:,}",
            f"{chain.n_assigned:,}",
            f"{chain.b_total:.1f}",
            f"{chain.b_group:.1f}",
            f"{chain.b_local:.1f}",
            f"{chain.anisotropy:.2f}",
        ]
        for chain in summaries[:MAX_ROWS]
    ]
    titles = ["chain", "atoms", "in a group", "⟨B⟩", "group", "local", "anisotropy"]
    return page.section("Chains", page.table(titles, rows), _cut(len(summaries)))


def _groups(run: dict) -> str:
    groups = run["groups"]
    rows = [
        [
            str(group["label"]),
            str(group["selection"]),
            f"{group['atoms']:,}",
            f"{group['modes']:,}",
            f"{group['parameters']:,}",
        ]
        for group in groups[:MAX_ROWS]
    ]
    titles = ["group", "selection", "atoms", "modes", "parameters"]
    return page.section(
        "Substructures", page.table(titles, rows, (0, 1)), _cut(len(groups))
    )


def _cut(n_rows: int) -> str:
    if n_rows <= MAX_ROWS:
        return ""
    return page.paragraph(f"The first {MAX_ROWS} of {n_rows}.", quiet=True)


def _local_only(run: dict) -> str:
    atoms = run["atoms"]
    reasons = [[why, f"{n:,}"] for why, n in atoms["reasons"].items()]
    return page.section(
        "Atoms",
        page.paragraph(
            f"{atoms['assigned']:,} atoms move with a group, {atoms['local_only']:,} "
            "have only their own B. All of them are in the structure factors."
        ),
        page.table(["only their own B because", "atoms"], reasons),
    )


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
