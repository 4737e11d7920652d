"""Overlaps of motions: known cases, spaces, masses."""

import numpy as np
import pytest
from mode_references import ball, rotation

from hnmref.errors import ModesError
from hnmref.modes import compute_modes, rigid_body_modes
from hnmref.modes import overlap as module
from hnmref.modes.overlap import (
    cumulative_overlaps,
    overlaps,
    per_atom_overlaps,
    rmsip,
    structural_difference,
)


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def test_by_hand():
    a = np.array([[1.0, 0, 0], [0, 1.0, 0]])
    b = np.array([[1.0, 0, 0], [0, -2.0, 0]])
    assert overlaps(a, b)[0, 0] == pytest.approx((1 - 2) / np.sqrt(2 * 5))
    assert per_atom_overlaps(a, b)[0, 0] == pytest.approx((1 + 2) / np.sqrt(2 * 5))
    weighted = (3 - 2 * 5) / np.sqrt((3 + 5) * (3 + 4 * 5))
    assert overlaps(a, b, np.array([3.0, 5.0]))[0, 0] == pytest.approx(weighted)


def test_a_mode_overlaps_itself_alone():
    masses = np.random.default_rng(3).uniform(1, 30, 20)
    v = compute_modes(ball(20, 1), n_modes=20, cutoff=5.0, masses=masses).vectors
    np.testing.assert_allclose(overlaps(v, v, masses), np.eye(20), atol=1e-9)
    np.testing.assert_allclose(np.diag(per_atom_overlaps(v, v, masses)), 1.0)
    assert rmsip(v[:, :, 6:16], v[:, :, 6:16], masses) == pytest.approx(1)
    assert rmsip(v[:, :, 6:10], v[:, :, 10:14], masses) == pytest.approx(0, abs=1e-9)


def test_per_atom_form_is_its_equation_and_by_blocks_the_same(rng, monkeypatch):
    a, b = rng.standard_normal((30, 3, 4)), rng.standard_normal((30, 3, 6))
    dots = np.abs(np.einsum("jam,jan->jmn", a, b)).sum(axis=0)
    norms = np.outer(*(np.linalg.norm(x.reshape(90, -1), axis=0) for x in (a, b)))
    whole = per_atom_overlaps(a, b)
    np.testing.assert_allclose(whole, dots / norms)
    assert (whole >= np.abs(overlaps(a, b)) - 1e-12).all()
    monkeypatch.setattr(module, "_MOST_NUMBERS", 24 * 7)
    np.testing.assert_allclose(per_atom_overlaps(a, b), whole)


def test_cumulative_overlap_is_a_projection(rng):
    """Of any vectors, orthonormal or not: the length within their span."""
    a, d = rng.standard_normal((10, 3, 8)), rng.standard_normal((10, 3))
    found = cumulative_overlaps(a, d)
    assert found.shape == (8, 1) and (np.diff(found[:, 0]) > 0).all()
    columns, flat = a.reshape(30, 8), d.ravel() / np.linalg.norm(d)
    for k in (1, 4, 8):
        part = columns[:, :k]
        fitted = part @ np.linalg.lstsq(part, flat, rcond=None)[0]
        assert found[k - 1, 0] == pytest.approx(np.linalg.norm(fitted))


def test_all_modes_hold_every_motion(rng):
    x = ball(9, 2)
    v = compute_modes(x, n_modes=27, cutoff=20.0).vectors
    d = rng.standard_normal((9, 3))
    assert cumulative_overlaps(v, d)[-1, 0] == pytest.approx(1)
    squares = np.cumsum(overlaps(v, d) ** 2, axis=0)
    np.testing.assert_allclose(cumulative_overlaps(v, d) ** 2, squares, atol=1e-12)


def test_a_repeated_mode_adds_nothing(rng):
    a = rng.standard_normal((10, 3, 2))
    d = rng.standard_normal((10, 3))
    once, again = cumulative_overlaps(a[:, :, [0, 0, 1]], d)[[0, 1], 0]
    assert again == pytest.approx(once)
    assert rmsip(a[:, :, :1], a) == pytest.approx(1)


@pytest.mark.parametrize("with_masses", [False, True])
def test_difference_holds_no_rigid_body_motion(rng, with_masses):
    x = ball(20, 5)
    masses = rng.uniform(1, 30, 20) if with_masses else None
    y = (x + 0.3 * rng.standard_normal(x.shape)) @ rotation(9).T + [3.0, -7.0, 20.0]
    d = structural_difference(x, y, masses)
    # The first-order condition is that of the superposed target's torque.
    weights = np.ones(20) if masses is None else masses
    np.testing.assert_allclose(weights @ d, 0, atol=1e-9)
    np.testing.assert_allclose(weights @ np.cross(x - x.mean(axis=0), d), 0, atol=1e-8)
    np.testing.assert_allclose(
        overlaps(rigid_body_modes(x, masses), d, masses), 0, atol=1e-9
    )


def test_difference_of_a_moved_copy_and_of_a_mirror_image():
    x = ball(20, 6)
    moved = x @ rotation(1).T + 4.0
    np.testing.assert_allclose(structural_difference(x, moved), 0, atol=1e-10)
    mirror = structural_difference(x, x * [1, 1, -1])
    assert np.sqrt(np.mean(np.sum(mirror**2, axis=1))) > 1.0


def test_a_step_along_a_mode_is_found():
    x = ball(30, 8)
    v = compute_modes(x, n_modes=16, cutoff=6.0).vectors
    d = structural_difference(x, x + 0.02 * v[:, :, 9])
    found = np.abs(overlaps(v[:, :, 6:], d))[:, 0]
    assert found[3] == pytest.approx(1, abs=1e-3)
    assert np.delete(found, 3).max() < 0.03


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: overlaps(np.ones((4, 3)), np.ones((5, 3))), "4 and of 5 atoms"),
        (
            lambda: overlaps(np.ones((4, 3)), np.ones((4, 3)), np.ones(3)),
            "and 3 masses",
        ),
        (lambda: overlaps(np.ones((4, 3)), np.zeros((4, 3))), "the same\\?"),
        (lambda: rmsip(np.ones((1, 3, 4)), np.ones((1, 3, 2))), "4 motions of 1 atoms"),
        (lambda: structural_difference(np.ones((2, 3)), np.ones((2, 3))), "too few"),
        (lambda: structural_difference(np.ones((4, 3)), np.ones((5, 3))), "the same atoms"),
    ],
)
def test_what_cannot_be_compared(call, words):
    with pytest.raises(ModesError, match=words):
        call()
