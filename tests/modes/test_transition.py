"""Transitions whose answer is known, and what they must keep."""

import numpy as np
import pytest
from mode_references import helix, rotation
from scipy.spatial.distance import pdist
from scipy.spatial.transform import Rotation

from hnmref.errors import ModesError
from hnmref.modes import ModeSet, compute_modes
from hnmref.modes.nonlinear import displace
from hnmref.modes.relaxation import distances, geometry_of, relax
from hnmref.modes.superpose import superpose
from hnmref.modes.transition import find_transition


def hinge_pair(angle):
    """A rod whose second half turns about its middle, and that as its one mode."""
    xyz, _ = helix(30)
    halves = np.repeat([0, 1], 60)
    hinge = xyz[60]
    moved = xyz.copy()
    turn = Rotation.from_rotvec([0, angle, 0]).as_matrix()
    moved[60:] = (xyz[60:] - hinge) @ turn.T + hinge
    vector = np.zeros((120, 3, 1))
    vector[60:, :, 0] = np.cross([0, 1.0, 0], xyz[60:] - hinge)
    modes = ModeSet(np.ones(1), vector, 0, xyz, np.ones(120))
    return xyz, moved, halves, modes


@pytest.fixture(scope="module")
def bent():
    """A helix, bent far along three of its modes and turned; its own modes."""
    xyz, residues = helix(40)

    def modes_of(x):
        return compute_modes(x, n_modes=12, cutoff=6.0, blocks=residues)

    modes = modes_of(xyz)
    inner = modes.vectors[:, :, modes.n_zero :]
    amplitudes = np.array([70.0, -50, 0, 40] + [0] * (inner.shape[2] - 4))
    target = displace(xyz, residues, inner, amplitudes) @ rotation(1).T + 30.0
    return xyz, residues, target, modes_of


def test_a_hinge_is_opened_all_the_way():
    xyz, moved, halves, modes = hinge_pair(1.3)
    turn = rotation(2)
    found = find_transition(xyz, moved @ turn.T + 9.0, lambda _: modes, blocks=halves)
    assert found.coverage > 0.999
    assert found.amplitudes[0][0] == pytest.approx(1.3, abs=1e-3)
    assert (np.diff(found.rmsd) < 0).all() and found.rounds[-1] == 1
    straight = find_transition(xyz, moved, lambda _: modes, method="linear")
    assert straight.coverage < 0.9


def test_linear_amplitudes_are_those_of_least_squares(bent):
    """Eq. 12: no other amplitudes come nearer, but for the finite turn of the whole."""
    xyz, _, _, modes_of = bent
    modes = modes_of(xyz)
    inner = modes.vectors[:, :, modes.n_zero :]
    wanted = np.random.default_rng(3).normal(0, 2, inner.shape[2])
    target = xyz + inner @ wanted
    found = find_transition(xyz, target, lambda _: modes, method="linear")
    np.testing.assert_allclose(found.amplitudes[0], wanted, rtol=0.02, atol=0.02)
    assert found.coverage > 0.98
    steps = np.diff(found.frames, axis=0)
    inside = np.linalg.norm(steps - steps[0], axis=2).max()
    assert inside < 0.05 * np.linalg.norm(steps[0], axis=1).max() + 0.01


def test_nonlinear_comes_nearer_and_keeps_its_blocks(bent):
    xyz, residues, target, modes_of = bent
    linear, nonlinear = (
        find_transition(xyz, target, modes_of, method=method, blocks=residues)
        for method in ("linear", "nonlinear")
    )
    assert linear.rmsd[0] > 5
    assert nonlinear.coverage > 0.97 > linear.coverage
    change = {}
    for name, found in (("linear", linear), ("nonlinear", nonlinear)):
        change[name] = max(
            np.abs(pdist(frame[residues == r]) - pdist(xyz[residues == r])).max()
            for frame in found.frames
            for r in np.unique(residues)
        )
    assert change["nonlinear"] < 1e-10
    assert change["linear"] > 0.3


def test_iterating_goes_on_where_the_first_modes_end(bent):
    xyz, residues, _, modes_of = bent
    rng = np.random.default_rng(4)
    many = compute_modes(xyz, n_modes=30, cutoff=6.0, blocks=residues)
    inner = many.vectors[:, :, many.n_zero :]
    target = displace(xyz, residues, inner, rng.normal(0, 18, inner.shape[2]))
    options = dict(blocks=residues, method="iterative")
    once = find_transition(xyz, target, modes_of, n_iterations=1, **options)
    thrice = find_transition(xyz, target, modes_of, n_iterations=3, **options)
    plain = find_transition(xyz, target, modes_of, blocks=residues)
    np.testing.assert_array_equal(once.rmsd, plain.rmsd)
    np.testing.assert_array_equal(thrice.rmsd[: len(once.rmsd)], once.rmsd)
    assert thrice.rmsd[-1] < once.rmsd[-1] - 0.01
    assert set(thrice.rounds) == {0, 1, 2, 3} and len(thrice.amplitudes) == 3


