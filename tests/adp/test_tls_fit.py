"""TLS by least squares: mmtbx's tensors come back, isotropic data see their trace."""

import hnmref  # noqa: F401  (cctbx's extensions load first)

import numpy as np
import pytest
from chain_models import isotropic, random_chain, random_tls
from mmtbx_tls import u_of_mmtbx

from hnmref.adp.tls import tls_from_pi, u_from_tls
from hnmref.adp.tls_fit import deviations, fit_tls, linear_system, motions


@pytest.mark.parametrize("seed", range(5))
def test_tensors_come_back(seed):
    """T, L and S of mmtbx's U, about the centroid that the fit takes."""
    rng = np.random.default_rng(seed)
    sites, _ = random_chain(rng, 12)
    tls = random_tls(rng)
    u = u_of_mmtbx(sites, tls, sites.mean(axis=0))
    fit = fit_tls(sites, u)
    assert fit.residual < 1e-20
    for got, expected in zip(tls_from_pi(fit.pi), tls):
        assert np.allclose(got, expected, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_isotropic_fit_is_the_trace_of_mmtbx_tls(seed):
    """Nothing is left of tr U, and L and antisymmetric S are those of the motion."""
    rng = np.random.default_rng(seed)
    sites, _ = random_chain(rng, 12)
    t, libration, screw = random_tls(rng)
    origin = sites.mean(axis=0)
    u_iso = isotropic(u_of_mmtbx(sites, (t, libration, screw), origin))
    fit = fit_tls(sites, u_iso)
    assert np.sqrt(fit.residual) < 1e-11
    got_t, got_l, got_s = tls_from_pi(fit.pi)
    assert np.allclose(got_t, [t[:3].mean()] * 3 + [0] * 3, rtol=1e-8)
    assert np.allclose(got_l, libration, rtol=1e-7)
    screw = screw.reshape(3, 3)
    assert np.allclose(got_s.reshape(3, 3), (screw - screw.T) / 2, atol=1e-8)
    u = u_from_tls(sites, got_t, got_l, got_s, origin)
    assert np.allclose(isotropic(u), u_iso, rtol=1e-10)


@pytest.mark.parametrize("columns", [None, 6])
def test_residual_is_that_of_an_ordinary_least_squares_fit(columns):
    """For any displacements, whatever the origin; what is left is normal to it."""
    rng = np.random.default_rng(1)
    sites, _ = random_chain(rng, 10)
    u = rng.normal(size=len(sites) if columns is None else (len(sites), columns))
    fit = fit_tls(sites, u)
    flat = linear_system(sites, u, fit.origin + [30, 0, 0])
    flat = flat.reshape(-1, len(motions(u)) + 1)
    expected = np.linalg.lstsq(flat[:, :-1], flat[:, -1], rcond=None)[1]
    assert fit.residual == pytest.approx(expected[0], rel=1e-10)
    left = deviations(fit, sites, u)
    assert np.sum(left**2) == pytest.approx(fit.residual, rel=1e-10)
    design = flat[:, :-1] / np.linalg.norm(flat[:, :-1], axis=0)
    assert np.abs(design.T @ left.ravel()).max() < 1e-10 * np.linalg.norm(left)


def test_an_isotropic_error_counts_alike_in_both():
    rng = np.random.default_rng(2)
    sites, _ = random_chain(rng, 10)
    error = rng.normal(size=len(sites))
    u = error[:, None] * [1, 1, 1, 0, 0, 0]
    one, six = (linear_system(sites, x, sites[0])[..., -1] for x in (error, u))
    assert np.sum(one**2) == pytest.approx(np.sum(six**2))


def test_atoms_on_a_plane():
    """What their shape leaves undetermined does not spoil the rest."""
    rng = np.random.default_rng(3)
    sites, _ = random_chain(rng, 10)
    sites[:, 2] = 5.0
    u = u_from_tls(sites, *random_tls(rng), sites.mean(axis=0))
    assert fit_tls(sites, u).residual < 1e-18
    assert np.isfinite(fit_tls(sites, isotropic(u)).pi).all()
