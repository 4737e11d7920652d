"""Spectra with known answers, RTB, degeneracy, invariance."""

import numpy as np
import pytest
import scipy.linalg
from mode_references import ball, dense_hessian, flat, helix, rotation, same_subspace

from hnmref.modes import compute_modes, rigid_body_modes, solver


@pytest.fixture(params=["dense", "sparse"])
def solver_kind(request, monkeypatch):
    """Run with the dense and with the sparse solver, whatever the size."""
    if request.param == "sparse":
        monkeypatch.setattr(solver, "_DENSE_SIZE", 10)
        monkeypatch.setattr(solver, "_DENSE_SHARE", 0.6)
    return request.param


def polygon(n, radius=2.0):
    angle = 2 * np.pi * np.arange(n) / n
    return radius * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)


def test_two_atoms():
    """One bond, k = 1: eigenvalue 2 with unit masses, k/mu with masses."""
    x = np.array([[0.0, 0, 0], [1, 1, 1]])
    modes = compute_modes(x, n_modes=6)
    np.testing.assert_allclose(modes.eigenvalues, [0, 0, 0, 0, 0, 2], atol=1e-12)
    assert modes.n_zero == 5
    masses = np.array([3.0, 6.0])
    heavy = compute_modes(x, n_modes=6, masses=masses)
    assert heavy.eigenvalues[5] == pytest.approx(1 / 3 + 1 / 6)
    stretch = heavy.vectors[:, :, 5]
    np.testing.assert_allclose(masses @ stretch, 0, atol=1e-12)
    assert np.sum(masses[:, None] * stretch**2) == pytest.approx(1)


def test_equilateral_triangle():
    """Breathing at 3 k, and the degenerate pair at 1.5 k (Wilson, Decius & Cross)."""
    modes = compute_modes(polygon(3), n_modes=9)
    np.testing.assert_allclose(modes.eigenvalues[6:], [1.5, 1.5, 3.0], atol=1e-12)
    assert modes.n_zero == 6
    breathing = modes.vectors[:, :, 8]
    np.testing.assert_allclose(
        np.cross(breathing, polygon(3)), np.zeros((3, 3)), atol=1e-12
    )


