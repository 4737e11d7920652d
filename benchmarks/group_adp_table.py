"""R_work and R_free of normal modes, TLS and neither, on real entries.

    python -m benchmarks.group_adp_table --jobs 2
    python -m benchmarks.group_adp_table --results benchmarks/results/2026-01-31
    python -m benchmarks.group_adp_table --report-only

Every run of hnmref.refine is a process of its own, with one BLAS thread. Sites
are fixed, all B start at 20 A**2, and there are three macro-cycles. The figures
of a finished run are kept as RESULTS/ENTRY_ROW.json, and the run is not made
again unless its parameters (or the defaults) have changed; one that failed is
tried again. Then RESULTS-group-adp.md, .csv and .png are made from what there is.
The runs' own files stay in the work directory; the report reads their reflections.
"""

from __future__ import annotations

import argparse
import datetime
from pathlib import Path

from benchmarks.conditions import source_version
from benchmarks.entries import CHECKOUT, add_pdb_dir, find_entry
from benchmarks.processes import Finished, run_all
from benchmarks.runs import (
    ROWS,
    Record,
    Run,
    is_finished,
    mtz_file,
    read_records,
    write_record,
)
from hnmref.files import write_text

ENTRIES = (
    "2r4r 3uj4 3oe9 2x10 4ctd 1il5 4drw 2jee 1ok9 3kyi 2pro 4byh 3t5o"
).split()

#: Seed of the bootstrap.
SEED = 2679941

#: How far R_free of a run's MTZ may be from the one it reported.
_MTZ_TOLERANCE = 2e-4


def refine_all(runs: list[Run], results: Path, n_at_once: int) -> None:
    """Make the runs that are not finished, and keep a record of each."""
    results.mkdir(parents=True, exist_ok=True)
    records = read_records(results)
    missing = [run for run in runs if not is_finished(run, records)]
    print(f"{len(runs) - len(missing)} runs are finished, {len(missing)} to do")
    source = source_version()

    def keep(run: Run, finished: Finished) -> None:
        record = run.record(finished, source)
        write_record(record, results)
        print(f"{run.entry.id} {run.row}: {_in_short(record)}", flush=True)

    run_all(missing, Run.launch, keep, n_at_once)


def _in_short(record: Record) -> str:
    if record.error:
        return f"failed, {record.error}"
    return (
        f"R_work {record.r_work:.4f}, R_free {record.r_free:.4f}, "
        f"{record.seconds:.0f} s, {record.peak_mb:.0f} MB"
    )


def report(results: Path, work_dir: Path, entries: list[str]) -> None:
    """Write the table, its CSV and the picture from the records that there are."""
    from benchmarks.tables import csv_text, markdown

    records = {
        (entry, row): record
        for (entry, row), record in read_records(results).items()
        if entry in entries and row in ROWS
    }
    if not records:
        raise SystemExit(
            f"{results} has no records of these entries: name another with --results"
        )
    complete = [
        entry
        for entry in entries
        if all((entry, row) in records for row in ROWS)
        and not any(records[entry, row].error for row in ROWS)
    ]
    compared = [_compare(entry, records, work_dir) for entry in complete]
    stem = f"{results.name}-group-adp"
    text = markdown(records, compared, entries)
    write_text(results.with_name(f"{stem}.md"), text)
    write_text(results.with_name(f"{stem}.csv"), csv_text(records, compared))
    if compared:
        from benchmarks.figure import draw

        draw(compared, results.with_name(f"{stem}.png"))
    print(text)


def _compare(entry: str, records: dict, work_dir: Path):
    """The comparison of one entry's rows, all of them finished."""
    from benchmarks.reflections import read_free_set

    import numpy as np

    from benchmarks.bootstrap import chosen_on_one_half, r_factor, resampled_r_free
    from benchmarks.comparison import BASELINES, OURS, entry_result

    files = {row: mtz_file(work_dir, entry, row) for row in ROWS}
    for row, path in files.items():
        if not path.is_file():
            raise SystemExit(
                f"{path} is missing: name the runs' directory with --work-dir, or "
                f"remove the record {entry}_{row}.json to make the run again"
            )
        own = read_free_set({row: path})
        r_free = r_factor(own.f_obs, own.f_model[row], np.ones(len(own.f_obs)))
        if abs(r_free - records[entry, row].r_free) > _MTZ_TOLERANCE:
            raise SystemExit(
                f"{path} has R_free {r_free:.4f}, the record {entry}_{row}.json "
                f"{records[entry, row].r_free:.4f}: they are of different runs; "
                "remove the record to make the run again"
            )
    free = read_free_set(files)
    rng = np.random.default_rng(SEED)
    return entry_result(
        entry,
        {row: records[entry, row].r_free for row in ROWS},
        resampled_r_free(free, rng),
        chosen_on_one_half(free, OURS, BASELINES, rng),
    )


def main(args: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_pdb_dir(parser)
    benchmarks = CHECKOUT / "benchmarks"
    today = datetime.date.today().isoformat()
    parser.add_argument("--entries", nargs="+", default=ENTRIES)
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time")
    parser.add_argument(
        "--results",
        type=Path,
        default=benchmarks / "results" / today,
        help="directory of the records (default: benchmarks/results/TODAY)",
    )
    parser.add_argument(
        "--work-dir",
        type=Path,
        default=benchmarks / "work",
        help="directory of the runs' files (default: benchmarks/work)",
    )
    parser.add_argument(
        "--extra",
        nargs="+",
        default=[],
        metavar="PHIL",
        help="further parameters for every run; use other directories with it",
    )
    parser.add_argument("--report-only", action="store_true", help="refine nothing")
    options = parser.parse_args(args)
    results, work_dir = options.results.resolve(), options.work_dir.resolve()
    if not options.report_only:
        entries = [find_entry(options.pdb_dir, name) for name in options.entries]
        entries.sort(key=lambda entry: entry.n_atoms())
        runs = [
            Run(entry, row, tuple(options.extra), work_dir)
            for entry in entries
            for row in options.rows
        ]
        refine_all(runs, results, options.jobs)
    report(results, work_dir, options.entries)


if __name__ == "__main__":
    main()
