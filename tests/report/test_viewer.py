"""Geometry of the view in three dimensions."""

import numpy as np
import pytest
from example_run import example_motions
from scipy.stats import chi

from hnmref.adp.metrics import as_matrices
from hnmref.report import viewer
from hnmref.report.residues import chain_traces, check_per_atom


@pytest.fixture
def traces(atoms):
    return chain_traces(check_per_atom(atoms))


def test_an_ellipsoid_holds_what_it_says():
    for share, radius in viewer.RADII.items():
        assert radius == pytest.approx(chi.ppf(share / 100, 3), abs=1e-4)


def test_axes_take_the_unit_sphere_to_one_sigma():
    """A Aᵀ is U, turned into the view."""
    rng = np.random.default_rng(8)
    factors = rng.normal(size=(5, 3, 3))
    tensors = factors @ factors.transpose(0, 2, 1)
    u = tensors[:, [0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]]
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    found = viewer.ellipsoids(u, turn)
    axes = np.array(found["axes"]).reshape(-1, 3, 3)
    np.testing.assert_allclose(
        axes @ axes.transpose(0, 2, 1), turn @ as_matrices(u) @ turn.T, atol=0.01
    )
    np.testing.assert_allclose(
        found["b"], 8 * np.pi**2 * u[:, :3].mean(axis=1), rtol=1e-3
    )
    values = np.linalg.eigvalsh(as_matrices(u))
    np.testing.assert_allclose(
        found["anisotropy"], values[:, 0] / values[:, 2], rtol=1e-3
    )


def test_the_longest_direction_comes_first():
    rng = np.random.default_rng(4)
    frame = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    sites = rng.normal(size=(400, 3)) * [2.0, 9.0, 5.0] @ frame.T
    directions = viewer.long_to_short(sites - sites.mean(axis=0))
    spread = ((sites - sites.mean(axis=0)) @ directions.T).std(axis=0)
    np.testing.assert_allclose(spread, [9.0, 5.0, 2.0], rtol=0.1)
    # No mirror image.
    assert np.linalg.det(directions) == pytest.approx(1)
    np.testing.assert_allclose(directions @ directions.T, np.eye(3), atol=1e-12)


def test_the_view_is_the_model_turned(traces):
    data = viewer.viewer_data(traces, [])
    sites = np.concatenate([chain.sites for chain in traces])
    placed = np.array(data["sites"])
    for first, second in ((0, 7), (3, 30), (12, 39)):
        assert np.linalg.norm(placed[first] - placed[second]) == pytest.approx(
            np.linalg.norm(sites[first] - sites[second]), abs=0.01
        )
    assert data["pieces"] == [[0, 20], [20, 40]]
    assert data["labels"][21] == "ALA B 6"


def test_a_motion_moves_its_own_atoms_by_its_displacements(atoms, traces):
    motions = example_motions(atoms)
    data = viewer.viewer_data(traces, motions)
    assert [m["label"] for m in data["motions"]] == [
        "whole complex, motion 1: 75% of ⟨u²⟩",
        "whole complex, motion 2: 25% of ⟨u²⟩",
        "substructure A, motion 1: 75% of ⟨u²⟩",
        "substructure A, motion 2: 25% of ⟨u²⟩",
    ]
    of_a = np.array(data["motions"][3]["displacements"])
    assert not of_a[20:].any()
    trace_atoms = np.concatenate([chain.atoms for chain in traces])
    row = np.flatnonzero(motions[1].atoms == trace_atoms[5])[0]
    assert np.linalg.norm(of_a[5]) == pytest.approx(
        np.linalg.norm(motions[1].displacements[row, :, 1]), abs=0.01
    )
    # A displacement turns as the sites do.
    sites, placed = traces[0].sites, np.array(data["sites"])
    assert of_a[5] @ (placed[9] - placed[5]) == pytest.approx(
        motions[1].displacements[row, :, 1] @ (sites[9] - sites[5]), abs=0.1
    )


def test_many_residues_are_thinned(traces, monkeypatch):
    monkeypatch.setattr(viewer, "MAX_ELLIPSOIDS", 15)
    data = viewer.viewer_data(traces, [])
    assert data["stride"] == 3
    assert len(data["ellipsoids"]["total"]["b"]) == 14
    assert len(data["sites"]) == 40
