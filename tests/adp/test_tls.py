"""TLS against mmtbx, which knows it from the formulas of Schomaker & Trueblood."""

import hnmref  # noqa: F401  (cctbx's extensions load first)

import numpy as np
import pytest
from mmtbx_tls import u_of_mmtbx

from hnmref.adp.tls import (
    pi_from_tls,
    rigid_basis,
    rigid_covariance,
    tls_from_pi,
    u_from_tls,
)
from hnmref.errors import InputError

ROWS, COLUMNS = [0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]


def random_pi(rng, rank=6):
    """Positive semidefinite, of the size of a protein's motion."""
    scale = np.array([0.5] * 3 + [0.03] * 3)
    factor = rng.normal(size=(6, rank)) * scale[:, None]
    return factor @ factor.T


def random_group(rng, n_atoms=50):
    """Sites and an origin that may be far from them."""
    sites = rng.normal(scale=20, size=(n_atoms, 3)) + rng.normal(scale=50, size=3)
    origin = sites.mean(axis=0) + rng.normal(scale=30, size=3)
    return sites, origin


def u_of_modes(vectors, pi):
    u = np.einsum("nai,ij,nbj->nab", vectors, pi, vectors)
    return u[:, ROWS, COLUMNS]


def assert_same_u(u, expected):
    """Largest difference against the largest component: 1e-12."""
    assert np.abs(u - expected).max() <= 1e-12 * np.abs(expected).max()


@pytest.mark.parametrize("seed", range(40))
def test_six_modes_equal_mmtbx_tls(seed):
    rng = np.random.default_rng(seed)
    sites, origin = random_group(rng)
    pi = random_pi(rng, rank=rng.integers(1, 7))
    u = u_of_modes(rigid_basis(sites, origin), pi)
    tls = tls_from_pi(pi)
    assert_same_u(u, u_of_mmtbx(sites, tls, origin))
    assert_same_u(u, u_from_tls(sites, *tls, origin))


def test_rotation_column_is_cross_product():
    rng = np.random.default_rng(1)
    sites, origin = random_group(rng)
    shift, angle = rng.normal(size=3), rng.normal(size=3)
    moved = rigid_basis(sites, origin) @ np.concatenate([shift, angle])
    assert np.allclose(moved, shift + np.cross(angle, sites - origin))


def test_units_by_hand():
    """A libration of 1 degree about z moves an atom at 100 Å by 1.745 Å along y."""
    pi = np.zeros((6, 6))
    pi[5, 5] = np.radians(1.0) ** 2
    translation, libration, screw = tls_from_pi(pi)
    assert np.allclose(libration, [0, 0, 1, 0, 0, 0])
    assert not translation.any() and not screw.any()
    site = np.array([[100.0, 0, 0]])
    u = u_from_tls(site, translation, libration, screw, np.zeros(3))
    assert np.allclose(u, [[0, np.radians(100.0) ** 2, 0, 0, 0, 0]])


def test_back_and_forth_but_for_the_trace_of_s():
    pi = random_pi(np.random.default_rng(2))
    back = pi_from_tls(*tls_from_pi(pi))
    trace = np.trace(pi[3:, :3]) / 3
    pi[3:, :3] -= trace * np.eye(3)
    pi[:3, 3:] -= trace * np.eye(3)
    assert np.allclose(back, pi, rtol=0, atol=1e-15)


def test_trace_of_s_leaves_u_alone():
    rng = np.random.default_rng(3)
    sites, origin = random_group(rng)
    *rest, screw = tls_from_pi(random_pi(rng))
    with_trace = screw + 5 * np.eye(3).ravel()
    u = u_from_tls(sites, *rest, screw, origin)
    assert_same_u(u_from_tls(sites, *rest, with_trace, origin), u)


@pytest.mark.parametrize("seed", range(5))
def test_orthonormal_zero_modes_become_tls(seed):
    """The zero modes of a network come normalised and mixed."""
    rng = np.random.default_rng(seed)
    sites, origin = random_group(rng)
    span = rigid_basis(sites, sites.mean(axis=0)).reshape(-1, 6)
    vectors = np.linalg.qr(span)[0] @ np.linalg.qr(rng.normal(size=(6, 6)))[0]
    vectors = vectors.reshape(-1, 3, 6)
    factor = rng.normal(size=(6, 6))
    pi = factor @ factor.T
    tls = tls_from_pi(rigid_covariance(vectors, pi, sites, origin))
    u = u_of_modes(vectors, pi)
    assert np.abs(u - u_of_mmtbx(sites, tls, origin)).max() <= 1e-10 * u.max()


def test_deforming_mode_has_no_tls():
    rng = np.random.default_rng(4)
    sites, origin = random_group(rng)
    vectors = rigid_basis(sites, origin)
    vectors[:, 0, 2] += rng.normal(size=len(sites))
    with pytest.raises(InputError, match="mode 3 is not a rigid-body motion"):
        rigid_covariance(vectors, np.eye(6), sites, origin)
