"""Labels of atoms, and the residues that they make up."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from hnmref.errors import InputError
from hnmref.modes.sequence import UNKNOWN, residue_codes

_WATERS = ("HOH", "WAT", "DOD", "SOL", "TIP3", "TIP", "H2O")

#: Other names of the same atom, for all residues and for one kind.
_ATOM_ALIASES = {"O1P": "OP1", "O2P": "OP2", "OT1": "O", "OT2": "OXT"}
_RESIDUE_ALIASES = {("ILE", "CD"): "CD1"}


@dataclass
class AtomLabels:
    """What atoms are called, each (N,), as text without blanks around it.

    chain : with the segment, where chain names alone repeat.
    resid : residue number and insertion code, as ``12`` or ``12A``.
    resname : residue name.
    name : atom name.
    """

    chain: np.ndarray
    resid: np.ndarray
    resname: np.ndarray
    name: np.ndarray

    def __post_init__(self) -> None:
        for item in fields(self):
            given = np.asarray(getattr(self, item.name), dtype=np.str_)
            setattr(self, item.name, np.char.strip(given))
        shapes = {getattr(self, item.name).shape for item in fields(self)}
        if len(shapes) != 1 or self.chain.ndim != 1:
            raise InputError(f"labels of atoms differ in number: {sorted(shapes)}")

    def __len__(self) -> int:
        return len(self.chain)

    def select(self, atoms: np.ndarray) -> AtomLabels:
        """Labels of some atoms (indices or a mask)."""
        return AtomLabels(*(getattr(self, item.name)[atoms] for item in fields(self)))


class Residues:
    """The residues of a structure, in the order in which they come.

    residue_of : (N,) residue of each atom.
    chain, resid, resname : (R,) of each residue.
    polymer, water : (R,) masks.
    """

    def __init__(self, labels: AtomLabels) -> None:
        self.labels = labels
        # A number may serve a residue of the polymer and a water as well.
        keys = joined(labels.chain, labels.resid, labels.resname)
        first, self.residue_of = _numbered(keys)
        self.chain = labels.chain[first]
        self.resid = labels.resid[first]
        self.resname = np.char.upper(labels.resname[first])
        known = residue_codes(self.resname) < UNKNOWN
        self.polymer = known | self._has_backbone()
        self.water = np.isin(self.resname, _WATERS)

    def __len__(self) -> int:
        return len(self.resid)

    @cached_property
    def chains(self) -> list[str]:
        """Names of the chains, in their order."""
        return list(dict.fromkeys(self.chain.tolist()))

    @cached_property
    def atom_names(self) -> np.ndarray:
        """(N,) names of atoms, where several are in use the present one."""
        names = np.char.replace(self.labels.name, "*", "'").astype("U8")
        for other, name in _ATOM_ALIASES.items():
            names[names == other] = name
        for (resname, other), name in _RESIDUE_ALIASES.items():
            names[(names == other) & (self.resname[self.residue_of] == resname)] = name
        return names

    def of_chain(self, chain: str, polymer: bool) -> np.ndarray:
        """Residues of a chain: of its polymer, or its ligands."""
        kind = self.polymer if polymer else ~self.polymer & ~self.water
        return np.flatnonzero((self.chain == chain) & kind)

    def where(self, residue: int) -> str:
        """What a reader finds a residue by."""
        words = (self.chain[residue], self.resname[residue], self.resid[residue])
        return " ".join(word for word in words if word)

    def _has_backbone(self) -> np.ndarray:
        """Residues of an unknown name in a polymer; calcium has a CA as well."""
        residue, name = self.residue_of, self.labels.name
        calpha = np.bincount(residue[name == "CA"], minlength=len(self)) > 0
        phosphate = np.bincount(residue[name == "P"], minlength=len(self)) > 0
        sugar = np.isin(name, ("C1'", "C1*"))
        nucleotide = np.bincount(residue[sugar], minlength=len(self)) > 0
        return (calpha & (self.resname != "CA")) | (phosphate & nucleotide)


def chain_name(chain: str) -> str:
    """What a message calls a chain; a blank name is one, too."""
    return f"chain {chain}" if chain else "the chain without a name"


def joined(*parts: np.ndarray) -> np.ndarray:
    """(N,) several labels of each atom or residue in one text."""
    keys = parts[0]
    for part in parts[1:]:
        keys = np.char.add(np.char.add(keys, "\t"), part)
    return keys


def _numbered(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First place of each key, in order of appearance, and each place's number."""
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    number = np.empty_like(order)
    number[order] = np.arange(len(order))
    return first[order], number[inverse.ravel()]
