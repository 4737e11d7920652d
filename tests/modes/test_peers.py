"""Agreement with ProDy and springcraft, by figures they made (peers/)."""

from pathlib import Path

import numpy as np
import pytest
from mode_references import flat, same_subspace
from scipy.spatial import cKDTree

from hnmref.modes import compute_gaussian_modes, compute_modes
from hnmref.modes.gnm import kirchhoff
from hnmref.modes.hessian import spring_hessian
from hnmref.modes.reduction import reduce_atoms
from hnmref.modes.springs import SpringLaw, springs_within

#: Rows of a matrix, and lengths in Å, as in peers/make_references.py.
N_ROWS = 120
CUTOFF = 13.0
GNM_CUTOFF = 10.0
RTB_CUTOFF = 6.0
HINSEN_RANGE = 7.0

LAWS = {
    "anm_prody": dict(spring_law="constant"),
    "anm_springcraft": dict(spring_law="constant"),
    "distance_power_springcraft": dict(spring_law="distance_power", power=2.0),
    "hinsen_prody": dict(spring_law="hinsen", hinsen_range=HINSEN_RANGE),
    "hinsen_fitted_springcraft": dict(spring_law="hinsen_fitted"),
}


@pytest.fixture(scope="module")
def peers():
    with np.load(Path(__file__).parent / "data" / "peers.npz") as stored:
        return {name: stored[name] for name in stored.files}


def springs_of(x, cutoff, settings):
    law = SpringLaw(
        settings["spring_law"],
        settings.get("power", 2.0),
        settings.get("hinsen_range", 3.0),
    )
    return springs_within(x, cKDTree(x), cutoff, law)[0]


def assert_same(matrix, values, vectors, peers, name, n_zero):
    """Hessian to 1e-9, eigenvalues to 1e-8, subspaces to 1e-6."""
    stored = peers[f"{name}_matrix"]
    matrix = matrix[:N_ROWS, :N_ROWS]
    lower = matrix[np.tril_indices(len(matrix))]
    np.testing.assert_allclose(lower, stored, rtol=1e-9, atol=1e-9 * abs(stored).max())
    expected = peers[f"{name}_values"][: len(values) - n_zero]
    np.testing.assert_allclose(values[n_zero:], expected, rtol=1e-8)
    assert_same_modes(vectors[:, n_zero:], peers[f"{name}_vectors"])


def assert_same_modes(vectors, stored):
    """The span of the lowest 20 modes, as the sine of the largest angle."""
    cosine = same_subspace(vectors[:, : stored.shape[1]], stored)
    assert np.sqrt(max(1 - cosine**2, 0)) < 1e-6


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("n_modes", [26, 76 * 3])
def test_anisotropic_networks(peers, name, n_modes):
    x, settings = peers["calpha"], LAWS[name]
    hessian = spring_hessian(x, springs_of(x, CUTOFF, settings)).toarray()
    modes = compute_modes(x, n_modes=n_modes, cutoff=CUTOFF, **settings)
    assert modes.n_modes == n_modes and modes.n_zero == 6
    assert_same(hessian, modes.eigenvalues, flat(modes.vectors), peers, name, 6)


@pytest.mark.parametrize("name", ["gnm_prody", "gnm_springcraft"])
def test_gaussian_network(peers, name):
    x = peers["calpha"]
    springs = springs_of(x, GNM_CUTOFF, dict(spring_law="constant"))
    modes = compute_gaussian_modes(x, n_modes=76, cutoff=GNM_CUTOFF)
    matrix = kirchhoff(springs, 76).toarray()
    assert_same(matrix, modes.eigenvalues, modes.vectors, peers, name, 1)


def test_rotation_translation_blocks(peers):
    x, residues = peers["atoms"], peers["residues"]
    reduction = reduce_atoms(x, np.ones(len(x)), residues)
    springs = springs_of(x, RTB_CUTOFF, dict(spring_law="constant"))
    hessian = reduction.hessian(x, springs)
    probes = peers["rtb_prody_probes"].reshape(len(x), 3, -1)
    q = hessian @ reduction.project(probes, np.ones(len(x)))
    stored = peers["rtb_prody_forces"]
    forces = flat(reduction.displacements(q))
    np.testing.assert_allclose(forces, stored, rtol=1e-9, atol=1e-9 * abs(stored).max())
    modes = compute_modes(x, n_modes=56, cutoff=RTB_CUTOFF, blocks=residues)
    np.testing.assert_allclose(
        modes.eigenvalues[6:], peers["rtb_prody_values"][:50], rtol=1e-8
    )
    assert_same_modes(flat(modes.vectors)[:, 6:], peers["rtb_prody_vectors"])


def test_the_peers_are_named(peers):
    assert [text.split()[0] for text in peers["versions"]] == [
        "ProDy",
        "springcraft",
        "numpy",
    ]
