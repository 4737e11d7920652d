"""Ensembles from a covariance of modes: what they recover, and what stays rigid."""

import numpy as np
import pytest
from mode_references import ball, helix

from hnmref.errors import ModesError
from hnmref.modes import compute_modes
from hnmref.modes.ensemble import (
    MovingGroup,
    block_turns,
    draw_amplitudes,
    draw_conformers,
    ensemble_u,
    length_changes,
    match_u,
    scatter,
    settle,
)
from hnmref.modes.relaxation import geometry_of


def moving(n_atoms=40, size=0.15, seed=3):
    """Two groups of a ball of atoms, blocks of four, and atoms that do not move."""
    x = ball(n_atoms, seed)
    blocks = np.arange(n_atoms) // 4
    rng = np.random.default_rng(seed)
    groups = []
    for atoms in (np.arange(0, 16), np.arange(16, 36)):
        modes = compute_modes(x[atoms], n_modes=9, cutoff=9.0, blocks=blocks[atoms])
        factor = size * np.tril(rng.normal(0, 1, (9, 9)))
        groups.append(
            MovingGroup(atoms, modes.vectors * np.sqrt(len(atoms)), factor)
        )
    return x, blocks, groups


def u_of(groups, n_atoms):
    """E Π Eᵀ, atom by atom, written out."""
    u = np.zeros((n_atoms, 6))
    for group in groups:
        for atom, e in zip(group.atoms, group.vectors):
            full = e @ group.omega @ group.omega.T @ e.T
            u[atom] = full[[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]]
    return u


