"""hnmref.get_reference_data: find or build what geometry restraints need.

    hnmref.get_reference_data                          find, or build in the cache
    hnmref.get_reference_data --force                  build anew
    hnmref.get_reference_data --rotarama-data DIR      rotamer grids from DIR, too
    hnmref.get_reference_data --json                   print paths for a program

The exit code is 0 when there is a monomer library and 1 otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from hnmref.errors import ReferenceDataError
from hnmref.refine.reference_build import build_monomer_library, build_rotarama_data
from hnmref.refine.reference_data import (
    MonomerLibrary,
    approximate_rotamers,
    find_rotarama_data,
    ignored_environment_variables,
    locate_monomer_library,
)


def run(args: list[str] | None = None) -> int:
    """Run the program with ``args`` (None: the command line's); its exit code."""
    options = _parser().parse_args(args)
    for sentence in ignored_environment_variables():
        _tell(sentence)
    try:
        library = _monomer_library(options.force)
    except ReferenceDataError as error:
        _tell(f"No monomer library: {error}")
        library = None
    try:
        grids = _grids(options.rotarama_data, options.force)
    except ReferenceDataError as error:
        _tell(f"No rotamer grids: {error}")
        grids = None
    _report(library, grids, options.json)
    return 0 if library else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hnmref.get_reference_data",
        description="Find a monomer library (geometry restraints) and rotamer grids, "
        "or build them in the per-user cache.",
    )
    parser.add_argument(
        "--force", action="store_true", help="build in the cache even if it is there"
    )
    parser.add_argument(
        "--rotarama-data",
        metavar="DIR",
        type=Path,
        default=os.environ.get("HNMREF_ROTARAMA_DATA") or None,
        help="folder with rota8000-*.data and rama8000-*.data to convert for mmtbx "
        "(default: the environment variable HNMREF_ROTARAMA_DATA)",
    )
    parser.add_argument(
        "--json", action="store_true", help="print the result as JSON on one line"
    )
    return parser


def _tell(sentence: str) -> None:
    """Progress and complaints go to stderr, results to stdout."""
    print(sentence, file=sys.stderr, flush=True)


def _monomer_library(force: bool) -> MonomerLibrary | None:
    if force or locate_monomer_library() is None:
        build_monomer_library(force=force, progress=_tell)
    return locate_monomer_library()


def _grids(source: Path | None, force: bool) -> Path | None:
    if source is not None:
        build_rotarama_data(source, force=force, progress=_tell)
    return find_rotarama_data()


def _report(library: MonomerLibrary | None, grids: Path | None, as_json: bool) -> None:
    approximate = approximate_rotamers(grids) if grids else []
    if as_json:
        result = {
            "monomer_library": str(library.path) if library else None,
            "monomer_library_source": library.source if library else None,
            "rotarama_data": str(grids) if grids else None,
            "approximate_rotamers": approximate,
        }
        print(json.dumps(result))
        return
    if library:
        print(f"Monomer library: {library.path} ({library.source})")
    if grids:
        print(f"Rotamer and Ramachandran grids: {grids}")
    else:
        print(
            "Rotamer and Ramachandran grids: none; give their folder with "
            "--rotarama-data if you want rotamer outliers counted"
        )
    if approximate:
        print(f"Rotamer figures are approximate for {', '.join(approximate)}")


if __name__ == "__main__":
    sys.exit(run())
