"""The positive semidefinite fit: exact where it can be, never worse than clipping."""

import numpy as np
import pytest

from hnmref.adp.basis import ModeBasis
from hnmref.adp.fit import fit_pi, isotropic_pi
from hnmref.adp.restraint import FROBENIUS_WEIGHTS, e_nm
from hnmref.modes.rigid import rigid_body_modes

ROWS, COLUMNS = np.array([0, 1, 2, 0, 0, 1]), np.array([0, 1, 2, 1, 2, 2])


def protein_basis(rng, n_atoms=120, n_modes=10):
    """Rigid-body modes and smooth random ones, scaled as in a refinement."""
    sites = rng.normal(scale=12, size=(n_atoms, 3))
    waves = np.sin(sites @ rng.normal(scale=0.1, size=(3, n_modes - 6)))
    bent = waves[:, None, :] * rng.normal(size=(3, n_modes - 6))
    vectors = np.concatenate([rigid_body_modes(sites), bent], axis=2)
    vectors /= np.sqrt(np.mean(np.sum(vectors**2, axis=1), axis=0))
    return ModeBasis(vectors, np.arange(n_atoms))


def random_pi(rng, n, rank):
    factor = rng.normal(size=(n, rank))
    return factor @ factor.T


def u_of(basis, pi):
    """E_j Π E_jᵀ of any symmetric Π."""
    e = basis.vectors
    return np.einsum("nai,ij,nbj->nab", e, pi, e)[:, ROWS, COLUMNS]


def misfit(basis, pi, u):
    return e_nm(u_of(basis, pi), u)[0]


def clipped_least_squares(basis, u):
    """Unconstrained least squares over symmetric Π, then negative eigenvalues to 0."""
    n = basis.n_modes
    i, j = np.tril_indices(n)
    e = basis.vectors
    columns = np.einsum("nap,nbp->nabp", e[:, :, i], e[:, :, j])
    columns = 0.5 * (columns + columns.transpose(0, 2, 1, 3))[:, ROWS, COLUMNS]
    columns = columns * np.where(i == j, 1.0, 2.0)
    root = np.sqrt(FROBENIUS_WEIGHTS)[:, None]
    design = (columns * root).reshape(-1, len(i))
    solution = np.linalg.lstsq(design, (u * root[:, 0]).ravel(), rcond=None)[0]
    pi = np.zeros((n, n))
    pi[i, j] = pi[j, i] = solution
    values, vectors = np.linalg.eigh(pi)
    return (vectors * np.maximum(values, 0)) @ vectors.T, pi


def assert_semidefinite(pi):
    assert np.allclose(pi, pi.T, rtol=0, atol=1e-14 * np.abs(pi).max())
    values = np.linalg.eigvalsh(pi)
    assert values[0] >= -1e-12 * values[-1]


@pytest.mark.parametrize("rank", [1, 4, 10])
def test_representable_pi_comes_back(rank):
    rng = np.random.default_rng(rank)
    basis = ModeBasis(rng.normal(size=(120, 3, 10)), np.arange(120))
    pi = random_pi(rng, 10, rank)
    found = fit_pi(basis, u_of(basis, pi))
    # The border of the cone, where a singular Π is, is met to the root of precision.
    assert np.abs(found - pi).max() < 1e-8 * np.abs(pi).max()
    assert_semidefinite(found)


@pytest.mark.parametrize("rank", [1, 4, 10])
def test_representable_u_comes_back_where_pi_is_undetermined(rank):
    """With rigid bodies one direction of Π does nothing: the trace of S."""
    rng = np.random.default_rng(rank)
    basis = protein_basis(rng)
    u = u_of(basis, random_pi(rng, 10, rank))
    found = fit_pi(basis, u)
    assert misfit(basis, found, u) < 1e-16 * np.sum(u**2)
    assert_semidefinite(found)


@pytest.mark.parametrize("seed", range(6))
def test_never_worse_than_clipped_least_squares(seed):
    """Noise makes the unconstrained minimum indefinite, so that the bound works."""
    rng = np.random.default_rng(seed)
    basis = protein_basis(rng)
    u = u_of(basis, random_pi(rng, 10, 2)) + rng.normal(scale=0.3, size=(120, 6))
    clipped, free = clipped_least_squares(basis, u)
    assert np.linalg.eigvalsh(free)[0] < -1e-3
    found = fit_pi(basis, u)
    assert_semidefinite(found)
    assert misfit(basis, free, u) < misfit(basis, found, u) < misfit(basis, clipped, u)


def test_minimum_obeys_the_optimality_conditions():
    """At the minimum the gradient is semidefinite and orthogonal to Π (KKT)."""
    rng = np.random.default_rng(20)
    basis = protein_basis(rng)
    u = u_of(basis, random_pi(rng, 10, 2)) + rng.normal(scale=0.3, size=(120, 6))
    pi = fit_pi(basis, u)
    gradient = basis.project(e_nm(u_of(basis, pi), u)[1])
    scale = np.abs(basis.project(e_nm(np.zeros_like(u), u)[1])).max()
    assert np.linalg.eigvalsh(gradient)[0] > -1e-6 * scale
    assert np.abs(pi @ gradient).max() < 1e-6 * scale


@pytest.mark.parametrize("sign", [0.0, -1.0])
def test_tensors_that_nothing_positive_fits(sign):
    """Zero and negative definite tensors have Π = 0 for their best fit."""
    basis = protein_basis(np.random.default_rng(21))
    u = sign * np.tile([1.0, 1, 1, 0, 0, 0], (120, 1))
    assert np.abs(fit_pi(basis, u)).max() < 1e-12


def test_tensors_must_be_finite():
    basis = protein_basis(np.random.default_rng(22))
    u = np.zeros((120, 6))
    u[7, 2] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        fit_pi(basis, u)


def test_isotropic_pi_is_exact():
    basis = protein_basis(np.random.default_rng(23))
    pi = isotropic_pi(basis, 0.37)
    expected = np.tile([0.37, 0.37, 0.37, 0, 0, 0], (120, 1))
    assert np.allclose(u_of(basis, pi), expected, rtol=0, atol=1e-12)
    assert_semidefinite(pi)
