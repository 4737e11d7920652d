"""How much chance is in an improvement: the same entries from several shaken starts.

    python -m regression.experiment --protocol sites --seed 1 --results DIR/1 …
    python -m regression.experiment --protocol sites --seed 2 --results DIR/2 …
    python -m regression.starts DIR/1 DIR/2

Reads DIR/1-entries.csv, DIR/1-runs.csv and so on, and prints how far improvements of
R_free differ from start to start. That is beside the standard errors of each, which are
those of the free set alone: a run takes other rotamers, weights and sites from another
start.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

#: A line of a table, by its columns' keys.
Line = dict[str, str]


def read_table(results: Path, name: str) -> list[Line]:
    """The table RESULTS-NAME.csv.

    :raises SystemExit: it is not there.
    """
    path = results.with_name(f"{results.name}-{name}.csv")
    if not path.is_file():
        raise SystemExit(f"{path} is not there: run regression.experiment first")
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def shared(
    tables: Sequence[Sequence[Line]], keys: Sequence[str], value: str
) -> dict[tuple[str, ...], np.ndarray]:
    """A value of the lines that all tables have.

    :param keys: columns that name a line.
    :returns: for each name, the value in every table, (S,) floats.
    """
    found = [
        {tuple(line[key] for key in keys): float(line[value]) for line in table}
        for table in tables
    ]
    names = [name for name in found[0] if all(name in values for values in found)]
    return {name: np.array([values[name] for values in found]) for name in names}


def markdown(
    entries: Sequence[Sequence[Line]], runs: Sequence[Sequence[Line]]
) -> Iterator[str]:
    """The table and what it says, in percent points.

    :param entries: the table of entries of every start; ``runs``: that of runs.
    :raises SystemExit: no entry is in all of them.
    """
    improvements = shared(entries, ["entry"], "improvement")
    if not improvements:
        raise SystemExit("no entry is in all of the results: give those of the same")
    errors = shared(entries, ["entry"], "improvement_error")
    halves = shared(entries, ["entry"], "on_halves")
    starts = [f"start {number}" for number in range(1, len(entries) + 1)]
    yield f"| entry | {' | '.join(starts)} | mean | free set | starts | on halves |"
    yield "|" + "---|" * (len(entries) + 5)
    for (entry,), found in improvements.items():
        single = " | ".join(f"{value:+.2f}" for value in found)
        yield (
            f"| {entry} | {single} | {found.mean():+.2f} "
            f"| ± {errors[entry,].mean():.2f} | ± {error_of_mean(found):.2f} "
            f"| {halves[entry,].mean():+.2f} |"
        )
    yield ""
    means = np.array([found.mean() for found in improvements.values()])
    on_halves = np.mean([found.mean() for found in halves.values()])
    yield (
        f"Mean over {len(means)} entries and {len(starts)} starts: {means.mean():+.2f}, "
        f"on halves {on_halves:+.2f}."
    )
    r_free = [100 * v for v in shared(runs, ["entry", "row"], "r_free").values()]
    yield (
        f"From start to start R_free of one run scatters by {scatter(r_free):.2f}, an "
        f"improvement by {scatter(list(improvements.values())):.2f}."
    )


def error_of_mean(values: np.ndarray) -> float:
    """Standard error of the mean of independent values."""
    return float(np.std(values, ddof=1) / np.sqrt(len(values)))


def scatter(values: Sequence[np.ndarray]) -> float:
    """Standard deviation about the means of several groups, pooled."""
    return float(np.sqrt(np.mean([np.var(group, ddof=1) for group in values])))


def main(args: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", nargs="+", type=Path, help="one for each start")
    options = parser.parse_args(args)
    if len(options.results) < 2:
        parser.error("one start says nothing of others: give two at least")
    entries = [read_table(results, "entries") for results in options.results]
    runs = [read_table(results, "runs") for results in options.results]
    for line in markdown(entries, runs):
        print(line)


if __name__ == "__main__":
    main()
