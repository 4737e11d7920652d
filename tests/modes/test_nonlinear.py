"""Screw motions of blocks: rigidity, tangents, known turns, modes of any origin."""

import numpy as np
import pytest
from mode_references import ball, helix, rotation
from scipy.linalg import expm
from scipy.spatial.distance import pdist
from scipy.spatial.transform import Rotation

from hnmref.errors import ModesError
from hnmref.modes import compute_modes
from hnmref.modes.nonlinear import advance, block_displacements, block_motions
from hnmref.modes.nonlinear import displace, screw


@pytest.fixture(scope="module")
def chain():
    """Coordinates, blocks and the modes of a helix, beyond the rigid-body ones."""
    xyz, residues = helix(30)
    modes = compute_modes(xyz, n_modes=14, cutoff=6.0, blocks=residues)
    return xyz, residues, modes.vectors[:, :, modes.n_zero :]


def distances_within_blocks(xyz, blocks):
    return np.concatenate([pdist(xyz[blocks == b]) for b in np.unique(blocks)])


@pytest.mark.parametrize("mode", [0, 3])
def test_blocks_stay_rigid_where_lines_stretch_them(chain, mode):
    xyz, blocks, vectors = chain
    before = distances_within_blocks(xyz, blocks)
    amplitude = 15 * np.sqrt(len(xyz))
    moved = displace(xyz, blocks, vectors[:, :, [mode]], [amplitude])
    assert np.sqrt(np.mean(np.sum((moved - xyz) ** 2, axis=1))) > 8
    assert np.abs(distances_within_blocks(moved, blocks) - before).max() < 1e-10
    straight = xyz + amplitude * vectors[:, :, mode]
    assert np.abs(distances_within_blocks(straight, blocks) - before).max() > 1.0


def test_the_path_begins_along_the_linear_mode(chain):
    xyz, blocks, vectors = chain
    h = 1e-4
    for mode in range(vectors.shape[2]):
        one = vectors[:, :, [mode]]
        slope = displace(xyz, blocks, one, [h]) - displace(xyz, blocks, one, [-h])
        np.testing.assert_allclose(slope / (2 * h), one[:, :, 0], atol=1e-9)


def test_the_difference_from_the_line_is_of_second_order(chain):
    xyz, blocks, vectors = chain
    a = np.random.default_rng(1).normal(0, 1, vectors.shape[2])
    errors = [
        np.linalg.norm(displace(xyz, blocks, vectors, s * a) - xyz - s * (vectors @ a))
        for s in (0.2, 0.1)
    ]
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.01)


def test_screws_against_matrix_exponentials():
    rng = np.random.default_rng(2)
    linear, angular = rng.normal(0, 2, (8, 3)), rng.normal(0, 1, (8, 3))
    angular *= np.array([0, 1e-9, 1e-4, 0.049, 0.051, 1, 3, 9])[:, None]
    rotations, shifts = screw(linear, angular)
    for v, w, r, s in zip(linear, angular, rotations, shifts):
        twist = np.zeros((4, 4))
        twist[:3, :3] = np.cross(np.eye(3), w)
        twist[:3, 3] = v
        np.testing.assert_allclose(expm(twist)[:3, :3], r, atol=1e-12)
        np.testing.assert_allclose(expm(twist)[:3, 3], s, atol=1e-12)


def test_it_is_a_turn_about_a_shifted_axis_and_a_slide_along_it():
    """NOLB's own words (its Eqs. 9 and 10), against the exponential."""
    rng = np.random.default_rng(3)
    block = ball(12, 4)
    v, w = rng.normal(0, 2, 3), rng.normal(0, 1, 3)
    centre = block.mean(axis=0)
    vectors = (v + np.cross(w, block - centre))[:, :, None]
    moved = displace(block, np.zeros(12), vectors, [1.7])

    along = (v @ w) / (w @ w) * w
    pivot = centre + np.cross(w, v - along) / (w @ w)
    turn = Rotation.from_rotvec(1.7 * w).as_matrix()
    expected = pivot + (block - pivot) @ turn.T + 1.7 * along
    np.testing.assert_allclose(moved, expected, atol=1e-11)


