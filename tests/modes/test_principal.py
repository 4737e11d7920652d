"""Principal components: known covariances, known modes, rigid motion, ProDy."""

from pathlib import Path

import numpy as np
import pytest
from mode_references import ball, flat, helix, same_subspace
from scipy.spatial.transform import Rotation

from hnmref.errors import ModesError
from hnmref.modes import ModeSet, compute_modes, thermal_variance
from hnmref.modes.principal import (
    PrincipalComponents,
    principal_components,
    project,
    superpose_frames,
)
from hnmref.modes.rigid import rigid_body_modes
from hnmref.modes.superpose import superpose


def tumbled(frames, rng):
    """Each frame turned and moved at random."""
    turns = Rotation.random(len(frames), rng).as_matrix()
    return frames @ turns + rng.normal(0, 20, (len(frames), 1, 3))


def internal_directions(x, masses, n, rng):
    """(N, 3, n) mass-orthonormal displacements without rigid-body motion."""
    root = np.sqrt(masses)[:, None, None]
    rigid = flat(rigid_body_modes(x, masses) * root)
    random = rng.standard_normal((3 * len(x), n))
    random -= rigid @ (rigid.T @ random)
    return np.linalg.qr(random)[0].reshape(len(x), 3, n) / root


def balanced(n_frames, variances, rng):
    """(n_frames, n) coordinates with exactly these variances and zero means."""
    q = rng.standard_normal((n_frames, len(variances)))
    q -= q.mean(axis=0)
    return np.linalg.qr(q)[0] * np.sqrt(n_frames * np.asarray(variances))


@pytest.mark.parametrize("with_masses", [False, True])
def test_a_known_covariance_is_recovered(with_masses):
    """Small displacements, so that turning the frames back changes nothing more."""
    rng = np.random.default_rng(11)
    x = ball(15, 2)
    masses = rng.uniform(1, 30, 15) if with_masses else np.ones(15)
    variances = np.array([9.0, 4.0, 1.0, 0.25]) * 1e-6
    directions = internal_directions(x, masses, 4, rng)
    q = balanced(50, variances, rng)
    frames = tumbled(x + np.einsum("jam,fm->fja", directions, q), rng)
    found = principal_components(frames, masses, reference=x)
    np.testing.assert_allclose(found.variances[:4], variances, rtol=1e-3)
    # What the fit adds is of second order in the displacement.
    assert found.variances[4:].max(initial=0) < 1e-4 * variances[-1]
    overlap = np.einsum("j,jam,jan->mn", masses, found.vectors[:, :, :4], directions)
    np.testing.assert_allclose(abs(overlap), np.eye(4), atol=2e-3)
    np.testing.assert_allclose(found.total_variance, variances.sum(), rtol=1e-3)
    np.testing.assert_allclose(found.cumulative_share[-1], 1, rtol=1e-9)


def test_covariance_of_atoms_is_that_of_the_frames():
    """Large displacements: sum_m V V^T v is the covariance about the mean."""
    rng = np.random.default_rng(3)
    masses = rng.uniform(1, 20, 8)
    frames = tumbled(ball(8, 1) + rng.normal(0, 0.5, (40, 8, 3)), rng)
    found = principal_components(frames, masses)
    fitted = superpose_frames(frames, found.mean, masses)
    deviations = (fitted - found.mean).reshape(40, -1)
    expected = deviations.T @ deviations / 40
    vectors = flat(found.vectors)
    np.testing.assert_allclose(
        (vectors * found.variances) @ vectors.T, expected, atol=1e-9
    )
    np.testing.assert_allclose(fitted.mean(axis=0), found.mean, atol=1e-9)
    weighted = np.einsum("j,jam,jan->mn", masses, found.vectors, found.vectors)
    np.testing.assert_allclose(weighted, np.eye(18), atol=1e-9)
    assert (np.diff(found.variances) <= 0).all()


@pytest.mark.parametrize("with_masses", [False, True])
def test_harmonic_sampling_gives_the_modes_back(with_masses):
    """Thermal motion of a network, as eigenvalues, vectors and subspaces."""
    rng = np.random.default_rng(5)
    x, _ = helix(12)
    masses = rng.uniform(10, 20, len(x)) if with_masses else None
    modes = compute_modes(x, n_modes=16, cutoff=7.0, masses=masses)
    stiffness = 1e6
    variances = thermal_variance(modes.eigenvalues[6:], stiffness, 300.0)
    q = balanced(80, variances, rng)
    moved = x + np.einsum("jam,fm->fja", modes.vectors[:, :, 6:], q)
    components = principal_components(tumbled(moved, rng), masses, reference=x)
    found = components.to_mode_set(300.0).truncate(16)
    assert found.n_zero == 6
    np.testing.assert_allclose(
        found.eigenvalues[6:], stiffness * modes.eigenvalues[6:], rtol=5e-3
    )
    root = np.sqrt(modes.masses)[:, None, None]
    cosine = same_subspace(flat(found.vectors * root), flat(modes.vectors * root))
    assert cosine > 1 - 1e-6
    lowest = np.einsum(
        "j,ja,ja->", modes.masses, found.vectors[:, :, 6], modes.vectors[:, :, 6]
    )
    assert abs(lowest) > 1 - 1e-3


