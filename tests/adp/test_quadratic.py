"""Quadratic functions over the semidefinite cone: conditions of optimality."""

import numpy as np
import pytest

from hnmref.adp.quadratic import quadratic_minimum
from hnmref.adp.symmetric import n_components, pack_symmetric, unpack_symmetric

N = 6


def curvature(rng, spread):
    """Positive definite, its modes scaled by factors from 1 to ``spread``."""
    p = n_components(N)
    root = rng.normal(size=(p, 2 * p))
    scales = np.geomspace(1, spread, N) ** 0.5
    factors = pack_symmetric(np.outer(scales, scales))
    return factors[:, None] * (root @ root.T / p) * factors, scales


@pytest.mark.parametrize("spread", [1.0, 1e4])
@pytest.mark.parametrize("seed", range(5))
def test_minimum_obeys_the_optimality_conditions(seed, spread):
    """X and its gradient are semidefinite, their product 0 (Karush, Kuhn, Tucker)."""
    rng = np.random.default_rng(seed)
    hessian, scales = curvature(rng, spread)
    random = rng.normal(size=(N, N))
    gradient = pack_symmetric(np.outer(scales, scales) * (random + random.T))
    x = quadratic_minimum(gradient, hessian)
    # In units in which the modes are alike.
    matrix = unpack_symmetric(x) * np.outer(scales, scales)
    slope = unpack_symmetric(gradient + hessian @ x) / np.outer(scales, scales)
    size = np.linalg.norm(slope)
    assert np.linalg.eigvalsh(matrix)[0] > -1e-12 * np.linalg.norm(matrix)
    assert np.linalg.eigvalsh(slope)[0] > -1e-9 * size
    assert np.linalg.norm(matrix @ slope) < 2e-7 * size * np.linalg.norm(matrix)


def test_minimum_inside_the_cone_is_newtons():
    rng = np.random.default_rng(6)
    hessian, _ = curvature(rng, 1e4)
    factor = rng.normal(size=(N, N))
    x = pack_symmetric(factor @ factor.T)
    assert np.allclose(quadratic_minimum(-hessian @ x, hessian), x, rtol=0, atol=1e-7)


def test_scalar():
    """One mode: the parabola's least, or zero."""
    assert quadratic_minimum(np.array([-3.0]), np.array([[2.0]])) == pytest.approx(1.5)
    assert quadratic_minimum(np.array([3.0]), np.array([[2.0]])) == 0.0


def test_gradient_that_rises_everywhere_ends_at_zero():
    hessian, _ = curvature(np.random.default_rng(7), 1.0)
    assert not quadratic_minimum(pack_symmetric(np.eye(N)), hessian).any()
    assert not quadratic_minimum(np.zeros(len(hessian)), hessian).any()


def test_singular_curvature_has_a_minimum_where_it_is_bounded():
    """A direction without curvature and without slope does no harm."""
    hessian = np.diag([0.0, 0.0, 1.0])
    gradient = np.array([0.0, 0.0, -2.0])
    x = quadratic_minimum(gradient, hessian)
    assert x[2] == pytest.approx(2.0)
