"""Several groups as one model of U, with atoms on special positions."""

import numpy as np
import pytest

from hnmref.adp.basis import ModeBasis
from hnmref.adp.groups import GroupedModes

#: Two groups that interleave; atoms 3, 6 and 11 of 12 are in none.
ATOMS = [np.array([0, 2, 4, 8, 10]), np.array([1, 5, 7, 9])]
MODES = [7, 6]


def average_about_z() -> np.ndarray:
    """(6, 6) mean of U and its image under a half turn about z."""
    return np.diag([1.0, 1, 1, 1, 0, 0])


def average_about_diagonal() -> np.ndarray:
    """(6, 6) mean of U over the mirror that swaps x and y."""
    swap = np.zeros((6, 6))
    for i, j in enumerate([1, 0, 2, 3, 5, 4]):
        swap[i, j] = 1.0
    return 0.5 * (np.eye(6) + swap)


@pytest.fixture
def bases():
    rng = np.random.default_rng(1)
    return [
        ModeBasis(rng.normal(size=(len(atoms), 3, n)), atoms)
        for atoms, n in zip(ATOMS, MODES)
    ]


def random_omegas(rng):
    return [np.tril(rng.normal(size=(n, n))) for n in MODES]


def test_each_atom_gets_its_group(bases):
    omegas = random_omegas(np.random.default_rng(2))
    u = GroupedModes(bases, 12).u(omegas)
    for basis, omega in zip(bases, omegas):
        assert np.array_equal(u[basis.atoms], basis.u(omega))
    assert not u[[3, 6, 11]].any()


def test_parameters_go_there_and_back(bases):
    model = GroupedModes(bases, 12)
    assert model.n_parameters == 28 + 21
    omegas = random_omegas(np.random.default_rng(3))
    back = model.unpack(model.pack(omegas))
    assert all(np.array_equal(a, b) for a, b in zip(omegas, back))
    parameters = np.arange(49.0)
    assert np.array_equal(model.pack(model.unpack(parameters)), parameters)


def test_special_positions_are_averaged_and_others_left(bases):
    omegas = random_omegas(np.random.default_rng(4))
    averages = {4: average_about_z(), 5: average_about_diagonal()}
    free = GroupedModes(bases, 12).u(omegas)
    u = GroupedModes(bases, 12, averages).u(omegas)
    assert np.allclose(u[4], free[4] * [1, 1, 1, 1, 0, 0])
    assert u[5, 0] == pytest.approx((free[5, 0] + free[5, 1]) / 2)
    assert u[5, 0] == pytest.approx(u[5, 1]) and u[5, 4] == pytest.approx(u[5, 5])
    others = np.delete(np.arange(12), [4, 5])
    assert np.array_equal(u[others], free[others])


@pytest.mark.parametrize("averages", [None, {4: average_about_z()}])
def test_gradient_is_the_derivative(bases, averages):
    """U is quadratic in Ω, so central differences are exact but for rounding."""
    rng = np.random.default_rng(5)
    model = GroupedModes(bases, 12, averages)
    omegas, changes = random_omegas(rng), random_omegas(rng)
    weights = rng.normal(size=(12, 6))
    before = weights.copy()
    u, pull_back = model.u_and_pullback(omegas)
    assert np.array_equal(u, model.u(omegas))
    slope = model.pack(pull_back(weights)) @ model.pack(changes)
    plus = model.u([o + c for o, c in zip(omegas, changes)])
    minus = model.u([o - c for o, c in zip(omegas, changes)])
    assert slope == pytest.approx(np.sum(weights * (plus - minus)) / 2)
    assert np.array_equal(weights, before)


def test_groups_must_not_overlap(bases):
    with pytest.raises(ValueError, match="in more than one group"):
        GroupedModes([bases[0], bases[0]], 12)