def test_rigid_motion_of_frames_changes_nothing():
    rng = np.random.default_rng(7)
    x = ball(10, 4)
    frames = x + rng.normal(0, 0.3, (30, 10, 3))
    still = principal_components(frames, reference=x)
    moving = principal_components(tumbled(frames, rng), reference=x)
    np.testing.assert_allclose(moving.variances, still.variances, rtol=1e-7)
    np.testing.assert_allclose(moving.mean, still.mean, atol=1e-8)
    np.testing.assert_allclose(moving.vectors, still.vectors, atol=1e-6)
    np.testing.assert_allclose(
        project(tumbled(frames, rng), still), project(frames, still), atol=1e-7
    )


def test_no_component_holds_rigid_motion():
    rng = np.random.default_rng(8)
    frames = ball(9, 5) + rng.normal(0, 1.0, (60, 9, 3))
    found = principal_components(frames)
    assert found.vectors.shape == (9, 3, 21)
    rigid = rigid_body_modes(found.mean)
    assert abs(np.tensordot(rigid, found.vectors, ([0, 1], [0, 1]))).max() < 1e-8


def test_projections_have_the_components_variances():
    rng = np.random.default_rng(9)
    masses = rng.uniform(1, 16, 9)
    frames = tumbled(ball(9, 5) + rng.normal(0, 0.5, (25, 9, 3)), rng)
    found = principal_components(frames, masses)
    q = project(frames, found)
    np.testing.assert_allclose(q.T @ q / 25, np.diag(found.variances), atol=1e-9)
    modes = found.to_mode_set()
    both = project(frames, modes)
    np.testing.assert_allclose(both[:, :6], 0, atol=1e-6)
    np.testing.assert_allclose(both[:, 6:], q, atol=1e-9)
    # Frames as they stand: a shift is a coordinate of the first zero mode.
    shifted = modes.coordinates[None] + [2.0, 0, 0]
    along = project(shifted, modes, superposed=True)[0]
    np.testing.assert_allclose(along[0], 2 * np.sqrt(masses.sum()))
    np.testing.assert_allclose(along[1:], 0, atol=1e-9)


@pytest.mark.parametrize("n_frames, n_atoms", [(505, 180), (560, 170)])
def test_few_components_of_many_frames(n_frames, n_atoms):
    """The quicker way finds what the whole decomposition does, with either shape."""
    rng = np.random.default_rng(10)
    sizes = np.geomspace(1.0, 0.01, 3 * n_atoms).reshape(n_atoms, 3)
    points = rng.uniform(0, 20, (n_atoms, 3))
    frames = points + rng.normal(0, sizes, (n_frames, n_atoms, 3))
    whole = principal_components(frames)
    few = principal_components(frames, n_components=7)
    assert few.vectors.shape == (n_atoms, 3, 7)
    np.testing.assert_allclose(few.variances, whole.variances[:7], rtol=1e-9)
    np.testing.assert_allclose(few.vectors, whole.vectors[:, :, :7], atol=1e-7)
    np.testing.assert_allclose(
        few.cumulative_share, whole.cumulative_share[:7], rtol=1e-9
    )


def test_few_components_that_hardly_differ_from_none():
    """Too small a share of the variance for products of the frames."""
    rng = np.random.default_rng(15)
    sizes = np.full((170, 3), 1e-6)
    sizes[0] = 1.0
    points = rng.uniform(0, 20, (170, 3))
    frames = points + rng.normal(0, sizes, (505, 170, 3))
    few = principal_components(frames, n_components=6)
    whole = principal_components(frames)
    np.testing.assert_allclose(few.variances, whole.variances[:6], rtol=1e-6)
    product = np.tensordot(few.vectors, few.vectors, ([0, 1], [0, 1]))
    np.testing.assert_allclose(product, np.eye(6), atol=1e-9)


