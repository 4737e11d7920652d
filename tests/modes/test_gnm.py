"""The Gaussian network: chains and rings with known spectra, dense references."""

import numpy as np
import pytest
import scipy.linalg
from mode_references import ball

from hnmref.errors import ModesError
from hnmref.modes import (
    Crystal,
    GaussianModes,
    Springs,
    compute_gaussian_modes,
    solver,
)
from hnmref.modes.memory import network_bytes


def line(n):
    return np.column_stack([3.0 * np.arange(n), np.zeros(n), np.zeros(n)])


def test_linear_chain_is_the_rouse_model():
    """4 k sin^2(pi m / 2N)."""
    modes = compute_gaussian_modes(line(12), n_modes=12, cutoff=4.0)
    expected = 4 * np.sin(np.pi * np.arange(12) / 24) ** 2
    np.testing.assert_allclose(modes.eigenvalues, expected, atol=1e-12)
    assert modes.n_zero == 1
    np.testing.assert_allclose(modes.vectors[:, 0], 12**-0.5)


def test_ends_of_a_chain_move_most_as_in_the_rouse_model():
    """Sums of 1 / (4 sin^2): (N^2 - 1) / 6 over all nodes; the end's share."""
    n = 9
    modes = compute_gaussian_modes(line(n), n_modes=n, cutoff=4.0)
    square = modes.square_displacements()
    assert square.sum() == pytest.approx((n**2 - 1) / 6)
    assert square[0] == pytest.approx((n - 1) * (2 * n - 1) / (6 * n))


@pytest.mark.parametrize("sparse", [False, True])
def test_against_a_dense_pseudo_inverse(sparse, monkeypatch):
    if sparse:
        monkeypatch.setattr(solver, "_DENSE_SIZE", 10)
        monkeypatch.setattr(solver, "_DENSE_SHARE", 0.9)
    x = ball(60, 1)
    gap = np.linalg.norm(x[:, None] - x[None], axis=2)
    dense = -np.where((gap <= 4.0) & (gap > 0), np.maximum(gap, 1.0) ** -2.0, 0)
    dense -= np.diag(dense.sum(axis=1))
    n = 60 if not sparse else 20
    modes = compute_gaussian_modes(
        x, n_modes=n, cutoff=4.0, spring_law="distance_power"
    )
    values = scipy.linalg.eigvalsh(dense)
    np.testing.assert_allclose(modes.eigenvalues[1:], values[1:n], rtol=1e-9)
    if not sparse:
        inverse = np.linalg.pinv(dense, hermitian=True)
        np.testing.assert_allclose(
            modes.square_displacements(), np.diag(inverse), rtol=1e-8
        )


def test_every_part_has_a_zero_mode():
    x = np.vstack([ball(20, 2), ball(10, 3) + 50.0])
    modes = compute_gaussian_modes(x, n_modes=8, cutoff=4.0)
    assert modes.n_zero == 2 and "2 parts" in modes.notes[0]
    v = modes.vectors
    np.testing.assert_allclose(v.T @ v, np.eye(modes.n_modes), atol=1e-11)
    # Zero modes only: no solver is needed.
    assert compute_gaussian_modes(x, n_modes=2, cutoff=4.0).n_modes == 2


def test_a_ring_keeps_its_pairs():
    angle = 2 * np.pi * np.arange(10) / 10
    x = 5 * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    modes = compute_gaussian_modes(x, n_modes=2, cutoff=4.0)
    assert modes.n_modes == 3
    np.testing.assert_allclose(
        modes.eigenvalues, 4 * np.sin(np.pi * np.array([0, 1, 1]) / 10) ** 2, atol=1e-12
    )


def test_a_chain_that_meets_its_image_is_a_ring():
    """4 k sin^2(pi m / N), each but the lowest and highest twice."""
    crystal = Crystal(np.diag([3.0 * 8, 50.0, 50.0]))
    modes = compute_gaussian_modes(line(8), n_modes=8, cutoff=4.0, crystal=crystal)
    m = np.array([0, 1, 1, 2, 2, 3, 3, 4])
    np.testing.assert_allclose(
        modes.eigenvalues, 4 * np.sin(np.pi * m / 8) ** 2, atol=1e-12
    )
    assert modes.n_zero == 1


def test_mates_of_a_screw_axis_move_as_their_originals():
    """Against sums over all images, and joined into one part by them alone."""
    x = np.vstack([ball(10, 4), ball(10, 5) + [9.0, 0.0, 0.0]])
    axes = np.diag([14.0, 13.0, 12.0])
    screw, shift = np.diag([-1.0, 1.0, -1.0]), np.array([0.0, 6.5, 0.0])
    cutoff, operators = 6.0, [(np.eye(3), np.zeros(3)), (screw, shift)]
    dense = np.zeros((20, 20))
    cells = np.array(np.meshgrid(*3 * [np.arange(-3, 4)])).reshape(3, -1).T
    for rotation, translation in operators:
        for cell in cells:
            image = x @ rotation.T + translation + cell @ axes
            gap = np.linalg.norm(x[:, None] - image[None], axis=2)
            dense -= (gap <= cutoff) & (gap > 1e-6)
    np.fill_diagonal(dense, 0.0)
    np.fill_diagonal(dense, -dense.sum(axis=1))
    rotations, translations = (np.array(part) for part in zip(*operators))
    crystal = Crystal(axes, rotations, translations)
    modes = compute_gaussian_modes(x, n_modes=20, cutoff=cutoff, crystal=crystal)
    np.testing.assert_allclose(
        modes.eigenvalues, scipy.linalg.eigvalsh(dense), atol=1e-9
    )
    assert modes.n_zero == 1


def test_memory_for_contacts_is_foreseen():
    """A tight cell has many more springs than its atoms have among themselves."""
    x = ball(60, 1)
    alone = network_bytes(x, 4.0)
    assert network_bytes(x, 4.0, in_crystal=True) > 1.5 * alone


def test_listed_springs_stand_in_the_place_of_the_laws():
    springs = Springs(np.array([0]), np.array([2]), np.array([5.0]))
    modes = compute_gaussian_modes(
        line(3), n_modes=3, cutoff=4.0, pair_springs=springs
    )
    dense = np.array([[6.0, -1, -5], [-1, 2, -1], [-5, -1, 6]])
    np.testing.assert_allclose(
        modes.eigenvalues, scipy.linalg.eigvalsh(dense), atol=1e-12
    )


def test_file_round_trip(tmp_path):
    modes = compute_gaussian_modes(line(6), n_modes=4, cutoff=4.0, atom_labels="abcdef")
    modes.save(tmp_path / "g.npz")
    back = GaussianModes.load(tmp_path / "g.npz")
    assert np.array_equal(back.vectors, modes.vectors)
    assert back.atom_labels == list("abcdef") and back.n_zero == 1
    assert back.provenance["model"] == "Gaussian network"


@pytest.mark.parametrize(
    "coordinates, settings, words",
    [
        (np.empty((0, 3)), dict(n_modes=1), "at least one atom"),
        (line(4), dict(n_modes=5), "1 to 4 modes"),
        (line(4), dict(n_modes=0), "1 to 4 modes"),
        (line(4), dict(n_modes=2, cutoff=np.nan), "cut-off"),
        (np.zeros((2, 3)), dict(n_modes=2), "keep one conformer"),
        (line(4), dict(n_modes=2, memory_limit=1e-9), "GiB"),
    ],
)
def test_bad_input_is_named(coordinates, settings, words):
    with pytest.raises(ModesError, match=words):
        compute_gaussian_modes(coordinates, **settings)
