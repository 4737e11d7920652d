"""Real entries for tests, which skip with a reason where they are absent.

They lie beside the checkout, in ``../shared/pdb/ID/{model.pdb,data.mtz}``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "shared" / "pdb"


@dataclass
class Entry:
    """One entry: its files and what ``index.json`` says of it."""

    id: str
    model: str
    data: str
    facts: dict


def entry_ids() -> list[str]:
    """Identifiers of the entries that are there (none without shared data)."""
    index = ROOT / "index.json"
    if not index.is_file():
        return []
    return [record["id"] for record in json.loads(index.read_text())]


def require_entry(entry_id: str) -> Entry:
    """The entry, or a skip that says what is missing."""
    directory = ROOT / entry_id
    models = sorted(directory.glob("model.*"))
    data = sorted(directory.glob("data.*"))
    if not models or not data:
        pytest.skip(f"the shared entry {entry_id} is not beside the checkout")
    records = json.loads((ROOT / "index.json").read_text())
    facts = next(record for record in records if record["id"] == entry_id)
    return Entry(entry_id, str(models[0]), str(data[0]), facts)
