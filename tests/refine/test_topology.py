"""Bonds of a model, by distance and by restraints, for normal modes."""

import hnmref  # noqa: F401  (cctbx's extensions load first)

import numpy as np
import pytest
from pdb_text import atom, model, residue

from hnmref.errors import InputError
from hnmref.refine import reference_data
from hnmref.refine.geometry import process_restraints
from hnmref.refine.topology import distance_bonds, restraint_bonds, topology_of

#: A glycine whose O is nowhere near the next N (Å, 3.6 on along x).
GLYCINE = {
    "N": (0.0, 0.0, 0.0),
    "CA": (1.2, 0.8, 0.0),
    "C": (2.4, 0.0, 0.3),
    "O": (2.3, -0.6, 1.4),
}

#: Bonds of glycines: N-CA, CA-C, C-O, and C to the next N.
GLYCINES = [(0, 1), (1, 2), (2, 3), (2, 4), (4, 5), (5, 6), (6, 7)]


def glycines(n):
    starts = [(3.6 * i, 0.0, 0.0) for i in range(n)]
    return [
        line
        for i, start in enumerate(starts)
        for line in residue("GLY", "A", i + 1, start, atoms=GLYCINE)
    ]


def pairs(bonds):
    return sorted(map(tuple, np.sort(bonds, axis=1).tolist()))


def test_distances_find_a_peptides_bonds():
    bonds = distance_bonds(model(glycines(2)).get_hierarchy())
    assert pairs(bonds) == GLYCINES


def test_some_atoms_keep_their_numbers():
    hierarchy = model(glycines(2)).get_hierarchy()
    assert pairs(distance_bonds(hierarchy, np.array([1, 2, 4, 7]))) == [(1, 2), (2, 4)]
    assert distance_bonds(hierarchy, np.array([3])).shape == (0, 2)


def test_hydrogens_are_bonded_to_one_atom():
    hydrogen = [atom("H", "GLY", "A", 1, (-0.5, -0.8, 0.0), element="H")]
    bonds = distance_bonds(model(glycines(1) + hydrogen).get_hierarchy())
    assert (0, 4) in pairs(bonds) and len(bonds) == 4


@pytest.mark.skipif(
    reference_data.find_monomer_library() is None,
    reason="no monomer library: run hnmref.get_reference_data",
)
def test_restraints_find_the_same():
    three = model(glycines(3))
    process_restraints(three)
    by_distance = distance_bonds(three.get_hierarchy())
    assert pairs(restraint_bonds(three)) == pairs(by_distance)


def test_without_restraints_is_one_sentence():
    with pytest.raises(InputError, match="no geometry restraints"):
        restraint_bonds(model(glycines(1)))


def test_topology_is_numbered_among_the_atoms():
    """N left out: CA-C-O and CA-C-N' with the angle between them."""
    topology = topology_of(np.array(GLYCINES), np.arange(1, 6), 8)
    assert topology.bonds.tolist() == [[0, 1], [1, 2], [1, 3], [3, 4]]
    assert len(topology.angles) == 4
    assert sorted(topology.dihedrals.tolist()) == [[0, 1, 3, 4], [2, 1, 3, 4]]