def test_regular_tetrahedron():
    """A1 at 4 k, T2 at 2 k, E at k."""
    x = np.array([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    modes = compute_modes(x, n_modes=12)
    np.testing.assert_allclose(modes.eigenvalues[6:], [1, 1, 2, 2, 2, 4], atol=1e-12)


def test_linear_chain_of_springs():
    """Free chain: 4 k sin^2(pi m / 2N); all else on a line costs nothing."""
    n = 12
    x = np.zeros((n, 3))
    x[:, 0] = 3.0 * np.arange(n)
    modes = compute_modes(x, n_modes=3 * n, cutoff=4.0)
    expected = 4 * np.sin(np.pi * np.arange(1, n) / (2 * n)) ** 2
    assert modes.n_zero == 2 * n + 1
    np.testing.assert_allclose(modes.eigenvalues[modes.n_zero :], expected, rtol=1e-10)
    assert any("cost no energy" in note for note in modes.notes)


def test_rank_is_3n_minus_6(solver_kind):
    modes = compute_modes(ball(40, 1), n_modes=30, cutoff=4.0)
    assert modes.n_zero == 6
    assert modes.eigenvalues[6] > 1e-3
    assert modes.notes == []


def test_against_a_dense_reference(solver_kind):
    x = ball(60, 2)
    hessian = dense_hessian(x, 4.0, lambda r: max(r, 1.0) ** -2.0)
    modes = compute_modes(x, n_modes=26, cutoff=4.0, spring_law="distance_power")
    reference = scipy.linalg.eigvalsh(hessian)[: modes.n_modes]
    np.testing.assert_allclose(modes.eigenvalues[6:], reference[6:], rtol=1e-9)
    v = flat(modes.vectors)
    np.testing.assert_allclose(v.T @ v, np.eye(modes.n_modes), atol=1e-11)
    residual = hessian @ v - v * modes.eigenvalues
    assert abs(residual).max() < 1e-10


def test_masses_solve_the_generalised_problem(solver_kind):
    x = ball(40, 3)
    masses = np.random.default_rng(4).uniform(1, 32, 40)
    modes = compute_modes(x, n_modes=20, cutoff=4.0, masses=masses)
    hessian, mass = dense_hessian(x, 4.0), np.diag(np.repeat(masses, 3))
    reference = scipy.linalg.eigvalsh(hessian, mass)
    np.testing.assert_allclose(modes.eigenvalues[6:], reference[6:20], rtol=1e-9)
    v = flat(modes.vectors)
    np.testing.assert_allclose(v.T @ mass @ v, np.eye(20), atol=1e-11)
    assert abs(hessian @ v - mass @ v * modes.eigenvalues).max() < 1e-10


def test_the_first_six_are_the_analytic_ones_exactly():
    x = ball(30, 5)
    modes = compute_modes(x, n_modes=12, cutoff=4.0)
    assert np.array_equal(modes.vectors[:, :, :6], rigid_body_modes(x))
    assert np.array_equal(modes.eigenvalues[:6], np.zeros(6))
    six = compute_modes(x, n_modes=6, cutoff=4.0)
    assert np.array_equal(six.vectors, rigid_body_modes(x))


def test_one_atom_blocks_are_no_reduction(solver_kind):
    x = ball(40, 6)
    masses = np.random.default_rng(7).uniform(1, 32, 40)
    whole = compute_modes(x, n_modes=20, cutoff=4.0, masses=masses)
    blocks = compute_modes(
        x, n_modes=20, cutoff=4.0, masses=masses, blocks=[f"b{j}" for j in range(40)]
    )
    np.testing.assert_allclose(blocks.eigenvalues, whole.eigenvalues, rtol=1e-10)
    assert same_subspace(flat(blocks.vectors), flat(whole.vectors)) > 1 - 1e-9


@pytest.mark.parametrize("with_masses", [False, True])
def test_blocks_give_upper_bounds_that_fall_with_their_size(solver_kind, with_masses):
    x, _ = helix(30)
    masses = np.random.default_rng(8).uniform(1, 32, 120) if with_masses else None
    spectra = [
        compute_modes(
            x, n_modes=16, cutoff=6.0, masses=masses, blocks=np.arange(120) // size
        ).eigenvalues[6:16]
        for size in (1, 2, 4, 12)
    ]
    for finer, coarser in zip(spectra, spectra[1:]):
        assert (coarser >= finer * (1 - 1e-10)).all()
        assert coarser[0] > finer[0]


def test_blocks_move_as_rigid_bodies():
    x, residues = helix(20)
    modes = compute_modes(x, n_modes=20, cutoff=6.0, blocks=residues)
    for residue in range(20):
        own = residues == residue
        d = x[own][:, None] - x[own][None]
        v = modes.vectors[own]
        stretch = np.einsum("ija,ijam->ijm", d, v[:, None] - v[None])
        assert abs(stretch).max() < 1e-12
    v = flat(modes.vectors)
    np.testing.assert_allclose(v.T @ v, np.eye(20), atol=1e-11)


def test_rotation_turns_the_modes_and_keeps_the_spectrum(solver_kind):
    x, residues = helix(30)
    r = rotation(9)
    modes = compute_modes(x, n_modes=20, cutoff=6.0, blocks=residues)
    turned = compute_modes(x @ r.T + 30.0, n_modes=20, cutoff=6.0, blocks=residues)
    np.testing.assert_allclose(turned.eigenvalues, modes.eigenvalues, rtol=1e-8)
    expected = np.einsum("ab,jbm->jam", r, modes.vectors)
    assert same_subspace(flat(turned.vectors), flat(expected)) > 1 - 1e-9


def test_the_order_of_atoms_does_not_matter():
    x = ball(40, 10)
    order = np.random.default_rng(11).permutation(40)
    modes = compute_modes(x, n_modes=15, cutoff=4.0)
    other = compute_modes(x[order], n_modes=15, cutoff=4.0)
    np.testing.assert_allclose(other.eigenvalues, modes.eigenvalues, rtol=1e-9)
    assert same_subspace(flat(other.vectors), flat(modes.vectors[order])) > 1 - 1e-10


@pytest.mark.parametrize("n_asked", range(7, 20))
def test_no_cut_inside_a_cluster_of_equal_eigenvalues(solver_kind, n_asked):
    """A five-fold ring of clusters has degenerate pairs: they stay together."""
    unit = ball(9, 12, spacing=2.0) + np.array([4.0, 0, 0])
    turn = [
        np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1.0]])
        for a in 2 * np.pi * np.arange(5) / 5
    ]
    x = np.vstack([unit @ r.T for r in turn])
    every = scipy.linalg.eigvalsh(dense_hessian(x, 6.0))
    modes = compute_modes(x, n_modes=n_asked, cutoff=6.0)
    assert modes.n_modes >= n_asked
    gap = every[modes.n_modes] / every[modes.n_modes - 1]
    assert gap > 1 + 1e-5
    np.testing.assert_allclose(
        modes.eigenvalues[6:], every[6 : modes.n_modes], rtol=1e-8
    )
    # Whole clusters are invariant, so symmetry mates have equal amplitudes.
    size = np.einsum("jam,jam->j", modes.vectors, modes.vectors).reshape(5, 9)
    np.testing.assert_allclose(size, size[:1].repeat(5, axis=0), rtol=1e-6)


def test_many_fold_degeneracy_is_found_whole(monkeypatch):
    """A cube of atoms: three-fold eigenvalues, none missed by Lanczos."""
    monkeypatch.setattr(solver, "_DENSE_SIZE", 10)
    x = 2.0 * np.stack(np.meshgrid(*[np.arange(5.0)] * 3), axis=-1).reshape(-1, 3)
    every = scipy.linalg.eigvalsh(dense_hessian(x, 3.0))
    modes = compute_modes(x, n_modes=60, cutoff=3.0)
    np.testing.assert_allclose(
        modes.eigenvalues[6:], every[6 : modes.n_modes], rtol=1e-8
    )


def test_repeatable_to_the_last_digit(solver_kind):
    x, residues = helix(40)
    first, second = (
        compute_modes(x, n_modes=20, cutoff=6.0, blocks=residues) for _ in range(2)
    )
    assert np.array_equal(first.vectors, second.vectors)
    assert np.array_equal(first.eigenvalues, second.eigenvalues)


def test_the_largest_component_is_positive():
    modes = compute_modes(ball(30, 13), n_modes=20, cutoff=4.0)
    v = flat(modes.vectors)[:, 6:]
    assert (v.max(axis=0) >= -v.min(axis=0)).all()
