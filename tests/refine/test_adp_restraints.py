"""Neighbours and bonds without a geometry library."""

import numpy as np
import pytest
from cctbx import crystal, xray
from scipy.spatial import cKDTree

import hnmref.refine.arrays as arrays
from hnmref.refine.adp_restraints import PLAIN_PAIRS_RADIUS, adp_restraints_manager


@pytest.fixture
def structure():
    """Methanol-like pieces on a grid in P1: C–O bonds of 1.4 Å, O–H of 1 Å."""
    symmetry = crystal.symmetry((40, 40, 40, 90, 90, 90), "P 1")
    structure = xray.structure(crystal_symmetry=symmetry)
    for number in range(5):
        origin = np.array([5.0 + 4.0 * number, 10.0, 10.0])
        for element, shift in (("C", 0.0), ("O", 1.4), ("H", 2.4)):
            site = symmetry.unit_cell().fractionalize(
                tuple(origin + (0.0, shift, 0.0))
            )
            structure.add_scatterer(
                xray.scatterer(element, site=site, u=0.2, scattering_type=element)
            )
    return structure


def n_neighbours(table):
    return sum(len(ops) for row in table for ops in row.values())


def expected_neighbours(structure):
    sites = arrays.vec3_to_numpy(structure.sites_cart())
    return len(cKDTree(sites).query_pairs(PLAIN_PAIRS_RADIUS))


def test_neighbours_are_all_pairs_within_the_radius(structure):
    table = adp_restraints_manager(structure).geometry.plain_pair_sym_table
    assert n_neighbours(table) == expected_neighbours(structure)


def test_bonds_are_those_of_covalent_radii(structure):
    manager = adp_restraints_manager(structure)
    bonds, _ = manager.geometry.get_covalent_bond_proxies(
        sites_cart=structure.sites_cart()
    )
    pairs = sorted(tuple(sorted(bond.i_seqs)) for bond in bonds)
    assert pairs == sorted(
        pair for k in range(5) for pair in ((3 * k, 3 * k + 1), (3 * k + 1, 3 * k + 2))
    )


def test_neighbours_survive_leaving_hydrogens_out(structure):
    heavy = ~structure.hd_selection()
    selected = adp_restraints_manager(structure).select(heavy)
    part = structure.select(heavy)
    selected.geometry.pair_proxies(sites_cart=part.sites_cart())
    table = selected.geometry.plain_pair_sym_table
    assert table.size() == part.scatterers().size() == 10
    assert n_neighbours(table) == expected_neighbours(part)
