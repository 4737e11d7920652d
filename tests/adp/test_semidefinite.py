"""Minimisation over semidefinite matrices, against solutions known by hand."""

import numpy as np

from hnmref.adp.basis import ModeBasis
from hnmref.adp.fit import fit_pi
from hnmref.adp.restraint import FROBENIUS_WEIGHTS, e_nm
from hnmref.adp.semidefinite import learn, minimise
from hnmref.adp.symmetric import root


def positive(rng, n):
    matrix = rng.normal(size=(n, n))
    return matrix @ matrix.T + 0.1 * np.eye(n)


def test_learned_curvature_maps_the_step_to_the_change():
    rng = np.random.default_rng(4)
    model, truth = positive(rng, 8), positive(rng, 8)
    step = rng.normal(size=8)
    learn(model, step, truth @ step)
    assert np.allclose(model @ step, truth @ step)
    assert np.linalg.eigvalsh(model)[0] > 0


def test_negative_curvature_leaves_the_model_positive():
    rng = np.random.default_rng(5)
    model = positive(rng, 8)
    step = rng.normal(size=8)
    learn(model, step, -3 * step)
    assert np.linalg.eigvalsh(model)[0] > 0


def two_bases(rng):
    return [ModeBasis(rng.normal(size=(30, 3, 5)), np.arange(30)) for _ in range(2)]


def distance(bases, targets):
    """E_nm of two groups as a function of their Π."""

    def function(pis):
        value, gradients = 0.0, []
        for basis, pi, target in zip(bases, pis, targets):
            distance, by_u = e_nm(basis.u(root(pi)), target)
            value += distance
            gradients.append(basis.project(by_u))
        return value, gradients

    return function


def test_quadratic_target_is_one_step_away_and_ends_at_the_fit():
    """With the true curvature, and targets outside the cone, as in fit_pi."""
    rng = np.random.default_rng(6)
    bases = two_bases(rng)
    targets = [rng.normal(size=(30, 6)) * 0.2 + [1, 1, 1, 0, 0, 0] for _ in bases]
    metric = np.broadcast_to(2 * np.diag(FROBENIUS_WEIGHTS), (30, 6, 6))
    result = minimise(
        distance(bases, targets),
        [np.zeros((5, 5))] * 2,
        [basis.curvature(metric) for basis in bases],
        max_iterations=50,
        tolerance=1e-10,
    )
    assert result.n_evaluations < 12
    for basis, pi, target in zip(bases, result.matrices, targets):
        expected = fit_pi(basis, target)
        assert np.abs(pi - expected).max() < 1e-4 * np.abs(expected).max()


def test_wrong_curvature_is_corrected():
    """From the unit matrix, and with a target that is not quadratic."""
    rng = np.random.default_rng(7)
    basis = two_bases(rng)[0]
    truth = basis.u(rng.normal(size=(5, 2)) * 0.4)

    def function(pis):
        difference = basis.u(root(pis[0])) - truth
        value = float(np.sum(np.log1p(difference**2)))
        return value, [basis.project(2 * difference / (1 + difference**2))]

    result = minimise(
        function, [np.eye(5) * 0.1], [np.eye(15)], max_iterations=200, tolerance=1e-9
    )
    assert result.value < 1e-5 * function([np.eye(5) * 0.1])[0]
    assert np.abs(basis.u(root(result.matrices[0])) - truth).max() < 1e-2


def test_value_never_rises_and_iterations_are_bound():
    rng = np.random.default_rng(8)
    bases = two_bases(rng)
    targets = [np.abs(rng.normal(size=(30, 6))) for _ in bases]
    function = distance(bases, targets)
    start = [np.eye(5)] * 2
    values = [
        minimise(function, start, [np.eye(15)] * 2, max_iterations=n).value
        for n in range(5)
    ]
    assert values[0] == function(start)[0]
    assert all(a >= b for a, b in zip(values, values[1:])) and values[4] < values[0]


def test_a_search_that_finds_nothing_is_not_the_end():
    """A valley ten thousand times as steep as its floor, of which the model knows not."""
    least = np.diag([1.0, 5.0])
    steepness = np.diag([1e4, 1.0])

    def valley(matrices):
        away = matrices[0] - least
        return float(np.sum(steepness * away**2)), [2 * steepness * away]

    start = [np.diag([0.99, 0.0])]
    result = minimise(valley, start, [np.eye(3)], max_iterations=50, tolerance=1e-6)
    assert result.value < 1e-4 * valley(start)[0]
    assert np.allclose(result.matrices[0], least, rtol=0, atol=0.05)
