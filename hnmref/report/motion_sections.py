"""Parts of a run's page that tell of displacements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hnmref.report import motion_charts, page
from hnmref.report.charts import chain_profile
from hnmref.report.fit_sections import Charts, placed
from hnmref.report.residues import ChainTrace, chain_summaries, local_only
from hnmref.report.viewer import controls

#: Chains with a profile of their own: more would make a page nobody can open.
MAX_PROFILES = 24
#: Rows of a table, for the same reason.
MAX_ROWS = 500
#: Motions of each group that have a row, and modes that it names.
_MOTIONS_A_GROUP = 3
_MODES_NAMED = 4


def view(viewer: Mapping | None) -> str:
    """The model in three dimensions."""
    if viewer is None:
        return ""
    caption = (
        "The chains' trace (Cα or C1′) with ellipsoids of displacement. Drag to turn, "
        "scroll to come nearer, point at a residue for its figures."
    )
    if viewer["stride"] > 1:
        caption += f" One residue in {viewer['stride']} has an ellipsoid."
    if viewer["motions"]:
        caption += (
            " A chosen motion swings about the refined model; the lines are its root "
            "mean square displacement both ways, enlarged as much."
        )
    return page.section(
        "In three dimensions",
        page.chart(
            "view",
            560,
            "Trace of the chains with an ellipsoid of displacement at each residue.",
            caption,
            controls(viewer),
        ),
    )


def profiles(traces: Sequence[ChainTrace], charts: Charts) -> str:
    """B along each chain, split, with anisotropy and map correlation."""
    if not traces:
        return ""
    by_length = sorted(traces, key=lambda trace: -len(trace.residues))
    drawn = [trace for trace in traces if trace in by_length[:MAX_PROFILES]]
    b_limit = 1.08 * max(
        float(np.max([t.b_total.max(), 0.0 if t.b_whole is None else t.b_whole.max()]))
        for t in drawn
    )
    rooms = [
        placed(
            charts,
            f"profile-{number}",
            chain_profile(trace, b_limit),
            f"B and anisotropy along chain {trace.name}",
            _profile_caption(trace),
        )
        for number, trace in enumerate(drawn)
    ]
    rest = len(traces) - len(drawn)
    return page.section(
        "B along the chains",
        page.paragraph(_profile_text(drawn)),
        *rooms,
        page.paragraph(
            f"{rest} shorter chains are not drawn; the table of chains has them all."
        )
        if rest
        else "",
    )


def _profile_text(traces: Sequence[ChainTrace]) -> str:
    text = "Residue means; all chains have the same scale."
    if any(trace.b_group.any() for trace in traces):
        text += (
            " The individual part (local) stands on the collective one (group). "
            "Anisotropy is the smallest over the largest principal component of total "
            "U: 1 is a sphere."
        )
    if any(trace.b_whole is not None for trace in traces):
        text += (
            " The dotted line is what the modes of the whole complex give alone (stage "
            "one): where group stands above it, the substructure's own modes have "
            "added motion; where below, taken some away."
        )
    if any(trace.b_group_error is not None for trace in traces):
        text += (
            " The dark band about the group's B is its standard error, as the data, "
            "restraint and prior leave it when all else is taken as known."
        )
    return text


def _profile_caption(trace: ChainTrace) -> str:
    text = (
        f"Chain {trace.name.strip() or '(blank)'}, {len(trace.residues)} residues: "
        f"mean B {trace.b_total.mean():.1f} Å²"
    )
    if trace.b_group.any():
        text += (
            f", of it {trace.b_group.mean():.1f} from the group and "
            f"{trace.b_local.mean():.1f} local"
        )
    if trace.b_whole is not None:
        text += f" (whole complex alone: {trace.b_whole.mean():.1f})"
    return text + f"; mean anisotropy {trace.anisotropy.mean():.2f}."


def chains(atoms: dict[str, np.ndarray]) -> str:
    """Means of every chain."""
    summaries = chain_summaries(atoms)
    with_whole = "b_whole_eq" in atoms
    with_group = any(chain.n_assigned and chain.b_group > 0 for chain in summaries)
    rows = []
    for chain in summaries[:MAX_ROWS]:
        row = [chain.name.strip() or "(blank)", f"{chain.n_atoms:,}"]
        row.append(f"{chain.b_total:.1f}")
        if with_group:
            row.append(f"{chain.n_assigned:,}")
        if with_whole:
            row.append(f"{chain.b_whole:.1f}")
            row.append(f"{chain.b_group - chain.b_whole:+.1f}")
        if with_group:
            row += [f"{chain.b_group:.1f}", f"{chain.b_local:.1f}"]
            row.append(f"{chain.anisotropy:.2f}")
        rows.append(row)
    titles = ["chain", "atoms", "⟨B⟩"]
    if with_group:
        titles.append("in a group")
    if with_whole:
        titles += ["whole", "substructure"]
    if with_group:
        titles += ["= group" if with_whole else "group", "+ local", "anisotropy"]
    return page.section("Chains", page.table(titles, rows), _cut(len(summaries)))


def spectrum(run: dict, charts: Charts) -> str:
    """Eigenvalues of Π against frequency, and the largest motions."""
    motions = run["motions"]
    if not any(sum(motion["motions"]["variance"]) for motion in motions):
        return ""
    return page.section(
        "Spectrum of the refined motion",
        page.paragraph(
            "Each point is one refined motion of a group: an eigenvector of its "
            "covariance EΠEᵀ. The eigenvalue is the mean square displacement of an "
            "atom in it, the frequency that of the network's modes that it is made of "
            "(root of their mean eigenvalue; 0 is rigid). Thermal motion of the "
            "network would fall as the square of the frequency."
        ),
        placed(
            charts,
            "spectrum",
            motion_charts.spectrum(motions),
            "Eigenvalues of the covariance of each group against frequency.",
            _spectrum_caption(motions[0]),
        ),
        page.table(
            ["group", "motion", "⟨u²⟩ (Å²)", "share", "collectivity", "modes in it"],
            _motion_rows(motions)[:MAX_ROWS],
            (0, 5),
        ),
    )


def _spectrum_caption(whole: Mapping) -> str:
    variance = np.array(whole["motions"]["variance"])
    n_most = int(np.searchsorted(np.cumsum(variance), 0.9 * variance.sum())) + 1
    return (
        f"Of the {len(variance)} motions of the whole complex, the {n_most} largest "
        f"make 90% of its mean square displacement, {variance.sum():.2f} Å²."
    )


def _motion_rows(motions: Sequence[Mapping]) -> list[list[str]]:
    rows = []
    for group in motions:
        values = group["motions"]
        total = sum(values["variance"]) or 1.0
        for i, variance in enumerate(values["variance"][:_MOTIONS_A_GROUP]):
            weights = np.array(values["weights"][i])
            named = np.argsort(-weights)[:_MODES_NAMED]
            rows.append(
                [
                    group["label"],
                    f"{i + 1}",
                    f"{variance:.3f}",
                    f"{100 * variance / total:.0f}%",
                    f"{values['collectivity'][i]:.2f}",
                    ", ".join(f"{m + 1} ({100 * weights[m]:.0f}%)" for m in named),
                ]
            )
    return rows


def modes(run: dict, charts: Charts) -> str:
    """Which modes matter."""
    motions = run["motions"]
    if not any(sum(motion["modes"]["variance"]) for motion in motions):
        return ""
    return page.section(
        "Which modes matter",
        placed(
            charts,
            "modes",
            motion_charts.mode_shares(motions),
            "Share of each mode in the mean square displacement, and collectivity.",
            "Above, a mode's own share of its group's mean square displacement. Below, "
            "the part of the atoms that move in it: 1 where all move alike, small "
            "where only a loop or an end does.",
        ),
    )


def groups(run: dict) -> str:
    """The groups, with what each refines."""
    listed = run["groups"]
    rows = [
        [
            str(group["label"]),
            str(group["selection"]),
            f"{group['atoms']:,}",
            f"{group['modes']:,}",
            f"{group['parameters']:,}",
        ]
        for group in listed[:MAX_ROWS]
    ]
    titles = ["group", "selection", "atoms", "modes", "parameters"]
    return page.section(
        "Substructures", page.table(titles, rows, (0, 1)), _cut(len(listed))
    )


def neighbours(run: dict, charts: Charts) -> str:
    """P_KL of bonded and near atoms, and B_KL."""
    values = run["neighbours"]
    if not values["n_near"]:
        return ""
    figure_rows = [
        ["P_KL, bonded atoms", values["p_kl_bonded"], "1/Å", values["n_bonded"]],
        ["P_KL, atoms within 5 Å", values["p_kl_near"], "1/Å", values["n_near"]],
        ["B_KL over the groups' borders", values["b_kl"], "", values["n_boundary"]],
        ["difference along bonds, rms", values["rigid_bond"], "Å²", values["n_bonded"]],
    ]
    rows = [
        [what, f"{number:.4f} {unit}".strip(), f"{n:,}"]
        for what, number, unit, n in figure_rows
        if number is not None
    ]
    return page.section(
        "From atom to atom",
        page.paragraph(
            "P_KL is the symmetric Kullback–Leibler divergence of two atoms' total U "
            "over twice their distance: 0 where they are the same. B_KL is its mean "
            "over pairs across the borders of groups, over that inside: above 1, U "
            "jumps at the borders. Along a rigid bond the difference would be zero."
        ),
        placed(
            charts,
            "neighbours",
            motion_charts.neighbour_divergence(values["histogram"]),
            "Distribution of P_KL over bonded atoms and over atoms within 5 Å.",
            "Share of pairs by P_KL; no hydrogens, no waters.",
        ),
        page.table(["", "value", "pairs"], rows),
    )


def local_only_atoms(run: dict, atoms: dict[str, np.ndarray]) -> str:
    """Atoms that have only their own B, and why."""
    counts = run["atoms"]
    if not run["groups"]:
        return ""
    rows = [
        [
            group.reason,
            f"{group.n_atoms:,}",
            f"{group.b_total:.1f}",
            ", ".join(group.examples),
        ]
        for group in local_only(atoms)
    ]
    return page.section(
        "Atoms",
        page.paragraph(
            f"{counts['assigned']:,} atoms move with a group, {counts['local_only']:,} "
            "have only their own B. All of them are in the structure factors."
        ),
        page.table(
            ["only their own B because", "atoms", "⟨B⟩", "the first of them"],
            rows,
            (0, 3),
        ),
    )


def _cut(n_rows: int) -> str:
    if n_rows <= MAX_ROWS:
        return ""
    return page.paragraph(f"The first {MAX_ROWS} of {n_rows}.", quiet=True)
