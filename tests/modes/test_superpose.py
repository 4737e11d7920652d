"""Superposition against known motions and independent answers."""

import numpy as np
import pytest
from mode_references import ball, rotation
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation

from hnmref.errors import ModesError
from hnmref.modes.superpose import rmsd, superpose, superpose_core


def two_domains(rng, n_large=60, n_small=30):
    """A pair that differs by a turn of its smaller domain and a little noise."""
    start = np.vstack([ball(n_large, 1), ball(n_small, 2) + [9.0, 0, 0]])
    end = start.copy()
    hinge = np.array([8.0, 0, 0])
    turn = Rotation.from_rotvec([0, 0, 1.2]).as_matrix()
    end[n_large:] = (start[n_large:] - hinge) @ turn.T + hinge
    return start, end + rng.normal(0, 0.1, end.shape)


def test_a_known_motion_is_found():
    points, turn = ball(25, 3), rotation(4)
    fit = superpose(points, points @ turn.T + [1.0, -20, 3])
    np.testing.assert_allclose(fit.rotation, turn, atol=1e-12)
    np.testing.assert_allclose(fit.translation, [1.0, -20, 3], atol=1e-11)
    assert fit.rmsd < 1e-12


def test_weighted_fit_against_scipy():
    rng = np.random.default_rng(5)
    x, y, w = ball(20, 6), rng.normal(0, 4, (20, 3)), rng.uniform(0, 3, 20)
    fit = superpose(x, y, w)
    share = w / w.sum()
    expected, _ = Rotation.align_vectors(y - share @ y, x - share @ x, w)
    np.testing.assert_allclose(fit.rotation, expected.as_matrix(), atol=1e-9)
    left = np.sum((fit.apply(x) - y) ** 2, axis=1)
    assert fit.rmsd == pytest.approx(np.sqrt(share @ left))


def test_no_rigid_motion_does_better():
    rng = np.random.default_rng(7)
    x = ball(15, 8)
    y = x + rng.normal(0, 2, x.shape)

    def left(p):
        return rmsd(x @ Rotation.from_rotvec(p[:3]).as_matrix().T + p[3:], y)

    best = min(minimize(left, rng.normal(0, 1, 6)).fun for _ in range(3))
    assert superpose(x, y).rmsd == pytest.approx(best, abs=1e-5)


def test_a_mirror_image_is_turned_not_reflected():
    points = ball(30, 9)
    fit = superpose(points, points * [1, 1, -1])
    assert np.linalg.det(fit.rotation) == pytest.approx(1.0)
    assert fit.rmsd > 0.5


@pytest.mark.parametrize("n", [1, 2, 4])
def test_points_and_lines(n):
    line = np.linspace(0, n - 1, n)[:, None] * [1.0, 0, 0]
    turned = line @ rotation(10).T + [0, 5.0, 0]
    fit = superpose(line, turned)
    assert fit.rmsd < 1e-12
    np.testing.assert_allclose(fit.rotation @ fit.rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(fit.rotation) == pytest.approx(1.0)


def test_the_core_is_the_larger_domain():
    start, end = two_domains(np.random.default_rng(11))
    fit, kept = superpose_core(start, end, cutoff=1.0)
    assert kept[:60].all() and kept[60:].sum() <= 3
    assert fit.rmsd < 0.25 < 1.0 < superpose(start, end).rmsd
    # The larger domain stayed where it is.
    np.testing.assert_allclose(fit.rotation, np.eye(3), atol=0.03)


def test_without_cycles_all_atoms_count():
    start, end = two_domains(np.random.default_rng(12))
    fit, kept = superpose_core(start, end, n_cycles=0)
    assert kept.all()
    np.testing.assert_array_equal(fit.rotation, superpose(start, end).rotation)


def test_half_the_atoms_stay_however_small_the_cutoff():
    start, end = two_domains(np.random.default_rng(13))
    _, kept = superpose_core(start, end, cutoff=1e-6)
    assert kept.sum() >= 45


def test_atoms_without_weight_do_not_pull():
    start, end = two_domains(np.random.default_rng(14))
    weights = np.r_[np.ones(60), np.zeros(30)]
    fit = superpose(start, end, weights)
    alone = superpose(start[:60], end[:60])
    np.testing.assert_allclose(fit.rotation, alone.rotation, atol=1e-12)
    assert fit.rmsd == pytest.approx(alone.rmsd)


@pytest.mark.parametrize(
    "x, y, weights, words",
    [
        (np.zeros((3, 3)), np.zeros((4, 3)), None, "match their atoms"),
        (np.zeros((0, 3)), np.zeros((0, 3)), None, "one at least"),
        (np.full((3, 3), np.nan), np.zeros((3, 3)), None, "not numbers"),
        (np.zeros((3, 3)), np.zeros((3, 3)), np.ones(2), "3 numbers"),
        (np.zeros((3, 3)), np.zeros((3, 3)), np.zeros(3), "not all zero"),
        (np.zeros((3, 3)), np.zeros((3, 3)), np.array([1, -1, 1]), "negative"),
    ],
)
def test_bad_input_is_one_sentence(x, y, weights, words):
    with pytest.raises(ModesError, match=words):
        superpose(x, y, weights)


def test_bad_cutoff():
    with pytest.raises(ModesError, match="positive"):
        superpose_core(np.zeros((3, 3)), np.zeros((3, 3)), cutoff=0.0)
