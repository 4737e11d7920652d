"""Normal modes against TLS on real entries: a grid of each, judged fairly.

    python -m regression.experiment --protocol fixed --jobs 2
    python -m regression.experiment --protocol sites --scheduler tcp://host:8786
    python -m regression.experiment --entries 4drw --modes 20,20 30,30 --groups 1 3
    python -m regression.experiment --results regression/results/2026-01-31-fixed-full \\
        --report-only

Every refinement is a task that leaves RESULTS/ENTRY_ROW.json and .npz; a command that
was stopped goes on, and what failed is tried again. From what has finished come
RESULTS-entries.csv, -runs.csv, -points.csv, -pairs.csv, -residues.csv,
-improvement.png, -b_kl.png, -points.png and .html. The exit code is 1 if a task failed
or an entry could not be judged. See docs/regression.md.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.conditions import source_version
from benchmarks.entries import Entry, find_all, find_entry
from benchmarks.options import add_run_options, default_directories
from benchmarks.runs import Run, read_records
from benchmarks.tables import run_conditions
from hnmref.files import write_text
from regression.grid import AUTO, FULL, QUICK, WIDE, Grid, Point
from regression.progress import Progress
from regression.protocol import PROTOCOLS, Protocol, protocol
from regression.scheduler import performed
from regression.task import Task

GRIDS = {"full": FULL, "wide": WIDE, "quick": QUICK}
#: Seed of shaken coordinates, and by default of refinements.
SEED = 2679941

#: The tasks of every entry, by point.
Tasks = Mapping[str, Mapping[Point, Task]]


def chosen_entries(pdb_dir: Path, names: Sequence[str] | None) -> list[Entry]:
    """The entries with these names, or all of more than one chain; small ones first.

    :raises SystemExit: there is none.
    """
    if names:
        entries = [find_entry(pdb_dir, name) for name in names]
    else:
        entries = [entry for entry in find_all(pdb_dir) if n_chains(entry) > 1]
    if not entries:
        raise SystemExit(
            f"{pdb_dir} has no entry of more than one polymer chain: name some with "
            "--entries"
        )
    return sorted(entries, key=Entry.n_atoms)


def n_chains(entry: Entry) -> int:
    """Polymer chains in an entry's model."""
    import hnmref  # noqa: F401  (cctbx's extensions load first)
    import iotbx.pdb

    hierarchy = iotbx.pdb.input(str(entry.model)).construct_hierarchy()
    chains = hierarchy.models()[0].chains()
    return len({chain.id for chain in chains if chain.is_protein() or chain.is_na()})


def tasks_of(
    entry: Entry, points: Sequence[Point], how: Protocol, options: argparse.Namespace
) -> dict[Point, Task]:
    """The entry's tasks."""
    source = source_version()
    seed = () if options.seed == SEED else (f"main.random_seed={options.seed}",)
    return {
        point: Task(
            Run(
                entry,
                point.name,
                (*how.parameters, *point.parameters, *seed, *options.extra),
                options.work_dir,
            ),
            options.results,
            source,
        )
        for point in points
    }


def do_tasks(tasks: Sequence[Task], options: argparse.Namespace) -> None:
    """Do those that are not finished, and tell of each."""
    missing = [task for task in tasks if task.finished() is None]
    print(f"{len(tasks) - len(missing)} tasks are finished, {len(missing)} to do")
    progress = Progress(missing)
    # Batch systems end a job by this signal: refinements are to end with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.closing(
        performed(missing, options.jobs, options.scheduler)
    ) as records:
        for record in records:
            print(progress.line(record), flush=True)


def report(tasks: Tasks, title: str, results: Path) -> bool:
    """Write tables, figures and page; whether nothing is missing."""
    from regression import figures, page, tables
    from regression.entry_report import entry_report
    from regression.points import point_means, point_pairs

    reports = [entry_report(of_entry) for of_entry in tasks.values()]
    reports = [found for found in reports if found is not None]
    missing = list(_missing(tasks, {found.entry for found in reports}))
    rows = [point.name for point in next(iter(tasks.values()))]
    own = {(entry, row) for entry in tasks for row in rows}
    records = {key: r for key, r in read_records(results).items() if key in own}
    stem = results.parent / results.name
    write_text(f"{stem}-entries.csv", tables.entries_csv(reports))
    write_text(f"{stem}-runs.csv", tables.runs_csv(reports))
    points = point_means(reports)
    write_text(f"{stem}-points.csv", tables.points_csv(points))
    write_text(f"{stem}-pairs.csv", tables.pairs_csv(point_pairs(reports)))
    write_text(f"{stem}-residues.csv", tables.residues_csv(reports))
    page.write_page(
        title,
        reports,
        missing,
        [
            line.removeprefix("- ").replace("`", "")
            for line in run_conditions(records, rows)
        ],
        Path(f"{stem}.html"),
    )
    if reports:
        for name, figure in (
            ("improvement", figures.improvement_figure(reports)),
            ("b_kl", figures.boundary_figure(reports)),
            ("points", figures.points_figure(points)),
        ):
            if figure is not None:
                figures.write_png(figure, Path(f"{stem}-{name}.png"))
    for line in (*tables.goals(reports), *missing):
        print(line)
    print(f"Wrote {stem}.html and the tables and figures beside it")
    return not missing