def test_superposition_is_that_of_single_frames():
    rng = np.random.default_rng(12)
    target, weights = ball(7, 3), rng.uniform(0.1, 5, 7)
    frames = tumbled(target + rng.normal(0, 0.7, (12, 7, 3)), rng)
    # A mirror image too: it must not be reflected back.
    frames[3] *= [1, 1, -1]
    together = superpose_frames(frames, target, weights)
    for frame, moved in zip(frames, together):
        alone = superpose(frame, target, weights).apply(frame)
        np.testing.assert_allclose(moved, alone, atol=1e-9)


def test_two_atoms_have_one_component():
    bond = np.array([1.0, 1.2, 0.8, 1.1])
    frames = np.zeros((4, 2, 3))
    frames[:, 1, 0] = bond
    found = principal_components(tumbled(frames, np.random.default_rng(1)))
    assert found.vectors.shape == (2, 3, 1)
    # Each atom moves by half of the change; the mass of the motion is a half.
    np.testing.assert_allclose(found.variances, [bond.var() / 2])
    assert found.to_mode_set().n_zero == 5


def test_a_saved_set_comes_back(tmp_path):
    rng = np.random.default_rng(13)
    masses = rng.uniform(1, 16, 6)
    found = principal_components(ball(6, 1) + rng.normal(0, 0.4, (9, 6, 3)), masses)
    path = tmp_path / "e_modes.npz"
    found.to_mode_set(77.0, atom_labels=list("abcdef")).save(path)
    loaded = ModeSet.load(path)
    assert loaded.atom_labels == list("abcdef")
    variances = thermal_variance(loaded.eigenvalues[6:], 1.0, 77.0)
    np.testing.assert_allclose(variances, found.variances)
    again = PrincipalComponents.from_mode_set(loaded)
    np.testing.assert_allclose(again.variances, found.variances)
    np.testing.assert_array_equal(again.vectors, found.vectors)
    np.testing.assert_array_equal(again.mean, found.mean)
    np.testing.assert_allclose(again.cumulative_share, found.cumulative_share)
    assert again.n_frames == 9
    with pytest.raises(ModesError, match="no principal components"):
        PrincipalComponents.from_mode_set(compute_modes(ball(6, 1), n_modes=8))


def test_components_with_rigid_motion_get_no_zero_modes():
    rng = np.random.default_rng(14)
    found = principal_components(ball(6, 1) + rng.normal(0, 0.4, (9, 6, 3)))
    found.vectors[:, :, 0] = rigid_body_modes(found.mean)[:, :, 4]
    with pytest.raises(ModesError, match="rigid_body=False"):
        found.to_mode_set()
    assert found.to_mode_set(rigid_body=False).n_zero == 0


@pytest.mark.parametrize(
    "change, words",
    [
        (dict(frames=np.zeros((1, 4, 3))), "two frames"),
        (dict(frames=np.zeros((5, 4))), r"shape \(frames, atoms, 3\)"),
        (dict(frames=np.ones((5, 4, 3))), "do not differ"),
        (dict(frames=np.full((5, 4, 3), np.nan)), "frame 1 has coordinates"),
        (dict(masses=np.ones(3)), "4 atoms and there are 3 masses"),
        (dict(masses=np.zeros(4)), "positive"),
        (dict(reference=np.zeros((3, 3))), "4 atoms cannot be superposed"),
        (dict(n_components=0), "1 or more"),
    ],
)
def test_bad_input_is_one_sentence(change, words):
    rng = np.random.default_rng(2)
    given = dict(frames=rng.standard_normal((5, 4, 3))) | change
    with pytest.raises(ModesError, match=words):
        principal_components(**given)


def test_projection_needs_the_same_atoms():
    modes = compute_modes(ball(6, 1), n_modes=8)
    with pytest.raises(ModesError, match="5 atoms and the modes 6"):
        project(np.zeros((2, 5, 3)), modes)


def test_agreement_with_prody():
    """Ubiquitin's ensemble: variances, vectors and projections to 1e-6."""
    with np.load(Path(__file__).parent / "data" / "principal_peer.npz") as stored:
        peer = {name: stored[name] for name in stored.files}
    assert [text.split()[0] for text in peer["versions"]] == ["ProDy", "numpy"]
    frames = peer["frames"] / 1000
    found = principal_components(frames, reference=peer["mean"])
    np.testing.assert_allclose(found.mean, peer["mean"], atol=1e-6)
    np.testing.assert_allclose(found.variances[:20], peer["variances"], rtol=1e-6)
    own, theirs = flat(found.vectors)[:, :20], peer["vectors"]
    signs = np.sign(np.sum(own * theirs, axis=0))
    np.testing.assert_allclose(own * signs, theirs, atol=1e-6)
    along = project(frames, found)[:, :20] * signs
    np.testing.assert_allclose(along, peer["projections"], atol=1e-5)