def test_a_hinged_domain_comes_full_circle():
    domain = ball(20, 5) + [5.0, 0, 0]
    hinge = np.array([1.0, 2, 0])
    vectors = np.cross([0, 0, 1.0], domain - hinge)[:, :, None]
    quarter = displace(domain, np.zeros(20), vectors, [np.pi / 2])
    turn = Rotation.from_rotvec([0, 0, np.pi / 2]).as_matrix()
    np.testing.assert_allclose(quarter, (domain - hinge) @ turn.T + hinge, atol=1e-12)
    circle = displace(domain, np.zeros(20), vectors, [2 * np.pi])
    np.testing.assert_allclose(circle, domain, atol=1e-11)


def test_velocities_go_with_their_blocks(chain):
    """Two halves of a path are the path: the velocities turned as the blocks did."""
    xyz, blocks, vectors = chain
    a = np.random.default_rng(6).normal(0, 20, vectors.shape[2])
    whole = displace(xyz, blocks, vectors, a)
    motions = block_motions(xyz, blocks, vectors)
    half, turned = advance(motions, xyz, a / 2)
    again, back = advance(turned, half, a / 2)
    np.testing.assert_allclose(again, whole, atol=1e-10)
    np.testing.assert_allclose(advance(back, again, -a)[0], xyz, atol=1e-10)


def test_conformers_follow_the_molecule_when_it_is_turned(chain):
    xyz, blocks, vectors = chain
    turn = rotation(7)
    a = np.random.default_rng(8).normal(0, 20, (3, vectors.shape[2]))
    turned = np.einsum("ab,jbm->jam", turn, vectors)
    conformers = displace(xyz, blocks, vectors, a)
    assert conformers.shape == (3, len(xyz), 3)
    moved = displace(xyz @ turn.T + 5.0, blocks, turned, a)
    np.testing.assert_allclose(moved, conformers @ turn.T + 5.0, atol=1e-10)
    np.testing.assert_array_equal(
        displace(xyz, blocks, vectors, a[1]), conformers[1]
    )


def test_masses_and_odd_blocks_leave_rigid_modes_as_they_are():
    """One atom, two, a line: motions that a block lacks do not turn up."""
    rng = np.random.default_rng(9)
    xyz = np.vstack([ball(10, 10), ball(9, 11) + 9.0])
    xyz[16:] = [[0, 9, 0], [1, 9, 0], [3, 9, 0]]
    blocks = np.array(["a"] * 6 + ["b"] + ["c"] * 2 + ["d"] * 7 + ["e"] * 3)
    masses = rng.uniform(1, 20, len(xyz))
    modes = compute_modes(xyz, n_modes=12, cutoff=12.0, blocks=blocks, masses=masses)
    motions = block_motions(xyz, blocks, modes.vectors, masses)
    np.testing.assert_allclose(motions.rigid_share, 1.0, atol=1e-12)
    shown = block_displacements(motions, xyz)
    np.testing.assert_allclose(shown, modes.vectors, atol=1e-11)
    assert np.isfinite(displace(xyz, blocks, modes.vectors, np.full(12, 30.0))).all()


def test_modes_of_free_atoms_keep_only_their_rigid_share(chain):
    xyz, blocks, _ = chain
    free = compute_modes(xyz, n_modes=30, cutoff=6.0)
    share = block_motions(xyz, blocks, free.vectors).rigid_share
    np.testing.assert_allclose(share[:6], 1.0, atol=1e-12)
    assert (share >= 0).all() and share[6:].min() < 0.999
    # The best rigid motion is a projection: what it misses is orthogonal to it.
    motions = block_motions(xyz, blocks, free.vectors)
    rigid = block_displacements(motions, xyz)
    left = free.vectors - rigid
    np.testing.assert_allclose(np.einsum("jam,jam->m", rigid, left), 0, atol=1e-12)


def test_bad_input_is_one_sentence(chain):
    xyz, blocks, vectors = chain
    with pytest.raises(ModesError, match="modes of this structure"):
        displace(xyz[1:], blocks[1:], vectors, np.zeros(vectors.shape[2]))
    with pytest.raises(ModesError, match="one an atom"):
        displace(xyz, blocks[1:], vectors, np.zeros(vectors.shape[2]))
    with pytest.raises(ModesError, match="one a mode"):
        displace(xyz, blocks, vectors, np.zeros(3))
