"""How close refined U come to the U of the same crystal at high resolution.

    python -m regression.truth --jobs 2
    python -m regression.truth --entries 1exr --cuts 3.0 --rows none hnm
    python -m regression.truth --report-only

Entries whose anisotropic U were refined atom by atom at 1.0 to 1.6 A are refined
again from a flat B with their data cut, by isotropic B, TLS and normal modes (without a
prior, by default, and with numbers of modes found from the data); the sites are the
deposited ones. Their total U is held against the deposited: over the
atoms with a deposited ANISOU, waters and hydrogens left out, and after a constant is
added that makes the mean equivalent U the same (data cannot tell it from the scale).

- KL: median symmetric Kullback-Leibler divergence of an atom;
- anisotropy: cosine between the parts without a trace, 0 for isotropic U;
- U_eq: correlation of equivalent U;
- angle: median angle between the longest axes, degrees, where both U have a ratio of
  the smallest to the largest principal value below 0.7;
- atoms: how many there were. Where a few atoms have a very large U, the constant takes
  the smallest below zero, and these are left out.

Figures of a finished run are kept as RESULTS/ENTRY_ROW-CUT.json (the run) and
.likeness (these figures); the run is not made again unless its parameters have
changed. Then RESULTS-truth.md is made from what there is.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import hnmref  # noqa: F401  (cctbx's extensions load first)

import iotbx.pdb
import numpy as np

from benchmarks.entries import Entry, find_entry
from benchmarks.options import add_run_options
from benchmarks.rows import BASELINES, COMMON, OURS, ROWS
from benchmarks.runs import Record, Run, read_records, refine_all
from benchmarks.tables import run_conditions
from hnmref.adp.comparison import likeness, positive_definite
from hnmref.adp.metrics import (
    B_PER_U,
    anisotropy,
    longest_axis_angle,
    match_mean_u_eq,
)
from hnmref.files import write_text

#: Entries with individual anisotropic U.
ENTRIES = ("1exr", "2xiu", "4hg7")
CUTS = (2.5, 3.0, 3.5)
#: The thesis's method, without a prior; and numbers of modes found from the data.
THESIS, AUTO = "hnm-no-prior", "hnm-auto"
#: What each row asks for.
TRUTH_ROWS = {
    **{row: ROWS[row] for row in ("none", *BASELINES)},
    THESIS: (*ROWS[OURS], "hnm.prior_weight=0"),
    OURS: ROWS[OURS],
    AUTO: (*ROWS[OURS], "hnm.n_whole=Auto", "hnm.n_substructure=Auto"),
}
SELECTION = "not water and not (element H or element D)"
#: Ratio of principal values below which a longest axis has a meaning.
ANISOTROPIC = 0.7
#: What a model file has in the place of an anisotropic U.
_NO_ANISO = -1.0


def truth_run(entry: Entry, row: str, cut: float, extra, work_dir: Path) -> Run:
    """One refinement against cut data."""
    parameters = (*COMMON, *TRUTH_ROWS[row], f"data.high_resolution={cut}", *extra)
    return Run(entry, row_name(row, cut), parameters, work_dir)


def row_name(row: str, cut: float) -> str:
    """What a run is called in file names."""
    return f"{row}-{cut:g}"


def figures_file(results: Path, entry: str, row: str) -> Path:
    """Where the figures of a run are kept."""
    return results / f"{entry}_{row}.likeness"


def displacements(path: Path) -> dict[str, tuple[np.ndarray, float]]:
    """U (6,), all -1 without ANISOU, and B of every atom of a file, by its label; A**2."""
    hierarchy = iotbx.pdb.input(str(path)).construct_hierarchy()
    hierarchy = hierarchy.select(hierarchy.atom_selection_cache().selection(SELECTION))
    return {
        atom.id_str(): (np.array(atom.uij), atom.b)
        for atom in hierarchy.atoms_with_labels()
    }


def truth_figures(model: Path, deposited: Path) -> dict[str, float]:
    """The figures of one refined model."""
    refined, truth = displacements(model), displacements(deposited)
    labels = [
        label
        for label, (u, _) in truth.items()
        if label in refined and (u != _NO_ANISO).any()
    ]
    reference = np.array([truth[label][0] for label in labels])
    u = np.array([_total(*refined[label]) for label in labels])
    good = positive_definite(reference) & positive_definite(u)
    reference, u = reference[good], match_mean_u_eq(u[good], reference[good])
    # The constant may take a tensor below zero.
    good = positive_definite(u)
    reference, u = reference[good], u[good]
    figures = likeness(u, reference).as_dict()
    both = (anisotropy(u) < ANISOTROPIC) & (anisotropy(reference) < ANISOTROPIC)
    angles = longest_axis_angle(u[both], reference[both])
    return {
        "n_atoms": len(u),
        **figures,
        "angle": float(np.median(angles)) if len(angles) else None,
    }


def _total(u: np.ndarray, b: float) -> np.ndarray:
    """U of an atom with or without ANISOU."""
    if (u != _NO_ANISO).any():
        return u
    return b / B_PER_U * np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0])


def markdown(
    records: dict[tuple[str, str], Record],
    figures: dict[tuple[str, str], dict],
    entries: Sequence[str],
    cuts: Sequence[float],
    rows: Sequence[str],
) -> str:
    """The whole report."""
    parts = ["# Refined U against deposited U, data cut"]
    for cut in cuts:
        parts.append(f"## {cut:g} Å")
        parts.append("\n".join(_table(records, figures, entries, cut, rows)))
    parts.append("\n".join(_wins(figures, entries, cuts)))
    names = [row_name(row, cut) for row in rows for cut in cuts]
    parts.append("\n".join(run_conditions(records, names)))
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(records, figures, entries, cut, rows) -> Iterator[str]:
    yield "| entry | row | R_work/R_free | median KL | anisotropy | U_eq | angle | atoms |"
    yield "|---|---|---|---|---|---|---|---|"
    for entry in entries:
        for row in rows:
            key = (entry, row_name(row, cut))
            if key not in figures:
                continue
            record, f = records[key], figures[key]
            cells = [
                entry,
                row,
                f"{100 * record.r_work:.1f}/{100 * record.r_free:.1f}",
                f"{f['median_kl']:.3f}",
                f"{f['deviatoric_correlation'] or 0:.3f}",
                f"{f['u_eq_correlation']:.3f}",
                "-" if f["angle"] is None else f"{f['angle']:.0f}",
                str(f["n_atoms"]),
            ]
            yield f"| {' | '.join(cells)} |"


def _wins(figures, entries, cuts) -> Iterator[str]:
    """In how many entries and cuts normal modes beat all that is not, by each figure."""
    keys = [(entry, cut) for entry in entries for cut in cuts]
    for ours in (THESIS, OURS, AUTO):
        for name, sign in (
            ("median_kl", -1),
            ("deviatoric_correlation", 1),
            ("u_eq_correlation", 1),
        ):
            won = n_known = 0
            for entry, cut in keys:
                values = {
                    row: sign * (figures[entry, row_name(row, cut)][name] or 0)
                    for row in (ours, "none", *BASELINES)
                    if (entry, row_name(row, cut)) in figures
                }
                if ours in values and len(values) > 1:
                    n_known += 1
                    won += values[ours] >= max(values.values())
            if n_known:
                yield f"- {name}: {ours} closest in {won} of {n_known}."


def main(args: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_run_options(parser)
    parser.add_argument("--entries", nargs="+", default=ENTRIES)
    parser.add_argument("--cuts", nargs="+", type=float, default=CUTS)
    parser.add_argument("--rows", nargs="+", choices=TRUTH_ROWS, default=list(TRUTH_ROWS))
    options = parser.parse_args(args)
    entries = {name: find_entry(options.pdb_dir, name) for name in options.entries}
    runs = [
        truth_run(entry, row, cut, options.extra, options.work_dir)
        for entry in entries.values()
        for cut in options.cuts
        for row in options.rows
    ]

    def keep(record: Record) -> None:
        if record.error:
            return
        model = options.work_dir / record.entry / record.row / "run_001.cif"
        found = truth_figures(model, entries[record.entry].model)
        write_text(
            figures_file(options.results, record.entry, record.row),
            json.dumps(found, indent=1) + "\n",
        )

    if not options.report_only:
        refine_all(runs, options.results, options.jobs, kept=keep)
    records = read_records(options.results)
    figures = {
        key: json.loads(figures_file(options.results, *key).read_text(encoding="utf-8"))
        for key in records
        if figures_file(options.results, *key).is_file()
    }
    text = markdown(records, figures, options.entries, options.cuts, options.rows)
    path = options.results.with_name(f"{options.results.name}-truth.md")
    write_text(path, text)
    print(text)


if __name__ == "__main__":
    main()
