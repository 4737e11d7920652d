"""Keep one run's free reflections, in a process of its own.

    python -m regression.keep_reflections RECORD MODEL DATA MTZ NPZ

A process, because what reads reflections must not load into one that other packages
have been loaded into (a worker of a cluster).
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.entries import Entry
from benchmarks.reflections import Disagreement, keep
from benchmarks.runs import read_record


def main(args: list[str]) -> None:
    """The command.

    :raises SystemExit: run, record and data do not belong together.
    """
    record_path, model, data, mtz, npz = map(Path, args)
    record = read_record(record_path)
    try:
        keep(record, Entry(record.entry, model, data), mtz, npz)
    except Disagreement as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main(sys.argv[1:])
