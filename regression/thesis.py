"""The thesis's Table 1: 20 complexes refined by normal modes and by multi-group TLS.

``thesis_table.csv`` has the figures as they are printed: R_free, R_free − R_work and
residues in favoured Ramachandran regions, each for HNMRef, for the best TLS and as an
improvement, in %. A row whose printed improvement is not the difference of its two
figures names the columns in ``misprints``; one of the three numbers is wrong, and
the table does not say which. (2i37 also repeats the gaps of 4jm2, and the printed
mean resolution, 3.50 Å, is not that of the rows.)
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, fields
from pathlib import Path

TABLE = Path(__file__).with_name("thesis_table.csv")


@dataclass(frozen=True)
class ThesisRow:
    """A row as printed: resolution in Å, all others in %.

    :ivar hnm_gap: R_free − R_work; ``tls_gap`` likewise.
    :ivar hnm_favoured: residues in favoured Ramachandran regions.
    :ivar misprints: of ``r_free``, ``gap`` and ``favoured`` those whose improvement
        contradicts the figures.
    """

    id: str
    resolution: float
    hnm_r_free: float
    tls_r_free: float
    r_free_improvement: float
    hnm_gap: float
    tls_gap: float
    gap_improvement: float
    hnm_favoured: float
    tls_favoured: float
    favoured_improvement: float
    misprints: tuple[str, ...]


def thesis_rows() -> list[ThesisRow]:
    """All 20, in the order of the thesis."""
    numbers = [f.name for f in fields(ThesisRow) if f.name not in ("id", "misprints")]
    with open(TABLE, encoding="utf-8", newline="") as file:
        return [
            ThesisRow(
                id=row["id"],
                misprints=tuple(row["misprints"].split()),
                **{name: float(row[name]) for name in numbers},
            )
            for row in csv.DictReader(file)
        ]
