"""Files of PDB entries: from a mirror, from the PDB where that is asked for.

    python -m regression.entries --mirror DIR      which of the thesis's 20 are there
    python -m regression.entries --mirror DIR --fetch --cache entries
    python -m regression.entries --entries 4drw 2jee

A mirror has the layout of ../shared/pdb (ID/model.pdb, ID/data.mtz) or of the wwPDB
(pdbXXXX.ent.gz or XXXX.cif.gz, rXXXXsf.ent.gz; flat, by the two middle letters, or as
its FTP tree). Files of the second kind and fetched ones are unpacked into the cache,
in the first layout, and found there the next time. What is nowhere is listed, and
skipped by whoever goes on with the rest.
"""

from __future__ import annotations

import argparse
import gzip
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path

import hnmref  # noqa: F401  (cctbx's extensions load first)

import iotbx.pdb.fetch
from libtbx.utils import Sorry

from benchmarks.entries import PDB_DIR, Entry, entry_in
from hnmref.files import written_whole
from regression.thesis import thesis_rows

#: Where a wwPDB mirror keeps a kind of file, below any of these.
_ROOTS = ("", "divided", "structures/divided", "data/structures/divided")
#: File names and directories of models and structure factors, and the suffixes they
#: get here. The older format first: not every large entry has it.
_MODELS = (("pdb", "pdb{id}.ent", ".pdb"), ("mmCIF", "{id}.cif", ".cif"))
_DATA = (("structure_factors", "r{id}sf.ent", ".cif"),)
#: What iotbx fetches, and the suffixes.
_FETCHED_MODELS = (("model_pdb", ".pdb"), ("model_cif", ".cif"))
_FETCHED_DATA = (("sf", ".cif"),)


@dataclass
class Found:
    """Entries that there are, and why others are not.

    :ivar missing: by identifier, a sentence.
    """

    entries: list[Entry] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)


def gather_entries(
    entry_ids: Iterable[str], mirror: Path | None, cache: Path, fetch: bool = False
) -> Found:
    """Files of entries, each from the first place that has it.

    :param mirror: directory of either layout; None: there is none.
    :param cache: directory for what has to be unpacked or fetched.
    :param fetch: ask the PDB for what no directory has.
    """
    found = Found()
    for entry_id in map(str.lower, entry_ids):
        try:
            entry = _local_entry(entry_id, mirror, cache)
            if entry is None and fetch:
                entry = _fetched(entry_id, cache)
        except (OSError, EOFError, RuntimeError, HTTPException, Sorry) as error:
            found.missing[entry_id] = " ".join(str(error).split())
            continue
        if entry is None:
            places = f"{mirror} or {cache}" if mirror else f"{cache}"
            found.missing[entry_id] = f"model and data are not both in {places}"
        else:
            found.entries.append(entry)
    return found


def _local_entry(entry_id: str, mirror: Path | None, cache: Path) -> Entry | None:
    """From the mirror's own layout, the cache, or the wwPDB's layout."""
    if mirror is not None:
        for name in (entry_id, entry_id.upper()):
            if entry := entry_in(mirror, name):
                return Entry(entry_id, entry.model, entry.data)
    if entry := entry_in(cache, entry_id):
        return entry
    if mirror is None:
        return None
    model = _in_wwpdb_layout(mirror, entry_id, _MODELS)
    data = _in_wwpdb_layout(mirror, entry_id, _DATA)
    if model is None or data is None:
        return None
    for kind, (path, suffix) in (("model", model), ("data", data)):
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rb") as stream:
            _keep(stream, cache / entry_id / f"{kind}{suffix}")
    return entry_in(cache, entry_id)


def _in_wwpdb_layout(
    mirror: Path, entry_id: str, kinds: Sequence[tuple[str, str, str]]
) -> tuple[Path, str] | None:
    """A file of one of some kinds, packed or not, and the suffix it gets."""
    middle = entry_id[1:3]
    for folder, pattern, suffix in kinds:
        name = pattern.format(id=entry_id)
        for place in _places(folder, middle):
            for path in (mirror / place / f"{name}.gz", mirror / place / name):
                if path.is_file():
                    return path, suffix
    return None


def _places(folder: str, middle: str) -> Iterator[Path]:
    yield Path()
    yield Path(middle)
    for root in _ROOTS:
        yield Path(root, folder, middle)


def _fetched(entry_id: str, cache: Path) -> Entry | None:
    """Both files from the PDB.

    :raises RuntimeError: it has no such file.
    :raises OSError: there is no way to it.
    """
    for kind, choices in (("model", _FETCHED_MODELS), ("data", _FETCHED_DATA)):
        for entity, suffix in choices:
            try:
                with iotbx.pdb.fetch.fetch(entry_id, entity=entity) as stream:
                    _keep(stream, cache / entry_id / f"{kind}{suffix}")
                break
            except RuntimeError:
                # iotbx's word for "not found": the next format, if there is one.
                if (entity, suffix) == choices[-1]:
                    raise
    return entry_in(cache, entry_id)


def _keep(stream, path: Path) -> None:
    """Write a stream's bytes to a file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as partial, open(partial, "wb") as file:
        shutil.copyfileobj(stream, file)


def add_entry_options(parser: argparse.ArgumentParser) -> None:
    """Where entries come from, and which."""
    parser.add_argument(
        "--mirror",
        type=Path,
        default=PDB_DIR,
        help="directory of entries, ID/model.pdb and ID/data.mtz or as the wwPDB's "
        "(default: ../shared/pdb)",
    )
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path("entries"),
        help="directory for what is unpacked or fetched (default: entries)",
    )
    parser.add_argument(
        "--fetch", action="store_true", help="get from the PDB what is not there"
    )
    parser.add_argument(
        "--entries",
        nargs="+",
        default=[row.id for row in thesis_rows()],
        help="identifiers (default: the thesis's 20)",
    )


def entries_of(options: argparse.Namespace) -> Found:
    """The entries that options ask for, the missing ones told on stderr."""
    found = gather_entries(
        options.entries, options.mirror, options.cache, options.fetch
    )
    for entry_id, reason in found.missing.items():
        print(f"{entry_id} is missing: {reason}", file=sys.stderr)
    return found


def main(args: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_entry_options(parser)
    found = entries_of(parser.parse_args(args))
    for entry in found.entries:
        print(f"{entry.id} {entry.model} {entry.data}")
    n_entries = len(found.entries) + len(found.missing)
    print(f"{len(found.entries)} of {n_entries} entries are there")


if __name__ == "__main__":
    main()
