"""Metrics against values by hand, sampled distributions and invariances."""

import numpy as np
import pytest

from hnmref.adp import metrics
from hnmref.adp.tls import rigid_basis
from hnmref.errors import InputError

ROWS, COLUMNS = [0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]


def isotropic(*values):
    u = np.zeros((len(values), 6))
    u[:, :3] = np.array(values)[:, None]
    return u


def random_tensors(rng, n_atoms=60):
    factors = rng.normal(scale=0.5, size=(n_atoms, 3, 3)) + 0.3 * np.eye(3)
    return (factors @ factors.transpose(0, 2, 1) + 0.02 * np.eye(3))[:, ROWS, COLUMNS]


def random_rotation(rng):
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


def rotated(u, rotation):
    return (rotation @ metrics.as_matrices(u) @ rotation.T)[:, ROWS, COLUMNS]


def all_pairs(n_atoms):
    return np.column_stack(np.triu_indices(n_atoms, 1))


def test_kl_of_isotropic_tensors_by_hand():
    a, b = isotropic(0.2), isotropic(0.5)
    expected = -1.5 + 1.5 * np.log(0.5 / 0.2) + 1.5 * 0.2 / 0.5
    assert metrics.kl_divergence(a, b) == pytest.approx([expected])


def test_kl_is_the_mean_log_ratio_of_densities():
    """By its definition, from samples of the first distribution."""
    rng = np.random.default_rng(0)
    u = random_tensors(rng, 2)
    first, second = metrics.as_matrices(u)
    x = rng.multivariate_normal(np.zeros(3), first, size=400_000)

    def log_density(covariance):
        form = np.einsum("na,ab,nb->n", x, np.linalg.inv(covariance), x)
        return -0.5 * (form + np.log(np.linalg.det(covariance)))

    sampled = np.mean(log_density(first) - log_density(second))
    assert metrics.kl_divergence(u[:1], u[1:])[0] == pytest.approx(sampled, rel=0.02)


