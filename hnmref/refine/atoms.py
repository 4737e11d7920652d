"""Which atoms move with which substructure, and which have only U_local.

By default a substructure is a polymer chain with the ligands, glycans and ions
that touch it; waters have only U_local. The rules stand in docs/inputs.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import mmtbx.model
import numpy as np
from libtbx.utils import Sorry

from hnmref.errors import InputError
from hnmref.refine.arrays import to_numpy
from hnmref.refine.chains import Part, polymer_chains, selection_string, spans_plane
from hnmref.refine.residues import Kind, ResidueTable, residue_table
from hnmref.refine.touch import join_by_touch, residues_outside

WATER = "water"
TOUCHES_NONE = "touches no substructure"
NOT_SELECTED = "in no substructure selection"


@dataclass
class Substructure:
    """Atoms that share their modes.

    :ivar label: short name, as the chain's.
    :ivar selection: the atoms as a selection string.
    :ivar atoms: (n,) sorted atom indices.
    """

    label: str
    selection: str
    atoms: np.ndarray


@dataclass
class AtomGroups:
    """Every atom of a model: in one substructure, or only in U_local.

    :ivar substructures: disjoint groups.
    :ivar local_only: the reason and the (n,) sorted atoms that have only U_local.
    :ivar blocks: (N,) rigid block of each atom for RTB: its residue.
    :ivar n_atoms: N.
    """

    substructures: list[Substructure]
    local_only: dict[str, np.ndarray]
    blocks: np.ndarray
    n_atoms: int

    @property
    def assigned(self) -> np.ndarray:
        """Sorted indices of the atoms that are in a substructure."""
        return np.sort(np.concatenate([s.atoms for s in self.substructures]))

    def as_dict(self) -> dict:
        """Counts, reasons and selections, for JSON."""
        return {
            "n_atoms": self.n_atoms,
            "assigned": len(self.assigned),
            "local_only": {why: len(a) for why, a in self.local_only.items()},
            "substructures": [
                {"label": s.label, "selection": s.selection, "n_atoms": len(s.atoms)}
                for s in self.substructures
            ],
        }


def group_atoms(
    model: mmtbx.model.manager, selections: Sequence[str] = ()
) -> AtomGroups:
    """Sort a model's atoms into substructures and those with only U_local.

    :param selections: ``hnm.substructure``, one string a substructure; none: one
        a polymer chain. Waters are never in a substructure. A ligand residue
        that no selection holds joins the substructure that it touches.
    :raises InputError: a selection is wrong, empty, overlaps another or has
        fewer than three atoms that are not on a line.
    """
    table = residue_table(model)
    if selections:
        owner = _owners_by_selection(model, table, selections)
        kinds = table.atom_kinds()
        free_residues = residues_outside(table, owner, Kind.LIGAND)
        owner = join_by_touch(table, owner, free_residues)
        substructures = [
            Substructure(f"{i + 1}", text, np.flatnonzero(owner == i))
            for i, text in enumerate(selections)
        ]
        outside = (owner < 0) & (kinds != Kind.WATER)
        touching_none = outside & np.isin(table.residue_of, free_residues)
        reasons = {TOUCHES_NONE: touching_none, NOT_SELECTED: outside & ~touching_none}
    else:
        substructures = substructures_of_parts(table, polymer_chains(table))
        owner = _owner_array(table, [s.atoms for s in substructures])
        reasons = {TOUCHES_NONE: (owner < 0) & (table.atom_kinds() != Kind.WATER)}
    reasons = {WATER: (owner < 0) & (table.atom_kinds() == Kind.WATER), **reasons}
    local_only = {why: np.flatnonzero(m) for why, m in reasons.items() if m.any()}
    return AtomGroups(substructures, local_only, table.residue_of, len(table.sites))


def substructures_of_parts(
    table: ResidueTable, parts: list[Part], free: Sequence[int] | None = None
) -> list[Substructure]:
    """Parts with the residues that touch them; a model without polymer is one.

    :param free: the residues that may join; None: all but waters.
    :raises InputError: there are no parts, and too few atoms for a substructure.
    """
    if not parts:
        return [_everything_but_water(table)]
    owner = _owner_array(table, [table.atoms_of(part.residues) for part in parts])
    if free is None:
        free = residues_outside(table, owner, Kind.LIGAND, Kind.POLYMER)
    owner = join_by_touch(table, owner, list(free))
    result = []
    for i, part in enumerate(parts):
        atoms = np.flatnonzero(owner == i)
        selection = selection_string(table, np.unique(table.residue_of[atoms]), part)
        result.append(Substructure(part.label, selection, atoms))
    return result


def _everything_but_water(table: ResidueTable) -> Substructure:
    atoms = np.flatnonzero(table.atom_kinds() != Kind.WATER)
    if not spans_plane(table.sites[atoms]):
        raise InputError(
            "The model has no polymer chain and fewer than three non-collinear atoms "
            "besides waters: normal modes need more; use group_adp=none"
        )
    return Substructure("all", "not water", atoms)


def _owner_array(table: ResidueTable, groups: Sequence[np.ndarray]) -> np.ndarray:
    """(N,) group of each atom, -1 for none."""
    owner = np.full(len(table.sites), -1)
    for i, atoms in enumerate(groups):
        owner[atoms] = i
    return owner


def _owners_by_selection(
    model, table: ResidueTable, selections: Sequence[str]
) -> np.ndarray:
    """(N,) index of the selection that holds each atom, -1 for none."""
    owner = np.full(len(table.sites), -1)
    not_water = table.atom_kinds() != Kind.WATER
    for i, text in enumerate(selections):
        name = f'hnm.substructure="{text}"'
        try:
            selected = to_numpy(model.selection(text)) & not_water
        except (Sorry, RuntimeError, ValueError) as error:
            raise InputError(
                f"{name} is not an atom selection ({' '.join(str(error).split())}): "
                "write it as 'chain A and resseq 1:100'"
            ) from error
        if not selected.any():
            raise InputError(
                f"{name} selects no atom besides waters: correct or drop it"
            )
        taken = owner[selected]
        if (taken >= 0).any():
            first = selections[taken[taken >= 0][0]]
            raise InputError(
                f'{name} overlaps hnm.substructure="{first}" in '
                f"{int((taken >= 0).sum())} atoms: an atom has one substructure"
            )
        if not spans_plane(table.sites[selected]):
            raise InputError(
                f"{name} holds {int(selected.sum())} atoms: a substructure needs at "
                "least three that are not on one line; widen it"
            )
        owner[selected] = i
    return owner
