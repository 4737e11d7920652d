"""Steps of a quadratic model over semidefinite matrices, against the exact minimum."""

import numpy as np
import pytest

from hnmref.adp.model_step import model_minimum
from hnmref.adp.quadratic import quadratic_minimum
from hnmref.adp.symmetric import n_components, pack_symmetric, unpack_symmetric

N = 16
RANK = 5


#: Modes that differ in what they move.
SCALES = np.geomspace(1, 1e3, N)


def low_rank(rng, rank):
    factor = rng.normal(size=(N, rank)) / SCALES[:, None]
    return pack_symmetric(factor @ factor.T)


@pytest.fixture(scope="module")
def problem():
    """Curvature, and the gradient at zero of a function with a least X of low rank."""
    rng = np.random.default_rng(11)
    p = n_components(N)
    root = rng.normal(size=(p, p // 2))
    units = pack_symmetric(np.outer(SCALES, SCALES)) / pack_symmetric(np.ones((N, N)))
    curvature = root @ root.T / p + 0.1 * np.eye(p)
    vectors = np.linalg.qr(rng.normal(size=(N, N)))[0]
    inside, outside = vectors[:, :RANK], vectors[:, RANK:]
    least = pack_symmetric(inside @ inside.T)
    # The slope at the least X, orthogonal to it and semidefinite.
    slope = pack_symmetric(outside @ outside.T)
    gradient = slope - curvature @ least
    return units[:, None] * curvature * units, units * gradient, least / units


def value(x, gradient, curvature):
    return gradient @ x + 0.5 * x @ curvature @ x


@pytest.mark.parametrize("rank", [0, 3, N])
def test_a_step_is_semidefinite_and_the_model_falls(problem, rank):
    """From zero, where F has no slope, from the border of the cone and from inside."""
    curvature, at_zero, least = problem
    x = low_rank(np.random.default_rng(12), rank)
    y = model_minimum(x, at_zero + curvature @ x, curvature)
    eigenvalues = np.linalg.eigvalsh(unpack_symmetric(y))
    assert eigenvalues[0] > -1e-12 * eigenvalues[-1]
    assert (at_zero + curvature @ x) @ (y - x) < 0
    before, after, end = (value(v, at_zero, curvature) for v in (x, y, least))
    assert after - end < 0.1 * (before - end)


@pytest.mark.parametrize("rank", [0, 3, N])
def test_steps_end_at_the_least_value_over_the_cone(problem, rank):
    curvature, at_zero, least = problem
    expected = value(least, at_zero, curvature)
    exact = value(quadratic_minimum(at_zero, curvature), at_zero, curvature)
    assert exact == pytest.approx(expected, rel=1e-9)
    x = low_rank(np.random.default_rng(13), rank)
    for _ in range(20):
        x = model_minimum(x, at_zero + curvature @ x, curvature)
    assert value(x, at_zero, curvature) == pytest.approx(expected, rel=1e-4)


def test_zero_stays_where_everything_rises(problem):
    curvature, _, _ = problem
    rising = pack_symmetric(np.eye(N))
    assert not model_minimum(np.zeros(len(rising)), rising, curvature).any()
