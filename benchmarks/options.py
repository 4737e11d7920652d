"""Options that the commands which make many runs have in common."""

from __future__ import annotations

import argparse
import datetime
from pathlib import Path

from benchmarks.entries import CHECKOUT, add_pdb_dir


def add_directories(
    parser: argparse.ArgumentParser, home: str = "benchmarks", variant: str = ""
) -> None:
    """Where the entries, the records and the runs' own files are.

    :param home: directory of the checkout that has results and work by default.
    :param variant: what tells results of one command apart, as the help names it; the
        command then makes the names, see :func:`default_directories`.
    """
    add_pdb_dir(parser)
    results, work_dir = default_directories(home)
    parser.add_argument(
        "--results",
        type=_absolute,
        default=None if variant else results,
        help="directory of the records (default: "
        f"{home}/results/TODAY{variant and '-' + variant})",
    )
    parser.add_argument(
        "--work-dir",
        type=_absolute,
        default=None if variant else work_dir,
        help=f"directory of the runs' files (default: {home}/work"
        f"{variant and '/' + variant})",
    )


def default_directories(home: str, variant: str = "") -> tuple[Path, Path]:
    """Results of today, and work."""
    today = datetime.date.today().isoformat()
    results = CHECKOUT / home / "results" / "-".join(filter(None, (today, variant)))
    return results, CHECKOUT / home / "work" / variant


def add_run_options(
    parser: argparse.ArgumentParser, home: str = "benchmarks", variant: str = ""
) -> None:
    """How runs are made, and whether; parameters as for :func:`add_directories`."""
    add_directories(parser, home, variant)
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
