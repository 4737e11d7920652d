"""P_KL over bonds, contacts and borders, of a real model's atoms."""

import hnmref  # noqa: F401  (cctbx's extensions load first)

import numpy as np
import pytest

from hnmref.adp.metrics import pair_kl
from hnmref.errors import InputError
from hnmref.refine import neighbours as module
from hnmref.refine.neighbours import neighbours
from hnmref.refine.residues import residue_table


@pytest.fixture
def table(two_cycles):
    return residue_table(two_cycles.model)


@pytest.fixture(scope="module")
def hierarchy(two_cycles):
    return two_cycles.model.get_hierarchy()


def isotropic(u_iso):
    u = np.zeros((len(u_iso), 6))
    u[:, :3] = np.asarray(u_iso)[:, None]
    return u


def test_equal_atoms_do_not_diverge(table, hierarchy):
    n = len(table.sites)
    found = neighbours(isotropic(np.full(n, 0.3)), table, hierarchy, [np.arange(n)])
    assert len(found.bonded) > 0.95 * n and len(found.near) > 5 * n
    assert np.abs(found.near).max() < 1e-12 and found.rigid_bond < 1e-12
    told = found.as_dict()
    assert told["b_kl"] is None and told["n_boundary"] == 0
    assert sum(told["histogram"]["near"]) == told["n_near"] == len(found.near)


def test_a_jump_at_a_border_is_seen(table, hierarchy):
    n = len(table.sites)
    parts = [np.arange(n // 2), np.arange(n // 2, n)]
    rng = np.random.default_rng(2)
    u_iso = rng.uniform(0.28, 0.32, n)
    smooth = neighbours(isotropic(u_iso), table, hierarchy, parts)
    u_iso[parts[1]] += 0.3
    jump = neighbours(isotropic(u_iso), table, hierarchy, parts)
    assert 0.7 < smooth.b_kl < 1.4
    assert jump.b_kl > 20
    assert jump.n_boundary == smooth.n_boundary > 10


def test_pieces_make_no_difference(table, hierarchy, two_cycles, monkeypatch):
    u = two_cycles.group_adp.displacements.total()
    whole = neighbours(u, table, hierarchy, [])
    monkeypatch.setattr(module, "_PAIRS_PER_PIECE", 97)
    pieces = neighbours(u, table, hierarchy, [])
    np.testing.assert_array_equal(whole.near, pieces.near)


def test_waters_hydrogens_and_other_conformers_are_apart(table, hierarchy):
    u = isotropic(np.full(len(table.sites), 0.3))
    everything = neighbours(u, table, hierarchy, [])
    table.is_hydrogen[:50] = True
    fewer = neighbours(u, table, hierarchy, [])
    assert len(fewer.near) < len(everything.near)
    table.conformer[100:120] = ord("A")
    table.conformer[120:140] = ord("B")
    apart = neighbours(u, table, hierarchy, [])
    between = len(fewer.near) - len(apart.near)
    sites = table.sites
    distance = np.linalg.norm(sites[100:120, None] - sites[None, 120:140], axis=-1)
    assert between == np.count_nonzero(distance <= 5.0) > 0


def test_an_impossible_u_is_left_out(table, hierarchy):
    u = isotropic(np.full(len(table.sites), 0.3))
    u[10] *= -1
    found = neighbours(u, table, hierarchy, [])
    assert np.isfinite(found.near).all()
    with pytest.raises(InputError, match="not positive definite"):
        pair_kl(u, table.sites, np.array([[10, 11]]))
