"""Residues that join the group of atoms that they touch.

Contacts are those within the model as it is written: symmetry mates do not
count.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from hnmref.refine.residues import BOND_DISTANCE, Kind, ResidueTable

#: Non-hydrogen atoms nearer than this touch (Å).
CONTACT_DISTANCE = 4.5


def residues_outside(table: ResidueTable, owner: np.ndarray, *kinds: Kind) -> list[int]:
    """Residues of some kinds of which no atom has an owner."""
    owned = np.zeros(len(table.residues), bool)
    owned[table.residue_of[owner >= 0]] = True
    return [i for i, r in enumerate(table.residues) if r.kind in kinds and not owned[i]]


def join_by_touch(
    table: ResidueTable, owner: np.ndarray, free_residues: list[int]
) -> np.ndarray:
    """Give free residues to the group that they touch.

    Residues bonded to each other (a glycan) go together. A bond decides first,
    then the number of contacts, then nearness. What touches only residues that
    have joined joins with them, in rounds.

    :returns: (N,) owners; -1 stays where nothing is touched.
    """
    owner = owner.copy()
    if not free_residues:
        return owner
    free, other, distance = _contacts(table, free_residues)
    n_units, unit_of = _bonded_units(table, free_residues, free, other, distance)
    n_groups = owner.max() + 1
    # Bonds outweigh any number of contacts; nearness only breaks ties of contacts.
    weight = 1.0 + 1e6 * (distance < BOND_DISTANCE)
    weight += 1e-4 * (1.0 - distance / CONTACT_DISTANCE)
    while True:
        counts = (owner[free] < 0) & (owner[other] >= 0)
        if not counts.any():
            return owner
        cell = unit_of[table.residue_of[free[counts]]] * n_groups + owner[other[counts]]
        votes = np.bincount(cell, weight[counts], n_units * n_groups)
        votes = votes.reshape(n_units, n_groups)
        winner = np.where(votes.any(axis=1), votes.argmax(axis=1), -1)
        in_unit = (unit_of[table.residue_of] >= 0) & (owner < 0)
        owner[in_unit] = winner[unit_of[table.residue_of[in_unit]]]


def _contacts(
    table: ResidueTable, free_residues: list[int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs (free atom, other atom, distance) that touch; no hydrogens or waters.

    Atoms of different conformers are never there together and do not touch.
    """
    counted = ~table.is_hydrogen & (table.atom_kinds() != Kind.WATER)
    is_free = np.isin(table.residue_of, free_residues) & counted
    free_atoms, atoms = np.flatnonzero(is_free), np.flatnonzero(counted)
    if not len(free_atoms):
        empty = np.zeros(0, int)
        return empty, empty, np.zeros(0)
    pairs = cKDTree(table.sites[free_atoms]).sparse_distance_matrix(
        cKDTree(table.sites[atoms]), CONTACT_DISTANCE, output_type="ndarray"
    )
    free, other = free_atoms[pairs["i"]], atoms[pairs["j"]]
    a, b = table.conformer[free], table.conformer[other]
    together = (a == 0) | (b == 0) | (a == b)
    together &= table.residue_of[free] != table.residue_of[other]
    return free[together], other[together], pairs["v"][together]


def _bonded_units(
    table: ResidueTable, free_residues: list[int], free, other, distance
) -> tuple[int, np.ndarray]:
    """Number of units, and (R,) the unit of each free residue (-1 elsewhere)."""
    n = len(table.residues)
    is_free = np.zeros(n, bool)
    is_free[free_residues] = True
    bonded = (distance < BOND_DISTANCE) & is_free[table.residue_of[other]]
    rows, columns = table.residue_of[free[bonded]], table.residue_of[other[bonded]]
    graph = coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(n, n))
    _, labels = connected_components(graph, directed=False)
    units = np.full(n, -1)
    kept, numbers = np.unique(labels[is_free], return_inverse=True)
    units[is_free] = numbers
    return len(kept), units
