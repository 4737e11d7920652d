"""U_group of Ω and its gradient, against their definitions and against mmtbx."""

import hnmref  # noqa: F401  (cctbx's extensions load first)

import numpy as np
import pytest
from mmtbx_tls import u_of_mmtbx

from hnmref.adp.basis import (
    ModeBasis,
    lower_factor,
    n_parameters,
    pack_lower,
    unpack_lower,
)
from hnmref.adp.symmetric import pack_symmetric
from hnmref.adp.tls import rigid_covariance, tls_from_pi
from hnmref.modes.rigid import rigid_body_modes

ROWS, COLUMNS = [0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]


def random_basis(rng, n_atoms=30, n_modes=8):
    return ModeBasis(rng.normal(size=(n_atoms, 3, n_modes)), np.arange(n_atoms))


def random_pi(rng, n, rank=None):
    factor = rng.normal(size=(n, rank or n))
    return factor @ factor.T


def u_by_definition(vectors, pi):
    """E_j Π E_jᵀ, atom by atom."""
    return np.array([(e @ pi @ e.T)[ROWS, COLUMNS] for e in vectors])


def as_gradient_matrices(gradient):
    """G_j: off-diagonal components shared between their two places."""
    g = 0.5 * gradient[:, [0, 3, 4, 3, 1, 5, 4, 5, 2]].reshape(-1, 3, 3)
    return g + g * np.eye(3)


@pytest.mark.parametrize("n_atoms", [1, 30, 512, 1100])
def test_u_is_its_definition(n_atoms):
    """Also where the rows of E are worked through in several pieces."""
    rng = np.random.default_rng(n_atoms)
    basis = random_basis(rng, n_atoms)
    omega = np.tril(rng.normal(size=(8, 8)))
    expected = u_by_definition(basis.vectors, omega @ omega.T)
    assert np.allclose(basis.u(omega), expected, rtol=1e-12, atol=1e-12)
    u, _ = basis.u_and_pullback(omega)
    assert np.array_equal(u, basis.u(omega))


def test_u_is_semidefinite_whatever_omega():
    rng = np.random.default_rng(1)
    basis = random_basis(rng, 50, 2)
    u = basis.u(np.tril(rng.normal(size=(2, 2))))
    matrices = u[:, [0, 3, 4, 3, 1, 5, 4, 5, 2]].reshape(-1, 3, 3)
    values = np.linalg.eigvalsh(matrices)
    assert np.all(values > -1e-12 * values[:, -1:])


@pytest.mark.parametrize("seed", range(20))
def test_six_modes_equal_mmtbx_tls(seed):
    """Through the very basis that a refinement uses, far from the origin too."""
    rng = np.random.default_rng(seed)
    sites = rng.normal(scale=20, size=(200, 3)) + rng.normal(scale=50, size=3)
    vectors = rigid_body_modes(sites) * np.sqrt(len(sites))
    pi = random_pi(rng, 6, rank=rng.integers(1, 7))
    u = ModeBasis(vectors, np.arange(200)).u(lower_factor(pi))
    origin = sites.mean(axis=0)
    tls = tls_from_pi(rigid_covariance(vectors, pi, sites, origin))
    expected = u_of_mmtbx(sites, tls, origin)
    assert np.abs(u - expected).max() <= 1e-12 * np.abs(expected).max()


@pytest.mark.parametrize("n_atoms", [30, 700])
def test_pullback_is_its_formula(n_atoms):
    """∂T/∂Ω = 2 Σ_j E_jᵀ G_j E_j Ω, atom by atom."""
    rng = np.random.default_rng(2)
    basis = random_basis(rng, n_atoms)
    omega = np.tril(rng.normal(size=(8, 8)))
    gradient = rng.normal(size=(n_atoms, 6))
    projected = sum(
        e.T @ g @ e for e, g in zip(basis.vectors, as_gradient_matrices(gradient))
    )
    _, pullback = basis.u_and_pullback(omega)
    scale = np.abs(projected).max()
    expected = 2 * projected @ omega
    assert np.allclose(pullback(gradient), expected, rtol=0, atol=1e-12 * scale)
    assert np.allclose(basis.project(gradient), projected, rtol=0, atol=1e-12 * scale)


def test_pullback_is_the_derivative():
    """U is quadratic in Ω, so central differences are exact but for rounding."""
    rng = np.random.default_rng(3)
    basis = random_basis(rng)
    omega, change = (np.tril(rng.normal(size=(8, 8))) for _ in range(2))
    weights = rng.normal(size=(30, 6))
    _, pullback = basis.u_and_pullback(omega)
    difference = np.sum(weights * (basis.u(omega + change) - basis.u(omega - change)))
    assert np.sum(pullback(weights) * change) == pytest.approx(difference / 2)


@pytest.mark.parametrize("rank", [0, 1, 3, 7])
def test_lower_factor_of_singular_pi(rank):
    rng = np.random.default_rng(rank)
    pi = random_pi(rng, 7, rank) if rank else np.zeros((7, 7))
    omega = lower_factor(pi)
    assert np.array_equal(omega, np.tril(omega))
    assert np.all(np.diag(omega) >= 0)
    assert np.allclose(omega @ omega.T, pi, rtol=0, atol=1e-13 * max(1, np.trace(pi)))


def test_lower_factor_is_cholesky_where_that_exists():
    pi = random_pi(np.random.default_rng(4), 9, 20)
    assert np.allclose(lower_factor(pi), np.linalg.cholesky(pi))


def test_lower_factor_takes_rounding_as_zero():
    pi = np.diag([1.0, -1e-17, 2.0])
    omega = lower_factor(pi)
    assert np.allclose(omega @ omega.T, np.diag([1.0, 0.0, 2.0]), rtol=0, atol=1e-15)


def test_packing_is_the_lower_triangle_row_by_row():
    matrix = np.array([[1.0, 0, 0], [2, 3, 0], [4, 5, 6]])
    assert pack_lower(matrix).tolist() == [1, 2, 3, 4, 5, 6]
    assert np.array_equal(unpack_lower(pack_lower(matrix), 3), matrix)
    assert n_parameters(3) == 6 and n_parameters(20) == 210


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r"must be \(N, 3, n\), not \(4, 6\)"):
        ModeBasis(np.zeros((4, 6)), np.arange(4))
    with pytest.raises(ValueError, match="4 rows of modes for 5 atoms"):
        ModeBasis(np.zeros((4, 3, 6)), np.arange(5))


def test_curvature_is_the_second_derivative_by_pi():
    """Of a quadratic form in every atom's U, along random directions of Π."""
    rng = np.random.default_rng(11)
    basis = ModeBasis(rng.normal(size=(70, 3, 4)), np.arange(70))
    roots = rng.normal(size=(70, 6, 6))
    metrics = roots @ np.swapaxes(roots, 1, 2) + np.eye(6)
    hessian = basis.curvature(metrics)
    for _ in range(3):
        factor = rng.normal(size=(4, 4))
        u = basis.u(factor)
        direction = pack_symmetric(factor @ factor.T)
        expected = np.einsum("ja,jab,jb->", u, metrics, u)
        assert direction @ hessian @ direction == pytest.approx(expected)


def test_curvature_from_a_sample_counts_for_all():
    rng = np.random.default_rng(12)
    vectors = np.repeat(rng.normal(size=(40, 3, 3)), 3, axis=0)
    metric = np.eye(6) + np.zeros((120, 6, 6))
    basis = ModeBasis(vectors, np.arange(120))
    sample = basis.curvature(metric, every=3)
    assert np.allclose(basis.curvature(metric), sample, rtol=1e-12)
