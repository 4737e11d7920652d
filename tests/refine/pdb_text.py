"""Small models as PDB text, for the tests of the inputs."""

from __future__ import annotations

import iotbx.pdb
import mmtbx.model
import numpy as np
from libtbx.utils import null_out

CELL = "CRYST1  200.000  200.000  200.000  90.00  90.00  90.00 P 1           1"

#: A residue of glycine along x: backbone atoms relative to its start (Å).
_BACKBONE = {
    "N": (0.0, 0.0, 0.0),
    "CA": (1.2, 0.8, 0.0),
    "C": (2.4, 0.0, 0.3),
    "O": (2.4, -1.2, 0.4),
}
#: Nucleotide backbone, 1.4 to 1.6 Å apart.
_NUCLEOTIDE = {
    "P": (0.0, 0.0, 0.0),
    "O5'": (1.3, 0.9, 0.0),
    "C5'": (2.6, 0.2, 0.2),
    "C4'": (3.8, 1.1, 0.0),
    "C3'": (5.1, 0.3, 0.3),
    "O3'": (6.2, 1.3, 0.0),
}


def atom(
    name: str,
    resname: str,
    chain: str,
    number: int,
    xyz,
    *,
    record: str = "ATOM",
    altloc: str = "",
    occupancy: float = 1.0,
    b: float = 20.0,
    element: str | None = None,
    segid: str = "",
) -> str:
    """One ATOM or HETATM line."""
    element = element or name[0]
    column = name if len(name) == 4 else f" {name:<3}"
    if len(element) == 2:
        column = f"{name:<4}"
    x, y, z = xyz
    return (
        f"{record:<6}{1:5d} {column}{altloc:1}{resname:>3} {chain:1}{number:4d}    "
        f"{x:8.3f}{y:8.3f}{z:8.3f}{occupancy:6.2f}{b:6.2f}      {segid:<4}{element:>2}"
    )


def residue(resname, chain, number, start, *, atoms=None, **how) -> list[str]:
    """The backbone of one residue, shifted to start."""
    return [
        atom(name, resname, chain, number, np.add(start, offset), **how)
        for name, offset in (atoms or _BACKBONE).items()
    ]


def peptide(chain, n, origin=(0, 0, 0), *, first=1, resname="GLY", **how) -> list[str]:
    """n residues along x, the C of each 1.35 Å from the next N."""
    lines = []
    for i in range(n):
        start = np.add(origin, (3.6 * i, 0.0, 0.0))
        lines += residue(resname, chain, first + i, start, **how)
    return lines


def nucleotides(
    chain, n, origin=(0, 0, 0), *, first=1, resname=" DA", **how
) -> list[str]:
    """n nucleotides' backbones along x, the O3' of each 1.6 Å from the next P."""
    lines = []
    for i in range(n):
        start = np.add(origin, (7.2 * i, 0.0, 0.0))
        lines += residue(resname, chain, first + i, start, atoms=_NUCLEOTIDE, **how)
    return lines


def ligand(resname, chain, number, centre, *, record="HETATM", **how) -> list[str]:
    """Three carbon atoms 1.5 Å apart."""
    offsets = {"C1": (0, 0, 0), "C2": (1.5, 0, 0), "C3": (0.75, 1.3, 0)}
    return residue(resname, chain, number, centre, atoms=offsets, record=record, **how)


def text(*parts: list[str], cell: str = CELL) -> str:
    """A PDB file; a TER record between the parts."""
    body = "\nTER\n".join("\n".join(part) for part in parts)
    return f"{cell}\n{body}\nEND\n"


def model(*parts: list[str], cell: str = CELL) -> mmtbx.model.manager:
    """The model of :func:`text`."""
    lines = text(*parts, cell=cell).splitlines()
    return mmtbx.model.manager(
        model_input=iotbx.pdb.input(source_info=None, lines=lines), log=null_out()
    )
