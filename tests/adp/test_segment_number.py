"""How many segments: the truth's where it is known, fewer where noise is correlated."""

import hnmref  # noqa: F401  (cctbx's extensions load first)

import numpy as np
import pytest
from chain_models import isotropic, moving_bodies, random_chain

from hnmref.adp.segment_number import (
    correlation_time,
    partition_deviations,
    suggest_number,
)
from hnmref.adp.segments import partition_chain


def suggestion(sites, u, residue_of, max_segments=8):
    partitions = partition_chain(sites, u, residue_of, max_segments)
    return suggest_number(partitions, sites, u, residue_of), partitions


@pytest.mark.parametrize("kind", [isotropic, lambda u: u])
@pytest.mark.parametrize("n_bodies", [1, 2, 3])
def test_number_of_known_bodies(kind, n_bodies):
    rng = np.random.default_rng(n_bodies)
    sites, residue_of = random_chain(rng, 66)
    starts = np.arange(n_bodies) * 66 // n_bodies
    u = moving_bodies(rng, sites, residue_of, starts)
    u = kind(u + rng.normal(scale=0.03, size=u.shape))
    got, _ = suggestion(sites, u, residue_of)
    assert got.suggested == n_bodies == np.argmin(got.bic) + 1
    assert got.n_data == u.size
    assert 0.5 * u.size < got.n_effective <= u.size


def test_no_noise_at_all():
    """Rounding is no reason for a fourth segment."""
    rng = np.random.default_rng(4)
    sites, residue_of = random_chain(rng, 60)
    u = isotropic(moving_bodies(rng, sites, residue_of, [0, 18, 41]))
    assert suggestion(sites, u, residue_of)[0].suggested == 3


def test_correlated_noise_is_no_motion():
    """The same noise for all atoms of a residue and in part of its neighbours."""
    rng = np.random.default_rng(5)
    sites, residue_of = random_chain(rng, 80)
    white = rng.normal(scale=0.03, size=84)
    smooth = np.convolve(white, np.ones(5) / np.sqrt(5), "valid")[residue_of]
    u = 0.5 + smooth + rng.normal(scale=0.01, size=len(sites))
    got, partitions = suggestion(sites, u, residue_of, 10)
    assert got.suggested == 1 and got.n_effective < 0.25 * len(sites)
    # Taken for independent, these data would have asked for many.
    residuals = np.array([p.residual for p in partitions])
    k = np.arange(1, 11)
    naive = len(u) * np.log(residuals) + (11 * k - 1) * np.log(len(u))
    assert np.argmin(naive) + 1 > 3


def test_correlation_time():
    """1 of white noise; of m equal atoms a residue m; of residues in threes 3 m."""
    rng = np.random.default_rng(6)
    residues = np.repeat(np.arange(3000), 4)
    white = rng.normal(size=(12000, 1))
    assert correlation_time(white, residues) == pytest.approx(1, abs=0.15)
    equal = rng.normal(size=(3000, 1))[residues]
    assert correlation_time(equal, residues) == pytest.approx(4, rel=0.15)
    threes = rng.normal(size=(1000, 1))[residues // 3]
    assert correlation_time(threes, residues) == pytest.approx(12, rel=0.15)
    assert correlation_time(np.zeros((8, 1)), residues[:8]) == 1


def test_deviations_make_up_the_residual():
    rng = np.random.default_rng(7)
    sites, residue_of = random_chain(rng, 30)
    u = rng.normal(size=(len(sites), 6))
    for partition in partition_chain(sites, u, residue_of, 3):
        left = partition_deviations(partition, sites, u, residue_of)
        assert np.sum(left**2) == pytest.approx(partition.residual, rel=1e-10)
