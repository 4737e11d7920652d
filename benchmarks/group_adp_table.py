"""R_work and R_free of normal modes, TLS and neither, on real entries.

    python -m benchmarks.group_adp_table --jobs 2
    python -m benchmarks.group_adp_table --results benchmarks/results/2026-01-31
    python -m benchmarks.group_adp_table --report-only

Every run of hnmref.refine is a process of its own, with one BLAS thread. Sites
are fixed, all B start at 20 A**2, and there are three macro-cycles. The figures
of a finished run are kept as RESULTS/ENTRY_ROW.json, and the run is not made
again unless its parameters (or the defaults) have changed; one that failed is
tried again. Beside it, ENTRY_ROW.npz keeps what the run computed for the free
reflections. Then RESULTS-group-adp.md, .csv and .png are made from what there is
and from the entries' data. The runs' own files, in the work directory, are not
needed for that.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from benchmarks.entries import CHECKOUT, Entry, find_entry
from benchmarks.options import add_run_options
from benchmarks.rows import BASELINES, COMMON, OURS, ROWS
from benchmarks.runs import (
    Record,
    Run,
    free_model_file,
    refine_all,
    select_records,
)
from hnmref.files import write_text

ENTRIES = (
    "2r4r 3uj4 3oe9 2x10 4ctd 1il5 4drw 2jee 1ok9 3kyi 2pro 4byh 3t5o"
).split()

#: Seed of the bootstrap.
SEED = 2679941


def table_run(entry: Entry, row: str, extra: Iterable[str], work_dir: Path) -> Run:
    """One run of the table."""
    return Run(entry, row, (*COMMON, *ROWS[row], *extra), work_dir)


def keep_reflections(options: argparse.Namespace, runs: Iterable[str] = ()) -> None:
    """Keep the reflections of runs (``ENTRY_ROW``; default: of all that lack them).

    In a process of its own: what it imports would count as memory of the runs
    that this one starts afterwards.
    """
    command = [sys.executable, "-m", "benchmarks.reflections", *runs]
    for name in ("results", "work_dir", "pdb_dir"):
        path = getattr(options, name).resolve()
        command += ["--" + name.replace("_", "-"), str(path)]
    if subprocess.run(command, cwd=CHECKOUT, check=False).returncode:
        print("Reflections were not kept, for the reason above", flush=True)


def report(results: Path, pdb_dir: Path, entries: list[str]) -> None:
    """Write the table, its CSV and the picture from what there is."""
    from benchmarks.comparison import can_compare
    from benchmarks.tables import csv_text, markdown

    records = select_records(results, entries, ROWS)
    done = {key: record for key, record in records.items() if not record.error}
    kept = [key for key in done if free_model_file(results, *key).is_file()]
    not_kept = [" ".join(key) for key in done if key not in kept]
    compared = []
    for entry in entries:
        usable = {row: done[entry, row] for row in ROWS if (entry, row) in kept}
        if can_compare(usable):
            compared.append(_compare(entry, usable, results, pdb_dir))
    stem = f"{results.name}-group-adp"
    text = markdown(records, compared, entries, not_kept)
    write_text(results.with_name(f"{stem}.md"), text)
    write_text(results.with_name(f"{stem}.csv"), csv_text(records, compared))
    if compared:
        from benchmarks.figure import draw

        draw(compared, results.with_name(f"{stem}.png"))
    print(text)


def _compare(entry: str, records: dict[str, Record], results: Path, pdb_dir: Path):
    """The comparison of an entry's rows that are there.

    :raises SystemExit: a run and the data do not belong together.
    """
    from benchmarks import reflections

    import numpy as np

    from benchmarks.bootstrap import chosen_on_one_half, resampled_r_free
    from benchmarks.comparison import entry_result

    runs = {
        row: reflections.read_free_model(free_model_file(results, entry, row))
        for row in records
    }
    files = find_entry(pdb_dir, entry)
    data = reflections.read_entry_data(files, records[OURS].parameters)
    try:
        for row, run in runs.items():
            reflections.check_r_free(run, data, records[row])
        free = reflections.free_set(runs, data)
    except reflections.Disagreement as error:
        raise SystemExit(str(error)) from error
    rng = np.random.default_rng(SEED)
    baselines = [row for row in BASELINES if row in records]
    return entry_result(
        entry,
        {row: record.r_free for row, record in records.items()},
        resampled_r_free(free, rng),
        chosen_on_one_half(free, OURS, baselines, rng),
    )


def main(args: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_run_options(parser)
    parser.add_argument("--entries", nargs="+", default=ENTRIES)
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    options = parser.parse_args(args)
    # Of runs that were interrupted between their record and their reflections.
    keep_reflections(options)
    if not options.report_only:
        entries = [find_entry(options.pdb_dir, name) for name in options.entries]
        entries.sort(key=lambda entry: entry.n_atoms())
        runs = [
            table_run(entry, row, options.extra, options.work_dir)
            for entry in entries
            for row in options.rows
        ]
        refine_all(
            runs,
            options.results,
            options.jobs,
            kept=lambda record: keep_reflections(
                options, [f"{record.entry}_{record.row}"]
            ),
        )
    report(options.results, options.pdb_dir, options.entries)


if __name__ == "__main__":
    main()
