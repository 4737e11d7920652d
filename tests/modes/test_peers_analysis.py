"""Agreement of analyses with ProDy, by figures it made (peers/)."""

from pathlib import Path

import numpy as np
import pytest

from hnmref.modes import collectivity, compute_gaussian_modes, compute_modes
from hnmref.modes.correlation import (
    covariance,
    cross_correlation,
    distance_fluctuations,
    pair_distance_fluctuations,
)
from hnmref.modes.fluctuations import fit_b_factors, mean_squares, thermal_motion
from hnmref.modes.overlap import cumulative_overlaps, overlaps, rmsip

#: As in peers/make_analysis_references.py.
CUTOFF = 13.0
OTHER_CUTOFF = 10.0
GNM_CUTOFF = 10.0
N_MODES = 20
PAIRS = ((1, 76), (10, 40), (5, 6))


@pytest.fixture(scope="module")
def peers():
    path = Path(__file__).parent / "data" / "peers_analysis.npz"
    with np.load(path) as stored:
        return {name: stored[name] for name in stored.files}


def network(peers, cutoff):
    return compute_modes(
        peers["calpha"], n_modes=N_MODES + 6, cutoff=cutoff, spring_law="constant"
    )


@pytest.fixture(scope="module")
def modes(peers):
    return network(peers, CUTOFF)


@pytest.fixture(scope="module")
def motion(modes):
    return thermal_motion(modes)


def same(found, stored):
    np.testing.assert_allclose(found, stored, rtol=1e-6, atol=1e-6 * abs(stored).max())


def lower(matrix):
    return matrix[np.tril_indices(len(matrix))]


def test_square_fluctuations(peers, motion):
    found = mean_squares(motion)
    same(found, peers["square_fluctuations"])
    # ProDy scales to the same sum, we by least squares: the shape is the same.
    scaled = peers["scaled_b_factors"]
    fit = fit_b_factors(found, peers["b_factors"])
    assert fit.correlation == pytest.approx(
        np.corrcoef(scaled, peers["b_factors"])[0, 1], abs=1e-9
    )


def test_cross_correlation(peers, motion):
    same(lower(cross_correlation(motion)), peers["cross_correlation"])


def test_covariance(peers, motion):
    found = covariance(motion)
    same(found[:30, :30], peers["covariance"])
    traces = found.reshape(76, 3, 76, 3).trace(axis1=1, axis2=3)
    same(lower(traces), peers["covariance_traces"])


def test_distance_fluctuations(peers, motion):
    found = lower(distance_fluctuations(motion, "vector"))
    same(found, peers["distance_fluctuations"])
    pairs = np.array(PAIRS) - 1
    expected = np.sum(peers["pair_deformations"] ** 2, axis=1)
    same(pair_distance_fluctuations(motion, pairs), expected)
    same(distance_fluctuations(motion)[tuple(pairs.T)], expected)


def test_collectivity(peers, modes):
    same(collectivity(modes)[6:], peers["collectivity"])


def test_overlap(peers, modes):
    v, w = modes.vectors[:, :, 6:], network(peers, OTHER_CUTOFF).vectors[:, :, 6:]
    # The sign of an eigenvector is anybody's choice.
    same(np.abs(overlaps(v, w)), np.abs(peers["overlap"]))
    same(cumulative_overlaps(v, w).T, peers["cumulative_overlap"])
    same(rmsip(v, w), peers["rmsip"])


def test_gaussian_network(peers):
    modes = compute_gaussian_modes(
        peers["calpha"], n_modes=N_MODES + 1, cutoff=GNM_CUTOFF
    )
    motion = thermal_motion(modes)
    # <u_i . u_j> is 3 kT times the inverse, which ProDy gives without the 3.
    same(mean_squares(motion), 3 * peers["gaussian_square_fluctuations"])
    same(lower(cross_correlation(motion)), peers["gaussian_cross_correlation"])
    same(collectivity(motion), peers["gaussian_collectivity"])


def test_the_peer_is_named(peers):
    assert peers["versions"][0].startswith("ProDy ")
