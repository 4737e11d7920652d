"""Mean squares, tensors and B-factors against springs solved by hand."""

import numpy as np
import pytest
from mode_references import ball, dense_hessian, rotation

from hnmref.errors import ModesError
from hnmref.modes import (
    ModeSet,
    collectivity,
    compute_gaussian_modes,
    compute_modes,
)
from hnmref.modes.fluctuations import (
    b_factors,
    displacement_tensors,
    fit_b_factors,
    mean_squares,
    mode_range,
    rms_by_mode,
    thermal_motion,
)

#: kT at 300 K, kcal/mol.
KT = 0.5961612776


def two_atoms(masses):
    x = np.array([[0.0, 0, 0], [1.5, 0, 0]])
    return compute_modes(x, n_modes=6, masses=np.array(masses))


@pytest.mark.parametrize("masses", [(1.0, 1.0), (12.0, 16.0), (1.0, 35.0)])
def test_two_atoms_on_a_spring(masses):
    """<(x_1 - x_2)^2> = kT/k, shared as the centre of mass stays at rest."""
    motion = thermal_motion(two_atoms(masses), spring_constant=2.0)
    share = np.array([masses[1], masses[0]]) / sum(masses)
    np.testing.assert_allclose(mean_squares(motion), share**2 * KT / 2.0, rtol=1e-9)
    tensors = displacement_tensors(motion)
    np.testing.assert_allclose(tensors[:, 0], share**2 * KT / 2.0, rtol=1e-9)
    np.testing.assert_allclose(tensors[:, 1:], 0, atol=1e-12)
    np.testing.assert_allclose(rms_by_mode(motion)[:, 0] ** 2, share**2 * KT / 2.0)


def test_b_of_a_textbook_displacement():
    """An r.m.s. of 0.5 Å in every direction is B = 8 pi^2 / 4 = 19.74 Å^2."""
    motion = thermal_motion(two_atoms((1.0, 1.0)))
    scaled = 0.75 / mean_squares(motion)[0]
    assert scaled * b_factors(motion)[0] == pytest.approx(19.739, abs=1e-3)


def test_three_atoms_in_an_equilateral_triangle():
    """Eigenvalues 3/2, 3/2 and 3 of unit springs and masses: 5/9 + ... by hand.

    Breathing moves each atom by 1/sqrt(3); the two others together by 2/3 of the
    mean square.
    """
    h = np.sqrt(3) / 2
    x = 2.0 * np.array([[0, 0, 0], [1, 0, 0], [0.5, h, 0.0]])
    modes = compute_modes(x, n_modes=9, cutoff=3.0, spring_law="constant")
    np.testing.assert_allclose(modes.eigenvalues[6:], [1.5, 1.5, 3.0])
    motion = thermal_motion(modes)
    np.testing.assert_allclose(mean_squares(motion), (2 / 1.5 + 1 / 3) / 3)


def test_all_modes_give_the_pseudoinverse_with_masses():
    x, rng = ball(12, 2), np.random.default_rng(5)
    masses = rng.uniform(1, 30, 12)
    modes = compute_modes(
        x, n_modes=36, cutoff=20.0, spring_law="constant", masses=masses
    )
    root = np.repeat(np.sqrt(masses), 3)
    hessian = dense_hessian(x, 20.0) / np.outer(root, root)
    inverse = np.linalg.pinv(hessian, rcond=1e-9) / np.outer(root, root)
    tensors = displacement_tensors(thermal_motion(modes))
    blocks = np.einsum("jajb->jab", inverse.reshape(12, 3, 12, 3))
    expected = blocks[:, [0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]]
    np.testing.assert_allclose(tensors, expected, atol=1e-9 * abs(expected).max())
    np.testing.assert_allclose(
        mean_squares(thermal_motion(modes)), tensors[:, :3].sum(axis=1)
    )


