"""Figures of several models, by sums done by hand."""

import numpy as np
import pytest

from hnmref.adp.comparison import (
    figures,
    likeness,
    positive_definite,
    residue_means,
)

#: Three atoms in a row, 2 Å apart, with isotropic U of 1, 2 and 4 Å².
SITES = np.array([[0.0, 0, 0], [2.0, 0, 0], [4.0, 0, 0]])
U = np.outer([1.0, 2.0, 4.0], [1, 1, 1, 0, 0, 0])
BONDS = np.array([[0, 1], [1, 2]])
NEAR = np.array([[0, 1], [1, 2], [0, 2]])


def kl(a, b):
    """Symmetric divergence of isotropic U: (3/2)(a/b + b/a) − 3."""
    return 1.5 * (a / b + b / a) - 3


def test_figures_of_isotropic_atoms():
    got = figures(U, SITES, BONDS, NEAR, np.array([0, 0, 1]))
    assert got.n_atoms == 3 and got.anisotropy == 1
    assert got.mean_b == pytest.approx(8 * np.pi**2 * 7 / 3)
    assert got.p_kl_bonded == pytest.approx(kl(1, 2) / 4)
    assert got.p_kl_near == pytest.approx((2 * kl(1, 2) / 4 + kl(1, 4) / 8) / 3)
    across = (kl(2, 4) / 4 + kl(1, 4) / 8) / 2
    assert got.b_kl == pytest.approx(across / (kl(1, 2) / 4))
    assert got.rigid_bond == pytest.approx(np.sqrt((1 + 4) / 2))


def test_no_partition_and_no_pairs_have_no_figures():
    nothing = np.zeros((0, 2), int)
    got = figures(U, SITES, nothing, NEAR, None).as_dict()
    assert got["b_kl"] is None and got["p_kl_bonded"] is None
    assert got["p_kl_near"] > 0


def test_rigid_motion_has_no_difference_along_bonds():
    """U of a libration differs from atom to atom, but not along the bonds."""
    rng = np.random.default_rng(5)
    sites = rng.normal(size=(20, 3)) * 5
    root = rng.normal(size=(6, 6)) * 0.1
    motions = np.zeros((20, 3, 6))
    motions[:, :, :3] = np.eye(3)
    for i, axis in enumerate(np.eye(3)):
        motions[:, :, 3 + i] = np.cross(axis, sites)
    full = np.einsum("jam,mk,jbk->jab", motions, root @ root.T, motions)
    u = full[:, [0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]]
    pairs = np.array([[i, i + 1] for i in range(19)])
    assert figures(u, sites, pairs, pairs, None).rigid_bond < 1e-12 * u.max()
    assert np.abs(np.diff(u[:, 0])).max() > 0.1


def test_likeness():
    same = likeness(U, U)
    assert same.median_kl == 0 and same.u_eq_correlation == pytest.approx(1)
    assert same.as_dict()["deviatoric_correlation"] is None
    assert likeness(2 * U, U).median_kl == pytest.approx(kl(2, 1))


def test_what_is_no_gaussian_is_found():
    u = np.array(
        [
            [1.0, 1, 1, 0, 0, 0],
            [1, 1, 0, 0, 0, 0],
            [1, 1, 1, 2, 0, 0],
            [np.nan, 1, 1, 0, 0, 0],
        ]
    )
    assert positive_definite(u).tolist() == [True, False, False, False]


def test_residue_means():
    means = residue_means(np.array([1.0, 3.0, 5.0]), np.array([0, 0, 1]))
    assert means.tolist() == [2, 5]