@pytest.mark.parametrize("n", [18, 19, 50, 501])
def test_amplitudes_have_the_covariance_exactly(n):
    omega = np.tril(np.random.default_rng(1).normal(0, 1, (9, 9)))
    a = draw_amplitudes(omega, n, np.random.default_rng(2))
    assert a.shape == (n, 9)
    np.testing.assert_allclose(a.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(a.T @ a / n, omega @ omega.T, atol=1e-10)
    # Opposite signs: no third moments.
    assert np.abs(np.einsum("ka,kb,kc->abc", a, a, a)).max() < 1e-8


def test_amplitudes_are_normal():
    """The fourth moment of a normal distribution is three squares of its second."""
    a = draw_amplitudes(np.eye(4), 40_000, np.random.default_rng(3))
    np.testing.assert_allclose((a**4).mean(axis=0), 3.0, atol=0.15)
    assert (a[:, 0] ** 2 * a[:, 1] ** 2).mean() == pytest.approx(1.0, abs=0.05)


def test_few_conformers_are_a_plain_sample():
    a = draw_amplitudes(np.eye(30), 20, np.random.default_rng(4))
    assert np.linalg.matrix_rank(a) == 10
    assert (a**2).mean() == pytest.approx(1.0, abs=0.15)
    assert np.abs(a).max() < 5


def test_groups_are_drawn_independently():
    x, blocks, groups = moving()
    n = 4000
    conformers = draw_conformers(x, blocks, groups, n, np.random.default_rng(5))
    moved = (conformers - x).reshape(n, -1)
    of_first, of_second = moved[:, : 3 * 16], moved[:, 3 * 16 : 3 * 36]
    correlation = np.corrcoef(of_first.T, of_second.T)[: 3 * 16, 3 * 16 :]
    assert np.abs(correlation).max() < 5 / np.sqrt(n)


def test_small_motions_recover_u_and_the_joint_covariance():
    x, blocks, groups = moving(size=0.004)
    conformers = draw_conformers(x, blocks, groups, 40, np.random.default_rng(6))
    expected = u_of(groups, len(x))
    np.testing.assert_allclose(
        ensemble_u(conformers), expected, atol=0.01 * expected.max()
    )
    np.testing.assert_array_equal(conformers[:, 36:], np.repeat(x[None, 36:], 40, 0))
    group = groups[0]
    moved = (conformers[:, group.atoms] - x[group.atoms]).reshape(40, -1)
    spread = (group.vectors @ group.omega).reshape(-1, 9)
    joint = spread @ spread.T
    np.testing.assert_allclose(moved.T @ moved / 40, joint, atol=0.01 * joint.max())


def test_blocks_stay_rigid_however_far_they_go():
    x, blocks, groups = moving(size=0.6)
    conformers = draw_conformers(x, blocks, groups, 20, np.random.default_rng(7))
    assert np.abs(conformers - x).max() > 2.0
    for block in range(10):
        atoms = np.flatnonzero(blocks == block)
        before = np.linalg.norm(x[atoms, None] - x[None, atoms], axis=2)
        after = conformers[:, atoms]
        after = np.linalg.norm(after[:, :, None] - after[:, None, :], axis=3)
        np.testing.assert_allclose(after, np.repeat(before[None], 20, 0), atol=1e-9)


def test_turns_are_what_rotations_are():
    """A block that turns about z by a normal angle."""
    x = np.array([[1.0, 0, 0], [-1, 1, 0], [0, -1, 0.5], [9, 9, 9]])
    vectors = np.cross([0, 0, 1.0], x[:3] - x[:3].mean(axis=0))[:, :, None]
    group = MovingGroup(np.arange(3), vectors, np.array([[0.3]]))
    turns = block_turns(x, np.array([0, 0, 0, 1]), [group])
    np.testing.assert_allclose(turns, [0.3, 0.3, 0.3, 0.0], atol=1e-12)


def test_scatter_adds_an_isotropic_u():
    rng = np.random.default_rng(8)
    still = np.zeros((20_000, 3, 3))
    u_local = np.array([0.0, 0.1, 0.4])
    u = ensemble_u(scatter(still, u_local, rng))
    np.testing.assert_allclose(u[:, :3], np.repeat(u_local[:, None], 3, 1), rtol=0.05)
    np.testing.assert_allclose(u[:, 3:], 0, atol=0.01)


def chain_ensemble(n):
    """A helix of rigid residues that turn by 0.2 radians, and four loose atoms."""
    x, blocks = helix(9)
    modes = compute_modes(x, n_modes=10, cutoff=9.0, blocks=blocks)
    omega = np.diag(np.r_[np.full(3, 0.5), np.full(3, 0.7), np.full(4, 0.35)])
    group = MovingGroup(np.arange(36), modes.vectors * np.sqrt(36), omega)
    x = np.concatenate([x, 50.0 + ball(4, 1)])
    blocks = np.append(blocks, [90, 91, 92, 93])
    bonds = np.column_stack([np.arange(35), np.arange(1, 36)])
    conformers = draw_conformers(x, blocks, [group], n, np.random.default_rng(9))
    return x, bonds, u_of([group], len(x)), conformers


def relative(u, wanted):
    weights = np.array([1, 1, 1, 2, 2, 2])
    return np.sqrt(np.sum(weights * (u - wanted) ** 2) / np.sum(weights * wanted**2))


def rms(values):
    return np.sqrt(np.mean(values**2))


def test_what_settling_ends_with_is_exact():
    x, bonds, u, conformers = chain_ensemble(60)
    geometry = geometry_of(x, bonds)
    parted = rms(length_changes(conformers, x, bonds))
    lost = relative(ensemble_u(conformers), u)
    assert parted > 0.1 and lost > 0.05
    with_u = settle(conformers, geometry, u, end_with_u=True)
    np.testing.assert_allclose(ensemble_u(with_u), u, atol=1e-9)
    assert rms(length_changes(with_u, x, bonds)) < 0.5 * parted
    with_bonds = settle(conformers, geometry, u, end_with_u=False)
    assert rms(length_changes(with_bonds, x, bonds)) < 0.03
    bonds_alone = settle(conformers, geometry, None, end_with_u=False)
    assert rms(length_changes(bonds_alone, x, bonds)) < 0.03
    wrong = [relative(ensemble_u(c), u) for c in (with_bonds, bonds_alone)]
    assert wrong[0] < 0.6 * wrong[1]


def test_matching_keeps_the_mean_and_what_does_not_move():
    _, _, u, conformers = chain_ensemble(40)
    matched = match_u(conformers, 2 * u)
    np.testing.assert_allclose(ensemble_u(matched), 2 * u, atol=1e-9)
    np.testing.assert_allclose(
        matched.mean(axis=0), conformers.mean(axis=0), atol=1e-10
    )
    np.testing.assert_array_equal(matched[:, 36:], conformers[:, 36:])
    # The least change: U doubled by lengthening every displacement alike.
    moved = conformers - conformers.mean(axis=0)
    same = match_u(conformers, 4 * ensemble_u(conformers)) - conformers.mean(axis=0)
    np.testing.assert_allclose(same, 2 * moved, atol=1e-9)


@pytest.mark.parametrize("n", [1, 0, -3])
def test_one_conformer_is_no_ensemble(n):
    with pytest.raises(ModesError, match="two conformers or more"):
        draw_amplitudes(np.eye(3), n, np.random.default_rng(0))
