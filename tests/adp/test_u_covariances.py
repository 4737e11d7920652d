"""Covariances of U_group, against linear algebra, Laplace in Ω, and repeated noise."""

import numpy as np
import pytest

from hnmref.adp.basis import ModeBasis, u_derivatives
from hnmref.adp.quadratic import quadratic_minimum
from hnmref.adp.symmetric import pack_symmetric, root, unpack_symmetric
from hnmref.adp.u_covariances import u_covariances

N_ATOMS, N_MODES = 25, 4


@pytest.fixture
def basis():
    rng = np.random.default_rng(1)
    return ModeBasis(rng.normal(size=(N_ATOMS, 3, N_MODES)), np.arange(N_ATOMS))


@pytest.fixture
def metrics():
    rng = np.random.default_rng(2)
    roots = rng.normal(size=(N_ATOMS, 6, 6))
    return roots @ np.swapaxes(roots, 1, 2) + np.eye(6)


def pi_of_rank(rank):
    omega = np.random.default_rng(3).normal(size=(N_MODES, rank))
    return omega @ omega.T


def observed(basis, metrics, pi, size, rng):
    """U of Π with Gaussian noise of inverse covariance metrics / size²."""
    noise = rng.normal(size=(N_ATOMS, 6))
    whitening = np.linalg.inv(np.linalg.cholesky(metrics))
    return basis.u(root(pi)) + size * np.einsum("jba,jb->ja", whitening, noise)


def nearest(basis, metrics, u):
    """Π of the least ½ Σ (U − u)·M (U − u), and the gradient by Π there."""
    derivatives = u_derivatives(basis.vectors)
    curvature = basis.curvature(metrics)
    at_zero = -np.einsum("jap,jab,jb->p", derivatives, metrics, u)
    x = quadratic_minimum(at_zero, curvature)
    return unpack_symmetric(x), unpack_symmetric(at_zero + curvature @ x)


def test_inside_the_cone_it_is_that_of_linear_least_squares(basis, metrics):
    pi = pi_of_rank(N_MODES + 3) + np.eye(N_MODES)
    curvature = basis.curvature(metrics)
    found = u_covariances(basis, pi, np.zeros_like(pi), curvature)
    derivatives = u_derivatives(basis.vectors)
    expected = derivatives @ np.linalg.inv(curvature) @ np.swapaxes(derivatives, 1, 2)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * expected.max())


def test_of_low_rank_it_is_laplace_in_omega(basis, metrics):
    """The Hessian by the (n, r) Ω from finite differences, without its flat turns."""
    rng = np.random.default_rng(4)
    u = observed(basis, metrics, pi_of_rank(2), 0.3, rng)
    pi, gradient = nearest(basis, metrics, u)
    d, v = np.linalg.eigh(pi)
    rank = np.count_nonzero(d > 1e-6 * d[-1])
    assert rank < N_MODES  # or the test tests less than it says
    omega = v[:, -rank:] * np.sqrt(d[-rank:])

    def by_omega(flat):
        factor = flat.reshape(omega.shape)
        current, pullback = basis.u_and_pullback(factor)
        by_u = np.einsum("jab,jb->ja", metrics, current - u)
        return pullback(by_u).ravel()

    step = 1e-5
    unit = step * np.eye(omega.size)
    flat = omega.ravel()
    hessian = np.array([(by_omega(flat + e) - by_omega(flat - e)) for e in unit])
    hessian /= 2 * step
    by_change = np.array([
        basis.u((flat + e).reshape(omega.shape)) - basis.u((flat - e).reshape(omega.shape))
        for e in unit
    ]) / (2 * step)
    inverse = np.linalg.pinv(0.5 * (hessian + hessian.T), rcond=1e-6, hermitian=True)
    expected = np.einsum("pja,pq,qjb->jab", by_change, inverse, by_change)
    found = u_covariances(basis, pi, gradient, basis.curvature(metrics))
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3 * expected.max())


@pytest.mark.parametrize("rank", [1, 4])
def test_it_is_the_scatter_of_repeated_measurements(basis, metrics, rank):
    rng = np.random.default_rng(5)
    size, truth = 0.05, pi_of_rank(rank)
    curvature = basis.curvature(metrics)
    found, predicted = [], []
    for _ in range(150):
        pi, gradient = nearest(
            basis, metrics, observed(basis, metrics, truth, size, rng)
        )
        found.append(basis.u(root(pi)))
        predicted.append(u_covariances(basis, pi, gradient, curvature))
    scatter = np.var(found, axis=0)
    expected = size**2 * np.diagonal(np.mean(predicted, axis=0), axis1=1, axis2=2)
    # Components that are half the time zero scatter a little less than Laplace has it.
    assert np.median(np.sqrt(scatter / expected)) == pytest.approx(1.0, abs=0.15)
    # Were all of Π free, errors of a Π of low rank would be taken as larger.
    free = u_covariances(basis, truth + np.eye(N_MODES), 0 * truth, curvature)
    free = size**2 * np.diagonal(free, axis1=1, axis2=2)
    if rank < N_MODES:
        assert np.median(free / expected) > 1.2


def test_without_amplitude_there_is_nothing_to_be_uncertain_of(basis, metrics):
    zero = np.zeros((N_MODES, N_MODES))
    found = u_covariances(basis, zero, np.eye(N_MODES), basis.curvature(metrics))
    assert found.shape == (N_ATOMS, 6, 6) and not found.any()