def test_kl_is_zero_for_equals_and_positive_otherwise():
    u = random_tensors(np.random.default_rng(1))
    other = np.roll(u, 1, axis=0)
    assert np.abs(metrics.kl_divergence(u, u)).max() < 1e-12
    assert metrics.kl_divergence(u, other).min() > 0
    both = metrics.kl_divergence(u, other) + metrics.kl_divergence(other, u)
    assert np.allclose(metrics.symmetric_kl(u, other), both, rtol=1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_kl_knows_neither_frame_nor_unit(seed):
    rng = np.random.default_rng(seed)
    u, other = random_tensors(rng), random_tensors(rng)
    expected = metrics.kl_divergence(u, other)
    rotation = random_rotation(rng)
    in_frame = metrics.kl_divergence(rotated(u, rotation), rotated(other, rotation))
    assert np.allclose(in_frame, expected, rtol=1e-8)
    in_b = metrics.kl_divergence(8 * np.pi**2 * u, 8 * np.pi**2 * other)
    assert np.allclose(in_b, expected, rtol=1e-8)


def test_pair_kl_by_hand():
    u = isotropic(0.2, 0.5)
    sites = np.array([[0.0, 0, 0], [0, 3, 4]])
    # The logarithms cancel: 3/2 (0.2/0.5 + 0.5/0.2) - 3, over 2 * 5 Å.
    expected = (1.5 * (0.4 + 2.5) - 3) / 10
    assert metrics.pair_kl(u, sites, np.array([[0, 1]])) == pytest.approx([expected])
    assert metrics.pair_kl(u, sites, np.array([[1, 0]])) == pytest.approx([expected])


def test_coincident_atoms_have_no_pair_kl():
    with pytest.raises(InputError, match="atoms 2 and 3 stand in one place"):
        metrics.pair_kl(
            isotropic(0.1, 0.2, 0.3),
            np.array([[5.0, 0, 0], [1, 1, 1], [1, 1, 1]]),
            np.array([[0, 1], [1, 2]]),
        )


def test_boundary_indicator_by_hand():
    """Two groups on a line, 1 Å apart, and one atom that is in no group."""
    sites = np.zeros((5, 3))
    sites[:, 0] = np.arange(5)
    u = isotropic(0.2, 0.3, 0.8, 0.9, 50.0)
    pairs = np.array([[0, 1], [1, 2], [2, 3], [3, 4]])
    result = metrics.boundary_indicator(u, sites, pairs, np.array([0, 0, 1, 1, -1]))
    values = metrics.pair_kl(u, sites, pairs)
    assert (result.n_inside, result.n_boundary) == (2, 1)
    assert result.inside == pytest.approx((values[0] + values[2]) / 2)
    assert result.boundary == pytest.approx(values[1])
    assert result.b_kl == pytest.approx(2 * values[1] / (values[0] + values[2]))
    assert result.b_kl > 1


def test_one_group_has_no_boundary():
    sites = np.random.default_rng(2).normal(size=(3, 3))
    result = metrics.boundary_indicator(
        isotropic(0.2, 0.3, 0.4), sites, all_pairs(3), np.zeros(3, int)
    )
    assert result.n_boundary == 0 and np.isnan(result.b_kl)


def test_smooth_motion_has_lower_boundary_than_steps():
    rng = np.random.default_rng(3)
    sites = rng.uniform(0, 20, size=(300, 3))
    pairs = all_pairs(300)
    near = np.linalg.norm(sites[pairs[:, 0]] - sites[pairs[:, 1]], axis=1)
    pairs = pairs[near < metrics.NEIGHBOUR_DISTANCE]
    groups = (sites[:, 0] > 10).astype(int)
    smooth = isotropic(*(0.2 + 0.02 * sites[:, 0]))
    steps = isotropic(*(0.2 + 0.4 * groups + 0.002 * sites[:, 0]))
    smooth_b = metrics.boundary_indicator(smooth, sites, pairs, groups).b_kl
    step_b = metrics.boundary_indicator(steps, sites, pairs, groups).b_kl
    assert 0.5 < smooth_b < 2 < 100 < step_b


@pytest.mark.parametrize("bad", [-0.1, 0.0, np.nan])
def test_no_gaussian_no_divergence(bad):
    u = isotropic(0.2, 0.3)
    u[1, 0] = bad
    with pytest.raises(InputError, match="^1 displacement tensors.* position 2,"):
        metrics.kl_divergence(u, isotropic(0.1, 0.1))


def test_parts_and_anisotropy():
    rng = np.random.default_rng(4)
    u = random_tensors(rng)
    parts = metrics.isotropic_part(u) + metrics.deviatoric_part(u)
    assert np.allclose(parts, u, rtol=0, atol=1e-15)
    assert np.allclose(metrics.u_eq(metrics.deviatoric_part(u)), 0, atol=1e-15)
    assert np.allclose(metrics.anisotropy(isotropic(0.3, 2.0)), 1)
    ellipsoid = rotated(np.array([[0.1, 0.2, 0.4, 0, 0, 0]]), random_rotation(rng))
    assert metrics.anisotropy(ellipsoid) == pytest.approx([0.25])
    assert metrics.anisotropy(np.array([[0.4, 0.4, 0.4, 0.6, 0, 0]]))[0] < 0


def test_correlations_of_equal_scaled_and_opposite_tensors():
    u = random_tensors(np.random.default_rng(5))
    deviatoric = metrics.deviatoric_part(u)
    assert metrics.tensor_correlation(u, 3 * u) == pytest.approx(1)
    assert metrics.u_eq_correlation(u, 3 * u) == pytest.approx(1)
    assert metrics.deviatoric_correlation(u, 3 * u) == pytest.approx(1)
    opposite = u - 2 * deviatoric
    assert metrics.deviatoric_correlation(u, opposite) == pytest.approx(-1)
    assert metrics.u_eq_correlation(u, opposite) == pytest.approx(1)


def test_deviatoric_correlation_ignores_isotropic_parts_and_axes():
    rng = np.random.default_rng(6)
    u, other = random_tensors(rng), random_tensors(rng)
    expected = metrics.deviatoric_correlation(u, other)
    assert abs(expected) < 0.9
    shifted = u + isotropic(*rng.uniform(0, 5, size=len(u)))
    assert metrics.deviatoric_correlation(shifted, other) == pytest.approx(expected)
    rotation = random_rotation(rng)
    u, other = rotated(u, rotation), rotated(other, rotation)
    turned = metrics.deviatoric_correlation(u, other)
    assert turned == pytest.approx(expected)


def test_isotropic_tensors_have_no_deviatoric_correlation():
    u = random_tensors(np.random.default_rng(9))
    flat = isotropic(*[0.25] * len(u))
    assert np.isnan(metrics.deviatoric_correlation(u, flat))


def test_match_mean_u_eq_changes_isotropic_constant_only():
    rng = np.random.default_rng(7)
    u, reference = random_tensors(rng), 2 * random_tensors(rng)
    matched = metrics.match_mean_u_eq(u, reference)
    assert metrics.u_eq(matched).mean() == pytest.approx(metrics.u_eq(reference).mean())
    added = matched - u
    assert np.allclose(added, isotropic(*[added[0, 0]] * len(u)))


def test_rigid_body_passes_rosenfield_and_a_bent_one_does_not():
    rng = np.random.default_rng(8)
    sites = rng.normal(scale=10, size=(30, 3))
    basis = rigid_basis(sites, sites.mean(axis=0))
    factor = rng.normal(scale=[[0.5]] * 3 + [[0.03]] * 3, size=(6, 6))
    moves = basis @ factor
    u = (moves @ moves.transpose(0, 2, 1))[:, ROWS, COLUMNS]
    pairs = all_pairs(30)
    assert metrics.rosenfield_difference(u, sites, pairs).max() < 1e-12
    u[0, :3] += 0.1
    with_first = pairs[:, 0] == 0
    difference = metrics.rosenfield_difference(u, sites, pairs[with_first])
    assert np.allclose(difference, 0.1)


def test_longest_axis_angle_by_hand():
    """Long axes along x, y and half way between them."""
    x = np.array([[3.0, 1, 1, 0, 0, 0]])
    y = np.array([[1.0, 3, 1, 0, 0, 0]])
    between = np.array([[2.0, 2, 1, 1, 0, 0]])
    assert metrics.longest_axis_angle(x, y) == pytest.approx(90)
    assert metrics.longest_axis_angle(x, 5 * x) == pytest.approx(0, abs=1e-5)
    assert metrics.longest_axis_angle(between, x) == pytest.approx(45)


def test_relative_difference_by_hand_and_in_any_axes():
    """Off-diagonal components count twice, as in the Frobenius norm of matrices."""
    a = np.array([[1.0, 2, 3, 0.5, 0, 0]])
    b = np.array([[1.0, 2, 3, 0, 0, 0]])
    assert metrics.relative_difference(a, b) == pytest.approx(np.sqrt(0.5 / 14))
    rng = np.random.default_rng(12)
    u, v, rotation = random_tensors(rng), random_tensors(rng), random_rotation(rng)
    turned = metrics.relative_difference(rotated(u, rotation), rotated(v, rotation))
    assert turned == pytest.approx(metrics.relative_difference(u, v))
    assert metrics.relative_difference(3 * u, u) == pytest.approx(2)
