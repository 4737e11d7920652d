import numpy as np
import pytest

from hnmref.modes import rigid_body_modes
from mode_references import ball, flat, rotation, same_subspace


def test_orthonormal_with_unit_masses():
    modes = flat(rigid_body_modes(ball(20, 1)))
    np.testing.assert_allclose(modes.T @ modes, np.eye(6), atol=1e-13)


def test_mass_orthonormal():
    masses = np.random.default_rng(2).uniform(1, 32, 20)
    modes = rigid_body_modes(ball(20, 1), masses)
    gram = np.einsum("j,jam,jan->mn", masses, modes, modes)
    np.testing.assert_allclose(gram, np.eye(6), atol=1e-13)


def test_distances_do_not_change():
    x = ball(15, 3)
    modes = rigid_body_modes(x)
    d = x[:, None] - x[None]
    stretch = np.einsum("ija,ijam->ijm", d, modes[:, None] - modes[None])
    assert abs(stretch).max() < 1e-12


def test_translations_then_rotations_about_the_laboratory_axes():
    x = ball(30, 4)
    modes = rigid_body_modes(x)
    np.testing.assert_allclose(
        modes[:, :, :3], np.broadcast_to(np.eye(3) / np.sqrt(30), (30, 3, 3))
    )
    for axis in range(3):
        curl = np.cross(x - x.mean(axis=0), modes[:, :, 3 + axis]).sum(axis=0)
        assert np.argmax(abs(curl)) == axis and curl[axis] > 0


def test_smooth_through_a_symmetric_top():
    """Equal moments of inertia do not make the axes jump."""
    x = np.vstack([np.eye(3), -np.eye(3)]) * 2.0
    shift = 1e-7 * np.random.default_rng(5).standard_normal(x.shape)
    change = rigid_body_modes(x + shift) - rigid_body_modes(x)
    assert abs(change).max() < 1e-6


def test_covariant_under_rotation():
    x, r = ball(12, 6), rotation(7)
    turned = np.einsum("ab,jbm->jam", r, rigid_body_modes(x))
    assert same_subspace(flat(rigid_body_modes(x @ r.T)), flat(turned)) > 1 - 1e-12


@pytest.mark.parametrize(
    "points, rank",
    [
        ([[1.0, 2.0, 3.0]], 3),
        ([[0.0, 0, 0], [1.0, 1, 1]], 5),
        ([[0.0, 0, 0], [1.0, 2, 3], [3.0, 6, 9]], 5),
        ([[0.0, 0, 0], [1.0, 2, 3], [3.0, 6, 8]], 6),
    ],
)
def test_rank_of_points_lines_and_bodies(points, rank):
    modes = flat(rigid_body_modes(np.array(points)))
    assert modes.shape[1] == rank
    np.testing.assert_allclose(modes.T @ modes, np.eye(rank), atol=1e-12)