def test_tensors_turn_with_the_structure():
    x, turn = ball(15, 3), rotation(4)
    first, second = (
        displacement_tensors(thermal_motion(compute_modes(y, n_modes=20, cutoff=5.0)))
        for y in (x, x @ turn.T)
    )
    full = first[:, [[0, 3, 4], [3, 1, 5], [4, 5, 2]]]
    turned = turn @ full @ turn.T
    np.testing.assert_allclose(second[:, 3], turned[:, 0, 1], atol=1e-9)
    np.testing.assert_allclose(second[:, 2], turned[:, 2, 2], rtol=1e-8)


def test_gaussian_nodes_move_alike_in_three_directions():
    """Two nodes: <|u|^2> = 3 kT / (4 k), and no tensor."""
    x = np.array([[0.0, 0, 0], [3.0, 0, 0]])
    motion = thermal_motion(compute_gaussian_modes(x, n_modes=2), spring_constant=1.0)
    np.testing.assert_allclose(mean_squares(motion), 3 * KT / 4, rtol=1e-9)
    np.testing.assert_allclose(collectivity(motion), 1.0)
    with pytest.raises(ModesError, match="no direction"):
        displacement_tensors(motion)


def mode_set(values, n_zero=6):
    values = np.concatenate([np.zeros(n_zero), values])
    vectors = np.random.default_rng(1).standard_normal((8, 3, len(values)))
    return ModeSet(values, vectors, n_zero, np.zeros((8, 3)), np.ones(8))


def test_ranges_count_from_one_and_keep_equal_eigenvalues_together():
    modes = mode_set([1.0, 2.0, 2.0, 2.0 + 1e-9, 3.0])
    assert mode_range(modes) == slice(6, 11)
    assert mode_range(modes, 7, 7) == slice(6, 7)
    assert mode_range(modes, 7, 8) == slice(6, 10)
    assert mode_range(modes, 10, 11) == slice(7, 11)
    assert mode_range(modes, 11) == slice(10, 11)
    kept = thermal_motion(modes, mode_range(modes, 9, 9))
    assert kept.n_modes == 3 and kept.select([1, 2]).n_atoms == 2


@pytest.mark.parametrize(
    "ends, words",
    [
        ((6, 8), "mode 6 is a zero mode.*begin with mode 7"),
        ((9, 8), "no modes 9 to 8"),
        ((7, 12), "7 to 11 are there"),
    ],
)
def test_impossible_ranges_are_told(ends, words):
    with pytest.raises(ModesError, match=words):
        mode_range(mode_set([1.0, 2.0, 3.0, 4.0, 5.0]), *ends)


def test_a_rigid_block_alone_has_no_motion_to_analyse():
    with pytest.raises(ModesError, match="all 6 modes are zero"):
        thermal_motion(mode_set([]))


def test_fit_finds_scale_slope_and_offset():
    calculated = np.array([1.0, 2.0, 5.0, 9.0])
    fit = fit_b_factors(calculated, 3.0 * calculated)
    assert (fit.correlation, fit.scale) == pytest.approx((1.0, 3.0))
    fit = fit_b_factors(calculated, 20.0 - 2.0 * calculated)
    assert (fit.correlation, fit.slope, fit.offset) == pytest.approx((-1, -2, 20))
    # The normal equation of a line through the origin.
    residual = 20.0 - 2.0 * calculated - fit.scale * calculated
    assert residual @ calculated == pytest.approx(0, abs=1e-9)


def test_equal_b_factors_have_no_correlation():
    fit = fit_b_factors(np.array([1.0, 2.0, 3.0]), np.full(3, 20.0))
    assert np.isnan(fit.correlation) and np.isnan(fit.slope)
    assert fit.scale == pytest.approx(20 * 6 / 14)


@pytest.mark.parametrize(
    "calculated, words", [(np.ones(3), "one an atom"), (np.zeros(4), "move no atom")]
)
def test_fits_that_cannot_be(calculated, words):
    with pytest.raises(ModesError, match=words):
        fit_b_factors(calculated, np.arange(4.0))