def test_what_is_told_agrees_with_the_frames(bent):
    xyz, residues, target, modes_of = bent
    some = np.arange(0, len(xyz), 4)
    found = find_transition(
        xyz, target[some], modes_of, fitted=some, blocks=residues, n_frames=7
    )
    assert len(found.frames) == 7 and found.frame_steps[0] == 0
    assert found.frame_steps[-1] == len(found.rmsd) - 1
    for frame, distance, step in zip(
        found.frames, found.frame_rmsd, found.frame_steps
    ):
        # Frames are laid on the target: their distance is seen as they stand.
        seen = np.sqrt(np.mean(np.sum((frame[some] - found.target) ** 2, axis=1)))
        assert seen == pytest.approx(distance) == pytest.approx(found.rmsd[step])
    np.testing.assert_allclose(found.frames[0], xyz, atol=1e-9)
    assert found.coverage == pytest.approx(1 - found.rmsd[-1] / found.rmsd[0])
    legs = np.linalg.norm(np.diff(found.frames, axis=0), axis=2).mean(axis=1)
    assert legs.max() < 1.6 * legs.min()


def test_steps_are_as_small_as_asked(bent):
    xyz, residues, target, modes_of = bent
    found = find_transition(
        xyz, target, modes_of, blocks=residues, max_step=0.3, n_frames=1000
    )
    moved = [superpose(a, b).rmsd for a, b in zip(found.frames, found.frames[1:])]
    assert 0.2 < max(moved) < 0.31


def test_collectivity_of_the_change():
    xyz, moved, halves, modes = hinge_pair(0.4)
    found = find_transition(xyz, moved, lambda _: modes, blocks=halves)
    square = np.sum((found.target - xyz) ** 2, axis=1)
    share = square / square.sum()
    expected = np.exp(-np.sum(share * np.log(share))) / len(xyz)
    assert found.collectivity == pytest.approx(expected)


def chain_bonds(xyz):
    return np.stack([np.arange(len(xyz) - 1), np.arange(1, len(xyz))], axis=1)


def test_relaxed_frames_keep_bonds_that_blocks_break(bent):
    xyz, residues, target, modes_of = bent
    bonds = chain_bonds(xyz)
    plain = find_transition(xyz, target, modes_of, blocks=residues)
    kept = find_transition(xyz, target, modes_of, blocks=residues, bonds=bonds)
    before = distances(xyz, bonds)
    broken = np.abs(distances(plain.frames[-1], bonds) - before).max()
    for frame in kept.frames:
        assert np.abs(distances(frame, bonds) - before).max() < 0.2 * broken
    assert kept.coverage > plain.coverage - 0.05


def test_relaxation_restores_what_was_shaken_a_little():
    xyz, _ = helix(20)
    geometry = geometry_of(xyz, chain_bonds(xyz))
    rng = np.random.default_rng(5)
    shaken = xyz + rng.normal(0, 0.1, xyz.shape)
    back = relax(shaken, geometry)
    error = [
        np.abs(distances(x, geometry.pairs) - geometry.lengths).max()
        for x in (shaken, back)
    ]
    assert error[1] < 0.1 * error[0]
    # As little as needed is moved: no more than the shaking itself.
    assert superpose(back, shaken).rmsd < superpose(xyz, shaken).rmsd
    np.testing.assert_array_equal(relax(xyz, geometry), xyz)


def test_modes_of_other_blocks_are_told(bent):
    xyz, _, target, modes_of = bent
    large = np.arange(len(xyz)) // 40
    found = find_transition(xyz, target, modes_of, blocks=large)
    assert any("same blocks" in note for note in found.notes)


def test_bad_input_is_one_sentence(bent):
    xyz, residues, target, modes_of = bent
    rigid = compute_modes(xyz, n_modes=6)
    two = dict(fitted=[0, 1], blocks=residues)
    for words, arguments, options in (
        ("same", (xyz, xyz @ rotation(6).T, modes_of), dict(blocks=residues)),
        ("three atoms", (xyz, target[:2], modes_of), two),
        ("three atoms", (xyz, target[:9], modes_of), dict(blocks=residues)),
        ("rigid-body", (xyz, target, lambda _: rigid), dict(blocks=residues)),
        ("moves rigid blocks", (xyz, target, modes_of), {}),
        ("unknown method", (xyz, target, modes_of), dict(method="fast")),
        ("two frames", (xyz, target, modes_of), dict(blocks=residues, n_frames=1)),
    ):
        with pytest.raises(ModesError, match=words):
            find_transition(*arguments, **{"method": "nonlinear", **options})
