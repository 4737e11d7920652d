"""hnmref.refine on every entry: does it run, and what does it give?

    python -m benchmarks.all_entries --jobs 2
    python -m benchmarks.all_entries --strategy sites+adp --entries 4drw 2jee
    python -m benchmarks.all_entries --quick

Each entry is refined with the defaults, in a process of its own with one BLAS
thread, the smaller ones first. The figures of a finished run are kept as
RESULTS/ENTRY_STRATEGY.json, and the run is not made again unless its parameters
(or the defaults) have changed; one that failed is tried again. Then
RESULTS-all-entries-STRATEGY.md is made from what there is. The exit code is 1 if
an entry has failed.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from benchmarks.entries import Entry, find_all, find_entry
from benchmarks.options import add_run_options
from benchmarks.runs import Record, Run, refine_all, select_records
from benchmarks.tables import figures_cell, run_conditions
from hnmref.files import write_text

STRATEGIES = ("adp", "sites+adp")

#: Enough to see whether an entry goes through; the R factors are not the best.
QUICK = (
    "main.number_of_macro_cycles=1",
    "u_local.optimize_weight=False",
    "hnm.max_iterations=25",
)

Records = dict[tuple[str, str], Record]


def row_name(strategy: str, quick: bool) -> str:
    """What the runs are called in file names."""
    return f"{strategy}-quick" if quick else strategy


def entry_run(
    entry: Entry, strategy: str, quick: bool, extra: Iterable[str], work_dir: Path
) -> Run:
    """One entry's run."""
    parameters = (f"strategy={strategy}", *(QUICK if quick else ()), *extra)
    return Run(entry, row_name(strategy, quick), parameters, work_dir)


def markdown(records: Records, row: str, entries: Sequence[str]) -> str:
    """The whole report, the entries in their order."""
    parts = [
        f"# All entries, {row}: R_work/R_free in %",
        "\n".join(_table(records, row, entries)),
        "\n".join(_summary(records, entries)),
        "\n".join(run_conditions(records, [row])),
    ]
    return "\n\n".join(parts) + "\n"


def _table(records: Records, row: str, entries: Sequence[str]) -> Iterator[str]:
    yield "| entry | start | final | R_free change | parameters | seconds | MB |"
    yield "|---|---|---|---|---|---|---|"
    for entry in entries:
        record = records.get((entry, row))
        start, change, others = "", "", [""] * 3
        if record is not None:
            n_parameters = sum(record.n_parameters.values())
            others = [n_parameters, f"{record.seconds:.0f}", f"{record.peak_mb:.0f}"]
        if record is not None and not record.error:
            r_work, r_free = record.start["r_work"], record.start["r_free"]
            start = f"{100 * r_work:.2f}/{100 * r_free:.2f}"
            change = f"{100 * (record.r_free - r_free):+.2f}"
        cells = [entry, start, figures_cell(record), change, *others]
        yield f"| {' | '.join(map(str, cells))} |"


def _summary(records: Records, entries: Sequence[str]) -> Iterator[str]:
    done = [record for record in records.values() if not record.error]
    yield (
        f"- {len(done)} of {len(entries)} entries without error, "
        f"{len(records) - len(done)} failed, {len(entries) - len(records)} not run."
    )
    if done:
        changes = [record.r_free - record.start["r_free"] for record in done]
        yield (
            f"- R_free fell in {sum(change < 0 for change in changes)} of {len(done)}; "
            f"mean change {100 * sum(changes) / len(done):+.2f} points."
        )


def main(args: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_run_options(parser)
    parser.add_argument("--entries", nargs="+", help="identifiers (default: all)")
    parser.add_argument("--strategy", choices=STRATEGIES, default="adp")
    parser.add_argument(
        "--quick", action="store_true", help="one macro-cycle, few iterations"
    )
    options = parser.parse_args(args)
    if options.entries:
        entries = [find_entry(options.pdb_dir, name) for name in options.entries]
    else:
        entries = find_all(options.pdb_dir)
    entries.sort(key=lambda entry: entry.n_atoms())
    if not options.report_only:
        runs = [
            entry_run(
                entry, options.strategy, options.quick, options.extra, options.work_dir
            )
            for entry in entries
        ]
        refine_all(runs, options.results, options.jobs)
    row = row_name(options.strategy, options.quick)
    names = [entry.id for entry in entries]
    records = select_records(options.results, names, [row])
    text = markdown(records, row, names)
    write_text(
        options.results.with_name(f"{options.results.name}-all-entries-{row}.md"), text
    )
    print(text)
    if any(record.error for record in records.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
