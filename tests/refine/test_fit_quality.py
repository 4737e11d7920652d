"""How the model fits, by resolution and by residue."""

import hnmref  # noqa: F401  (cctbx's extensions load first)

import numpy as np
import pytest
from cctbx.array_family import flex

from hnmref.refine.arrays import to_bool
from hnmref.refine.fit_quality import (
    fit_information,
    residue_correlations,
    resolution_shells,
)
from hnmref.refine.residues import residue_table


@pytest.fixture(scope="module")
def fmodel(two_cycles):
    return two_cycles.fmodel


def test_shells_hold_all_amplitudes_and_their_r_factors(fmodel):
    shells = resolution_shells(fmodel.info(n_bins=6))
    assert sum(shell["n_work"] for shell in shells) == fmodel.f_obs_work().size()
    assert sum(shell["n_free"] for shell in shells) == fmodel.f_obs_free().size()
    ends = [(shell["d_max"], shell["d_min"]) for shell in shells]
    assert all(d_max > d_min for d_max, d_min in ends)
    assert ends == sorted(ends, reverse=True)
    f_obs, f_model = fmodel.f_obs_work(), fmodel.f_model_scaled_with_k1_w()
    d = f_obs.d_spacings().data().as_numpy_array()
    last = d < ends[-1][0] + 0.005
    f_obs = f_obs.data().as_numpy_array()[last]
    f_model = np.abs(f_model.data().as_numpy_array()[last])
    expected = np.abs(f_obs - f_model).sum() / f_obs.sum()
    assert shells[-1]["r_work"] == pytest.approx(expected, rel=0.02)


def test_a_small_free_set_still_has_some_shells(fmodel):
    """mmtbx alone makes one of fewer than 280 free amplitudes."""
    chosen = np.random.default_rng(4).random(fmodel.f_obs().size()) < 0.25
    few = fmodel.select(to_bool(chosen))
    assert 100 < few.f_obs_free().size() < 150
    assert len(resolution_shells(few.info())) == 1
    shells = resolution_shells(fit_information(few))
    assert 3 <= len(shells) <= 6
    assert all(shell["n_free"] >= 10 for shell in shells)


def test_a_residue_in_the_wrong_place_has_the_lowest_correlation(two_cycles, fmodel):
    table = residue_table(two_cycles.model)
    before = residue_correlations(fmodel, table)
    assert before.shape == (len(table.residues),)
    assert (before > 0.8).all() and (before <= 1.0).all()
    moved = fmodel.deep_copy()
    structure = fmodel.xray_structure.deep_copy_scatterers()
    atoms = table.atoms_of([20])
    sites = structure.sites_cart()
    for i in atoms.tolist():
        sites[i] = tuple(c + 3.0 for c in sites[i])
    structure.set_sites_cart(sites)
    moved.update_xray_structure(structure, update_f_calc=True)
    table.sites[atoms] += 3.0
    after = residue_correlations(moved, table)
    assert after.argmin() == 20
    assert after[20] < before[20] - 0.2


def test_hydrogens_and_conformers_are_no_obstacle(two_cycles, fmodel):
    """Radii differ by element; every residue still has its points."""
    table = residue_table(two_cycles.model)
    table.is_hydrogen[::2] = True
    assert np.isfinite(residue_correlations(fmodel, table)).all()


def test_a_shell_without_free_amplitudes_has_no_r_free(fmodel):
    info = fmodel.info(n_bins=3)
    info.bins[1].n_free = 0
    shells = resolution_shells(info)
    assert shells[1]["r_free"] is None and shells[0]["r_free"] > 0
    assert flex.max(fmodel.f_obs().d_spacings().data()) == pytest.approx(
        shells[0]["d_max"], abs=0.01
    )
