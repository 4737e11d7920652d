"""How near numbers of modes found from the data come to the best of a grid.

    python -m regression.experiment --protocol quick --grid wide --results DIR
    python -m regression.experiment --protocol quick --grid wide --results DIR \\
        --modes Auto,Auto --weights Auto
    python -m regression.auto DIR

Every entry that has a run with all numbers found, and runs with numbers given, is
judged: R_free with the numbers found less that of the best of the others, on the free
reflections that all of them share (see :mod:`regression.judgement`), and the time that
it took. Written is DIR-auto.md. (The second command leaves tables of its own runs; the
first with --report-only makes those of the grid again.)
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import hnmref  # noqa: F401  (cctbx's extensions load first)

import numpy as np

from benchmarks import reflections
from benchmarks.bootstrap import FreeSet
from benchmarks.comparison import Difference, mean_difference
from benchmarks.entries import add_pdb_dir, find_entry
from benchmarks.runs import Record, free_model_file, read_records
from hnmref.files import write_text
from regression.entry_report import SEED, n_group_parameters
from regression.grid import AUTO, WIDE, hnm_point
from regression.judgement import Family, Judgement, judge

#: The run with all numbers found from the data.
FOUND = hnm_point(AUTO, AUTO, AUTO).name
#: Those with numbers given.
GIVEN = tuple(hnm_point(*pair).name for pair in WIDE.modes)


@dataclass(frozen=True)
class Found:
    """Numbers found against numbers given in one entry.

    :ivar records: of the runs, by row.
    :ivar judgement: ours is the one run with numbers found, theirs are the others.
    """

    records: Mapping[str, Record]
    judgement: Judgement

    @property
    def times(self) -> float:
        """The run's time over the mean time of the others."""
        others = [self.records[row].seconds for row in self.records if row != FOUND]
        return self.records[FOUND].seconds / float(np.mean(others))

    def line(self) -> str:
        """A line of the table."""
        best = self.records[self.judgement.theirs]
        cells = [
            best.entry,
            f"{100 * self.records[FOUND].r_free:.2f}",
            f"{100 * best.r_free:.2f}",
            best.row.removeprefix("hnm-").replace("-", ","),
            _points(self.judgement.by_r_free),
            _points(self.judgement.on_halves),
            f"{self.times:.1f}",
        ]
        return f"| {' | '.join(cells)} |"


def judged(records: Mapping[str, Record], free: FreeSet) -> Found:
    """Judge an entry.

    :param records: of the run with numbers found and one at least of the others.
    :param free: of these runs.
    """
    ours, theirs = (
        Family(tuple(rows), tuple(n_group_parameters(records[row]) for row in rows))
        for rows in ([FOUND], [row for row in records if row != FOUND])
    )
    return Found(records, judge(free, ours, theirs, np.random.default_rng(SEED)))


def markdown(found: Sequence[Found]) -> Iterator[str]:
    """The table and the means."""
    yield (
        "| entry | R_free, found | best given | n,p | higher by | on halves "
        "| time, of one given |"
    )
    yield "|---|---|---|---|---|---|---|"
    for entry in found:
        yield entry.line()
    yield ""
    by_r_free, on_halves = (
        _points(mean_difference([getattr(f.judgement, name) for f in found]))
        for name in ("by_r_free", "on_halves")
    )
    yield (
        f"Mean over {len(found)} entries: R_free with numbers found is higher than the "
        f"best by {by_r_free}, judged on halves by {on_halves}, in "
        f"{np.mean([f.times for f in found]):.1f} times the time of one."
    )
    for row in GIVEN:
        if all(row in f.records for f in found):
            mean = mean_difference([f.judgement.pairs[FOUND, row] for f in found])
            yield f"Higher than {row} by {_points(mean)}."


def _points(difference: Difference) -> str:
    return f"{difference.points:+.2f} ± {difference.error:.2f}"


def read_found(results: Path, pdb_dir: Path) -> Iterator[Found]:
    """The entries that have both kinds of runs."""
    records = read_records(results)
    for entry in dict.fromkeys(name for name, _ in records):
        rows = [row for row in (FOUND, *GIVEN) if (entry, row) in records]
        rows = [row for row in rows if not records[entry, row].error]
        if FOUND not in rows or len(rows) == 1:
            continue
        runs = {
            row: reflections.read_free_model(free_model_file(results, entry, row))
            for row in rows
        }
        data = reflections.read_entry_data(
            find_entry(pdb_dir, entry), records[entry, FOUND].parameters
        )
        yield judged(
            {row: records[entry, row] for row in rows}, reflections.free_set(runs, data)
        )


def main(args: Sequence[str] | None = None) -> None:
    """The command.

    :raises SystemExit: no entry has both kinds of runs.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path, help="directory of the records")
    add_pdb_dir(parser)
    options = parser.parse_args(args)
    found = list(read_found(options.results, options.pdb_dir))
    if not found:
        raise SystemExit(
            f"{options.results} has no entry with {FOUND} and one of "
            f"{', '.join(GIVEN)}: run regression.experiment first, as --help says"
        )
    text = "\n".join(markdown(found)) + "\n"
    write_text(options.results.with_name(f"{options.results.name}-auto.md"), text)
    print(text, end="")


if __name__ == "__main__":
    main()
