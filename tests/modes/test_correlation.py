"""Matrices over pairs of atoms: by hand, by definition, by blocks."""

import numpy as np
import pytest
from mode_references import ball, rotation

from hnmref.errors import ModesError
from hnmref.modes import compute_gaussian_modes, compute_modes
from hnmref.modes import correlation as module
from hnmref.modes.correlation import (
    CORRELATIONS,
    DISTANCES,
    correlation_rows,
    covariance,
    covariance_rows,
    cross_correlation,
    distance_fluctuations,
    distance_rows,
    pair_distance_fluctuations,
    row_blocks,
)
from hnmref.modes.fluctuations import Motion, displacement_tensors, thermal_motion


@pytest.fixture(scope="module")
def motion():
    masses = np.random.default_rng(3).uniform(1, 30, 25)
    modes = compute_modes(ball(25, 1), n_modes=30, cutoff=5.0, masses=masses)
    return thermal_motion(modes, spring_constant=1.0)


def samples(motion, n=40_000):
    """Displacements (n, N, 3) drawn from the motion."""
    rng = np.random.default_rng(7)
    q = rng.standard_normal((n, motion.n_modes)) * np.sqrt(motion.variances)
    return np.einsum("jam,sm->sja", motion.vectors, q)


def test_two_atoms_move_against_each_other():
    x = np.array([[0.0, 0, 0], [1.5, 0, 0]])
    motion = thermal_motion(compute_modes(x, n_modes=6), spring_constant=2.0)
    for kind in CORRELATIONS:
        np.testing.assert_allclose(cross_correlation(motion, kind), [[1, -1], [-1, 1]])
    # kT/k of the distance, half of it for each atom's part of the covariance.
    variance = 0.5961612776 / 2.0
    for kind in ("distance", "vector"):
        expected = variance * np.array([[0, 1], [1, 0]])
        np.testing.assert_allclose(
            distance_fluctuations(motion, kind), expected, atol=1e-12
        )


def test_turning_changes_the_vector_but_not_the_distance():
    """One mode, across the line of two atoms."""
    vectors = np.zeros((2, 3, 1))
    vectors[:, 1, 0] = [0.6, -0.8]
    motion = Motion(vectors, np.array([2.0]), np.array([[0.0, 0, 0], [3.0, 0, 0]]))
    assert distance_fluctuations(motion, "distance")[0, 1] == 0
    assert distance_fluctuations(motion, "vector")[0, 1] == pytest.approx(2 * 1.4**2)
    assert cross_correlation(motion)[0, 1] == pytest.approx(-1)


def test_motions_at_right_angles_do_not_correlate():
    vectors = np.zeros((2, 3, 1))
    vectors[0, 0, 0] = vectors[1, 1, 0] = 1.0
    motion = Motion(vectors, np.ones(1), np.zeros((2, 3)))
    for kind in CORRELATIONS:
        np.testing.assert_allclose(cross_correlation(motion, kind), np.eye(2))


def test_kinds_differ_by_the_weight_of_modes():
    """Two modes of two atoms, together in one and against each other in the other."""
    vectors = np.zeros((2, 3, 2))
    vectors[:, 0, 0] = vectors[0, 0, 1] = 1.0
    vectors[1, 0, 1] = -1.0
    motion = Motion(vectors, np.array([3.0, 1.0]), np.zeros((2, 3)))
    assert cross_correlation(motion, "weighted")[0, 1] == pytest.approx(2 / 4)
    assert cross_correlation(motion, "ddpt")[0, 1] == pytest.approx(0)


@pytest.mark.parametrize("kind", CORRELATIONS)
def test_correlation_matrices(motion, kind):
    c = cross_correlation(motion, kind)
    np.testing.assert_allclose(np.diag(c), 1.0)
    np.testing.assert_allclose(c, c.T, atol=1e-14)
    assert np.abs(c).max() <= 1 + 1e-12
    assert np.linalg.eigvalsh(c).min() > -1e-12
    turned = Motion(
        np.einsum("ab,jbm->jam", rotation(2), motion.vectors),
        motion.variances,
        motion.coordinates,
    )
    np.testing.assert_allclose(cross_correlation(turned, kind), c, atol=1e-12)
    flipped = Motion(-motion.vectors, motion.variances, motion.coordinates)
    np.testing.assert_allclose(cross_correlation(flipped, kind), c, atol=1e-12)


def test_against_displacements_drawn_at_random(motion):
    """Correlation, covariance and distances of 40,000 drawn structures."""
    u = samples(motion)
    dots = np.einsum("sja,ska->jk", u, u) / len(u)
    expected = dots / np.sqrt(np.outer(np.diag(dots), np.diag(dots)))
    np.testing.assert_allclose(cross_correlation(motion), expected, atol=0.03)
    flat = u.reshape(len(u), -1)
    found = covariance(motion)
    np.testing.assert_allclose(
        found, flat.T @ flat / len(u), atol=0.03 * np.diag(found).max()
    )
    small = motion.coordinates + 1e-3 * u
    for i, j in ((0, 1), (3, 20), (24, 7)):
        variance = np.linalg.norm(small[:, i] - small[:, j], axis=1).var() * 1e6
        assert distance_fluctuations(motion)[i, j] == pytest.approx(variance, rel=0.03)
        apart = np.mean(np.sum((u[:, i] - u[:, j]) ** 2, axis=1))
        assert distance_fluctuations(motion, "vector")[i, j] == pytest.approx(
            apart, rel=0.03
        )


