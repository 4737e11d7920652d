"""Real entries, which lie beside the checkout and are not part of it."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
PDB_DIR = CHECKOUT.parent / "shared" / "pdb"


@dataclass(frozen=True)
class Entry:
    """One entry's identifier and files."""

    id: str
    model: Path
    data: Path

    def n_atoms(self) -> int:
        """Coordinate records in the model."""
        with open(self.model, encoding="latin-1") as lines:
            # Rows of an mmCIF loop may be indented.
            return sum(line.lstrip().startswith(("ATOM", "HETATM")) for line in lines)


def add_pdb_dir(parser: argparse.ArgumentParser) -> None:
    """The option that says where the entries are."""
    parser.add_argument(
        "--pdb-dir",
        type=Path,
        default=PDB_DIR,
        help="directory with ID/model.pdb and ID/data.mtz (default: ../shared/pdb)",
    )


def entry_in(pdb_dir: Path, entry_id: str) -> Entry | None:
    """The entry's files, where both are there."""
    models = sorted((pdb_dir / entry_id).glob("model.*"))
    data = sorted((pdb_dir / entry_id).glob("data.*"))
    return Entry(entry_id, models[0], data[0]) if models and data else None


def find_entry(pdb_dir: Path, entry_id: str) -> Entry:
    """The entry's files.

    :raises SystemExit: they are not there; a sentence says what to do.
    """
    entry = entry_in(pdb_dir, entry_id)
    if entry is None:
        raise SystemExit(
            f"{pdb_dir / entry_id} has no model.pdb and data.mtz: put them there or "
            "name another directory with --pdb-dir"
        )
    return entry


def find_all(pdb_dir: Path) -> list[Entry]:
    """Every entry of the directory, in the order of their names.

    :raises SystemExit: there is none; a sentence says what to do.
    """
    models = sorted(pdb_dir.glob("*/model.*"))
    if not models:
        raise SystemExit(
            f"{pdb_dir} has no ID/model.pdb: name another directory with --pdb-dir"
        )
    names = dict.fromkeys(model.parent.name for model in models)
    return [find_entry(pdb_dir, name) for name in names]