def _missing(tasks: Tasks, judged: set[str]):
    """Sentences on tasks that are not finished and entries that are not judged."""
    for entry, of_entry in tasks.items():
        rows = [p.name for p, task in of_entry.items() if task.finished() is None]
        if rows:
            yield f"{entry}: {len(rows)} of {len(of_entry)} runs: {', '.join(rows)}."
        if entry not in judged:
            yield f"{entry}: not judged, for want of a normal-mode or a TLS run."


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    result = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_run_options(result, home="regression", variant="PROTOCOL-GRID")
    result.add_argument("--entries", nargs="+", help="default: all of several chains")
    result.add_argument("--protocol", choices=PROTOCOLS, default="fixed")
    result.add_argument("--cycles", type=int, help="macro-cycles, for the protocol's")
    result.add_argument(
        "--seed",
        type=int,
        default=SEED,
        help="of shaken starts and refinements; another start of the same entries, for "
        "which use other directories",
    )
    result.add_argument("--grid", choices=GRIDS, default="full")
    result.add_argument(
        "--modes",
        nargs="+",
        type=_pair,
        metavar="N,P",
        help="for the grid's pairs; Auto,Auto: found from the data",
    )
    result.add_argument(
        "--groups", nargs="+", type=int, metavar="K", help="for the grid's TLS groups"
    )
    result.add_argument(
        "--weights",
        nargs="+",
        type=_weight,
        help="restraint weights for every pair; Auto: found from the data",
    )
    result.add_argument(
        "--partition",
        nargs="+",
        action="append",
        default=[],
        metavar="PHIL",
        help="a name and parameters: the TLS points once more with these, under that "
        "name (tlsmd tls.partition=tlsmd)",
    )
    result.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="of a running Dask cluster that does the tasks (tcp://host:8786)",
    )
    return result


def _pair(text: str) -> tuple[int | str, int | str]:
    n_whole, n_substructure = (
        number if number == AUTO else int(number) for number in text.split(",")
    )
    return n_whole, n_substructure


def _weight(text: str) -> float | str:
    return text if text == AUTO else float(text)


def asked_grid(options: argparse.Namespace) -> Grid:
    """The grid, with what the options change."""
    grid = GRIDS[options.grid]
    changes = {
        "modes": options.modes,
        "groups_per_chain": options.groups,
        "weights": options.weights,
    }
    named = {name: tuple(phil) for name, *phil in options.partition}
    return replace(
        grid,
        partitions={**grid.partitions, **named},
        **{name: tuple(value) for name, value in changes.items() if value},
    )


def main(args: Sequence[str] | None = None) -> None:
    """The command.

    :raises SystemExit: with 1, if something is missing in the end.
    """
    options = parser().parse_args(args)
    how = protocol(options.protocol, options.cycles)
    # Quick is a protocol and a grid: named once.
    variant = "-".join(dict.fromkeys((how.name, options.grid)))
    results, work_dir = default_directories("regression", variant)
    options.results = options.results or results
    options.work_dir = options.work_dir or work_dir
    # Absolute: a worker of a cluster has another working directory.
    entries = chosen_entries(options.pdb_dir.resolve(), options.entries)
    if how.shake_steps:
        from regression.shake import shaken

        place = options.work_dir / "shaken"
        entries = [shaken(e, place, how.shake_steps, options.seed) for e in entries]
    points = asked_grid(options).points()
    tasks = {entry.id: tasks_of(entry, points, how, options) for entry in entries}
    if not options.report_only:
        do_tasks([t for of_entry in tasks.values() for t in of_entry.values()], options)
    title = f"Normal modes against TLS: {options.results.name}"
    if not report(tasks, title, options.results):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
