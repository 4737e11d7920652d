"""Options that the commands which make many runs have in common."""

from __future__ import annotations

import argparse
import datetime
from pathlib import Path

from benchmarks.entries import CHECKOUT, add_pdb_dir

_BENCHMARKS = CHECKOUT / "benchmarks"


def add_directories(parser: argparse.ArgumentParser) -> None:
    """Where the entries, the records and the runs' own files are."""
    add_pdb_dir(parser)
    parser.add_argument(
        "--results",
        type=_absolute,
        default=_BENCHMARKS / "results" / datetime.date.today().isoformat(),
        help="directory of the records (default: benchmarks/results/TODAY)",
    )
    parser.add_argument(
        "--work-dir",
        type=_absolute,
        default=_BENCHMARKS / "work",
        help="directory of the runs' files (default: benchmarks/work)",
    )


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """How runs are made, and whether."""
    add_directories(parser)
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time")
    parser.add_argument(
        "--extra",
        nargs="+",
        default=[],
        metavar="PHIL",
        help="further parameters for every run; use other directories with it",
    )
    parser.add_argument("--report-only", action="store_true", help="refine nothing")


def _absolute(path: str) -> Path:
    return Path(path).resolve()
