"""Refined motions: the spectrum of Π, and what it is made of."""

import hnmref  # noqa: F401  (cctbx's extensions load first)

import numpy as np
import pytest

from hnmref.adp.basis import ModeBasis
from hnmref.refine.group_adp import NoGroupAdp
from hnmref.refine.levels import level_u
from hnmref.refine.motions import group_motion, refined_motions


def random_pi(rng, n):
    factor = rng.normal(size=(n, n))
    return factor @ factor.T


def orthogonal_basis(rng, n_atoms, n_modes):
    """Modes of one length, √N, orthogonal to each other."""
    q = np.linalg.qr(rng.normal(size=(3 * n_atoms, n_modes)))[0] * np.sqrt(n_atoms)
    return ModeBasis(q.reshape(n_atoms, 3, n_modes), np.arange(n_atoms))


def test_variances_are_the_eigenvalues_of_pi():
    rng = np.random.default_rng(5)
    basis, pi = orthogonal_basis(rng, 30, 8), random_pi(rng, 8)
    eigenvalues = np.array([*6 * [0.0], 0.5, 2.0])
    motion = group_motion("A", "stage_two", basis, pi, eigenvalues)
    np.testing.assert_allclose(motion.variance, np.linalg.eigvalsh(pi)[::-1])
    np.testing.assert_allclose(motion.mode_variance, np.diag(pi))
    vectors = np.linalg.eigh(pi)[1][:, ::-1]
    expected = np.sqrt(vectors[6] ** 2 * 0.5 + vectors[7] ** 2 * 2.0)
    np.testing.assert_allclose(motion.frequency, expected, atol=1e-9)
    np.testing.assert_allclose(motion.weights.sum(axis=1), 1.0)


@pytest.mark.parametrize("orthogonal", [True, False])
def test_motions_are_the_principal_components_of_the_covariance(orthogonal):
    """Against the eigenvectors of the whole 3N × 3N matrix."""
    rng = np.random.default_rng(6)
    basis = orthogonal_basis(rng, 20, 5)
    if not orthogonal:
        basis = ModeBasis(rng.normal(size=(20, 3, 5)), np.arange(20))
    pi = random_pi(rng, 5)
    motion = group_motion("A", "stage_two", basis, pi, np.zeros(5))
    flat = basis.vectors.reshape(60, 5)
    values, vectors = np.linalg.eigh(flat @ pi @ flat.T)
    np.testing.assert_allclose(motion.variance, values[::-1][:5] / 20, rtol=1e-9)
    for k in range(3):
        ours = motion.displacements[:, :, k].ravel()
        assert np.linalg.norm(ours) == pytest.approx(np.sqrt(values[-1 - k]))
        cosine = ours @ vectors[:, -1 - k] / np.linalg.norm(ours)
        assert abs(cosine) == pytest.approx(1)


def test_a_translation_is_collective_and_has_no_frequency():
    n = 40
    vectors = np.zeros((n, 3, 4))
    vectors[:, [0, 1, 2], [0, 1, 2]] = 1.0
    # One atom alone moves in the last.
    vectors[7, 0, 3] = np.sqrt(n)
    vectors[:, 0, 3] -= vectors[:, 0, 3].mean()
    basis = ModeBasis(vectors, np.arange(n))
    pi, eigenvalues = np.diag([1.0, 4.0, 2.0, 0.1]), np.array([0, 0, -1e-15, 9])
    motion = group_motion("A", "stage_two", basis, pi, eigenvalues)
    np.testing.assert_allclose(motion.collectivity[:3], 1.0)
    assert motion.collectivity[3] < 0.1
    np.testing.assert_allclose(motion.frequency[:3], 0.0, atol=1e-6)
    assert motion.frequency[3] == pytest.approx(3.0)


def test_a_run_tells_the_motion_of_the_whole_and_of_its_parts(two_cycles):
    group_adp = two_cycles.group_adp
    motions = refined_motions(group_adp)
    assert [m.stage for m in motions] == ["stage_one", "stage_two", "stage_two"]
    assert [m.label for m in motions] == [g["label"] for g in group_adp.groups()]
    u_whole, u_group = level_u(group_adp, "whole"), level_u(group_adp, "group")
    for motion, u in zip(motions, (u_whole, u_group, u_group)):
        mean_square = u[motion.atoms, :3].sum(axis=1).mean()
        assert motion.variance.sum() == pytest.approx(mean_square)
        assert (motion.mode_frequency[6:] > 1e-3).all()
        np.testing.assert_allclose(motion.mode_frequency[:6], 0.0, atol=1e-3)


def test_without_modes_there_are_none():
    assert refined_motions(NoGroupAdp(None, None)) == []