def test_ddpt_distances_are_their_equation(motion):
    """Equation 12 term by term; both signs of the vectors average to "vector"."""
    x, e, w = motion.coordinates, motion.vectors, motion.variances
    expected = 0.0
    for mode in range(motion.n_modes):
        moved = x + e[:, :, mode]
        after = np.sum((moved[:, None] - moved) ** 2, axis=2)
        before = np.sum((x[:, None] - x) ** 2, axis=2)
        expected = expected + (after - before) * w[mode]
    found = distance_fluctuations(motion, "ddpt")
    np.testing.assert_allclose(found, expected, atol=1e-9 * abs(expected).max())
    flipped = distance_fluctuations(Motion(-e, w, x), "ddpt")
    np.testing.assert_allclose(
        (found + flipped) / 2,
        distance_fluctuations(motion, "vector"),
        atol=1e-9 * abs(expected).max(),
    )


def test_the_covariance_has_the_tensors_on_its_diagonal(motion):
    blocks = np.einsum("jajb->jab", covariance(motion).reshape(25, 3, 25, 3))
    expected = blocks[:, [0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]]
    np.testing.assert_allclose(displacement_tensors(motion), expected, atol=1e-12)


@pytest.mark.parametrize("kind", DISTANCES)
def test_pairs_are_entries_of_the_matrix(motion, kind):
    pairs = np.array([[0, 1], [5, 19], [24, 2], [3, 3]])
    np.testing.assert_allclose(
        pair_distance_fluctuations(motion, pairs, kind),
        distance_fluctuations(motion, kind)[tuple(pairs.T)],
        atol=1e-9,
    )


@pytest.mark.parametrize(
    "rows, whole",
    [
        (lambda m, b: correlation_rows(m, "weighted", b), cross_correlation),
        (
            lambda m, b: correlation_rows(m, "ddpt", b),
            lambda m: cross_correlation(m, "ddpt"),
        ),
        (covariance_rows, covariance),
        (lambda m, b: distance_rows(m, "distance", b), distance_fluctuations),
        (
            lambda m, b: distance_rows(m, "vector", b),
            lambda m: distance_fluctuations(m, "vector"),
        ),
        (
            lambda m, b: distance_rows(m, "ddpt", b),
            lambda m: distance_fluctuations(m, "ddpt"),
        ),
    ],
)
def test_blocks_of_rows_make_the_whole(motion, rows, whole):
    blocks = list(rows(motion, 1500))
    assert len(blocks) > 2
    together = np.vstack([block for _, block in blocks])
    assert [part.start for part, _ in blocks[1:]] == [part.stop for part, _ in blocks][
        :-1
    ]
    expected = whole(motion)
    np.testing.assert_allclose(together, expected, atol=1e-10 * abs(expected).max())


def test_blocks_hold_what_the_bytes_allow():
    blocks = list(row_blocks(100, 80, 1000))
    assert [b.stop - b.start for b in blocks] == [12] * 8 + [4]
    assert list(row_blocks(3, 1e9, 1)) == [slice(0, 1), slice(1, 2), slice(2, 3)]


def test_atoms_at_rest_correlate_with_none(motion):
    vectors = motion.vectors.copy()
    vectors[4] = 0.0
    still = Motion(vectors, motion.variances, motion.coordinates)
    for kind in CORRELATIONS:
        assert not cross_correlation(still, kind)[4].any()


def test_gaussian_networks_have_only_the_vector_kind():
    modes = compute_gaussian_modes(ball(10, 4), n_modes=10, cutoff=5.0)
    motion = thermal_motion(modes)
    inverse = 3 * np.linalg.pinv(kirchhoff_of(modes), rcond=1e-9)
    np.testing.assert_allclose(covariance(motion), inverse, atol=1e-9)
    own = np.diag(inverse)
    np.testing.assert_allclose(
        distance_fluctuations(motion, "vector"),
        own[:, None] + own - 2 * inverse,
        atol=1e-9,
    )
    for kind in ("distance", "ddpt"):
        with pytest.raises(ModesError, match="no direction"):
            distance_rows(motion, kind)


def kirchhoff_of(modes):
    return (modes.vectors * modes.eigenvalues) @ modes.vectors.T


def test_too_large_a_matrix_is_told_before(motion, monkeypatch):
    with pytest.raises(ModesError, match="25 x 25.*by blocks of rows"):
        cross_correlation(motion, memory_limit=1e-6)
    monkeypatch.setattr(module, "available_memory", lambda: 1.0)
    with pytest.raises(ModesError, match="75 x 75"):
        covariance(motion)


@pytest.mark.parametrize("call", [correlation_rows, distance_rows])
def test_unknown_kinds(motion, call):
    with pytest.raises(ModesError, match="'other': choose one of"):
        call(motion, "other")
