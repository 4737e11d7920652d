"""Input that has no modes: one sentence each."""

import numpy as np
import pytest
from mode_references import ball

from hnmref.errors import ModesError
from hnmref.modes import compute_fsub_modes, compute_modes

X = ball(20, 1)
NAN = X.copy()
NAN[3, 1] = np.nan


@pytest.mark.parametrize(
    "coordinates, settings, words",
    [
        (np.empty((0, 3)), dict(n_modes=6), "at least one atom"),
        (X[:, :2], dict(n_modes=6), r"\(N, 3\)"),
        (NAN, dict(n_modes=6), "not numbers.*atom 3"),
        (X[:1], dict(n_modes=6), "3 degrees of freedom"),
        (X[:2], dict(n_modes=7), "6 degrees of freedom"),
        (X, dict(n_modes=61), "60 degrees of freedom"),
        (X, dict(n_modes=20, blocks=np.arange(20) // 7), "18 degrees of freedom"),
        (X, dict(n_modes=5), "at least 6"),
        (X, dict(n_modes=8, cutoff=-1.0), "cut-off"),
        (X, dict(n_modes=8, cutoff=np.nan), "cut-off"),
        (X, dict(n_modes=8, spring_law="stiff"), "spring law"),
        (X, dict(n_modes=8, masses=np.zeros(20)), "masses"),
        (X, dict(n_modes=8, masses=np.ones(3)), "masses"),
        (X, dict(n_modes=8, blocks=[1, 2]), "blocks"),
        (X, dict(n_modes=8, atom_labels=["a"]), "labels"),
        (X, dict(n_modes=8, factorisation="qr"), "superlu, cholmod"),
        (X, dict(n_modes=8, memory_limit=1e-6), "GiB"),
    ],
)
def test_bad_input_is_named(coordinates, settings, words):
    with pytest.raises(ModesError, match=words):
        compute_modes(coordinates, **settings)


def test_one_atom_has_three_modes():
    modes = compute_modes(X[:1], n_modes=3)
    np.testing.assert_allclose(modes.vectors[0], np.eye(3))
    assert modes.n_zero == 3


def test_input_arrays_are_not_changed():
    x = X.copy()
    modes = compute_modes(x, n_modes=10, cutoff=4.0)
    modes.coordinates += 1.0
    assert np.array_equal(x, X)


def test_memory_of_the_solver_is_told_before_it_is_used():
    """A limit that holds the springs (2 MB) but not the factors (MBs)."""
    x = ball(600, 2)
    with pytest.raises(ModesError, match="20 modes of 1800 coordinates"):
        compute_modes(x, n_modes=20, cutoff=4.0, memory_limit=6 / 1024)


def test_modes_of_substructures_need_less_than_those_of_the_whole():
    """Eight balls in a row: what holds each of them holds all in their space."""
    x = np.concatenate([ball(400, 2) + [20.0 * i, 0, 0] for i in range(8)])
    settings = dict(n_modes=20, cutoff=4.0, memory_limit=100 / 1024)
    with pytest.raises(ModesError, match="20 modes of 9600 coordinates"):
        compute_modes(x, **settings)
    parts = np.repeat(np.arange(8), 400)
    modes = compute_fsub_modes(x, substructures=parts, n_substructure=12, **settings)
    assert modes.n_modes >= 20 and np.isfinite(modes.eigenvalues).all()
