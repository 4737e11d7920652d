"""The best TLS segments of a chain, against brute force and against the truth."""

import hnmref  # noqa: F401  (cctbx's extensions load first)

from itertools import combinations

import numpy as np
import pytest
from chain_models import isotropic, moving_bodies, random_chain

from hnmref.adp.segments import best_starts, partition_chain, segment_residuals
from hnmref.adp.tls_fit import fit_tls


def both_kinds(u):
    return {"isotropic": isotropic(u), "anisotropic": u}


def chain_of_three(rng, starts=(0, 18, 41), n_residues=60, noise=0.0):
    """Sites, residues and U of three bodies; noise in Å² on every component."""
    sites, residue_of = random_chain(rng, n_residues)
    u = moving_bodies(rng, sites, residue_of, starts)
    return sites, residue_of, u + rng.normal(scale=noise, size=u.shape)


@pytest.mark.parametrize("kind", ["isotropic", "anisotropic"])
def test_incremental_fits_equal_direct_ones(kind):
    """Every segment of a chain, to 1e-8 of its residual."""
    rng = np.random.default_rng(1)
    sites, residue_of, u = chain_of_three(rng, (0, 7, 15), 24, noise=0.02)
    u = both_kinds(u)[kind]
    table = segment_residuals(sites, u, residue_of, 3)
    checked = 0
    for first in range(24):
        for last in range(24):
            if last - first < 2:
                assert np.isinf(table[first, last])
                continue
            inside = (residue_of >= first) & (residue_of <= last)
            expected = fit_tls(sites[inside], u[inside]).residual
            assert table[first, last] == pytest.approx(expected, rel=1e-8)
            checked += 1
    assert checked == 253


def test_residues_of_different_sizes_in_any_order():
    """One, many and more atoms than columns; the atoms shuffled."""
    rng = np.random.default_rng(2)
    sites, residue_of = random_chain(rng, 12, atoms_per_residue=30)
    kept = rng.random(len(sites)) < rng.choice([0.1, 0.4, 1.0], 12)[residue_of]
    kept[np.arange(12) * 30] = True
    order = rng.permutation(np.flatnonzero(kept))
    sites, residue_of = sites[order], residue_of[order]
    u = rng.normal(size=len(sites))
    table = segment_residuals(sites, u, residue_of, 2)
    n_checked = 0
    for first, last in combinations(range(12), 2):
        inside = (residue_of >= first) & (residue_of <= last)
        if inside.sum() <= 10:
            assert np.isinf(table[first, last])
            continue
        expected = fit_tls(sites[inside], u[inside]).residual
        assert table[first, last] == pytest.approx(expected, rel=1e-8)
        n_checked += 1
    assert n_checked > 30


def test_atoms_on_a_line_and_on_a_plane():
    """An ideal strand of C-alpha atoms: fits as the direct ones, which know ranks."""
    rng = np.random.default_rng(3)
    sites = np.zeros((40, 3))
    sites[:, 0] = 3.4 * np.arange(40) + 100
    sites[20:, 1] = rng.normal(size=20)
    u = rng.normal(size=40)
    residue_of = np.arange(40)
    table = segment_residuals(sites, u, residue_of, 3)
    for first, last in [(0, 19), (3, 15), (20, 39), (22, 34), (5, 30), (0, 39)]:
        part = slice(first, last + 1)
        expected = fit_tls(sites[part], u[part]).residual
        assert table[first, last] == pytest.approx(expected, rel=1e-8)
    # A line: a parabola along it is all that an isotropic TLS can be.
    parabola = np.polynomial.polynomial.polyfit(np.arange(20), u[:20], 2, full=True)
    assert table[0, 19] == pytest.approx(parabola[1][0][0], rel=1e-8)


@pytest.mark.parametrize("min_residues", [3, 5])
def test_partitions_are_the_best_of_all(min_residues):
    """Dynamic programming against every way to cut a short chain."""
    rng = np.random.default_rng(4)
    sites, residue_of = random_chain(rng, 16)
    u = rng.normal(size=len(sites))
    table = segment_residuals(sites, u, residue_of, min_residues)
    found = partition_chain(sites, u, residue_of, 20, min_residues)
    assert [p.n_segments for p in found] == list(range(1, 16 // min_residues + 1))
    for partition in found:
        ways = {}
        for borders in combinations(range(1, 16), partition.n_segments - 1):
            ends = (0, *borders, 16)
            if min(np.diff(ends)) < min_residues:
                continue
            ways[ends[:-1]] = sum(table[a, b - 1] for a, b in zip(ends, ends[1:]))
        best = min(ways, key=ways.get)
        assert tuple(partition.starts) == best
        assert partition.residual == pytest.approx(ways[best], rel=1e-10)


def test_best_starts_of_a_table_by_hand():
    """Segments of one or two residues; the pair (0, 1) is cheap, (1, 2) is not."""
    table = np.array([[5.0, 1.0, 20.0], [np.inf, 5.0, 9.0], [np.inf, np.inf, 5.0]])
    table[1, 0] = table[2, :2] = np.inf
    assert [s.tolist() for s in best_starts(table, 9)] == [[0], [0, 2], [0, 1, 2]]


@pytest.mark.parametrize("kind", ["isotropic", "anisotropic"])
@pytest.mark.parametrize("seed", range(3))
def test_known_bodies_get_their_borders_back(kind, seed):
    """Exactly without noise, to a residue with 5% of it; residues count from 101."""
    for noise, allowed in ((0.0, 0), (0.02, 1)):
        rng = np.random.default_rng(seed)
        sites, residue_of, u = chain_of_three(rng, noise=noise)
        u = both_kinds(u)[kind]
        found = partition_chain(sites, u, residue_of + 101, max_segments=5)
        assert np.abs(found[2].starts - [101, 119, 142]).max() <= allowed
        if noise == 0:
            assert found[2].rms < 1e-10 < 1e-3 < found[1].rms


def test_residual_falls_with_every_segment():
    """As long as segments need not all be of the least length."""
    rng = np.random.default_rng(5)
    sites, residue_of, u = chain_of_three(rng, n_residues=100, noise=0.05)
    found = partition_chain(sites, isotropic(u), residue_of)
    assert len(found) == 20
    residuals = np.array([partition.residual for partition in found])
    assert (np.diff(residuals) < 0).all()
    rms = [partition.rms for partition in found]
    assert rms == pytest.approx(np.sqrt(residuals / len(sites)))


def test_too_few_atoms_for_two_segments():
    """Eight C-alpha atoms have a partition: the whole chain."""
    rng = np.random.default_rng(6)
    sites, residue_of = random_chain(rng, 8, atoms_per_residue=1)
    found = partition_chain(sites, rng.random(8), residue_of)
    assert len(found) == 1 and found[0].starts.tolist() == [0]
    assert found[0].residual < 1e-20
