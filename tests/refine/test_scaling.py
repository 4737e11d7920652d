"""Scaling: it explains the data better and keeps the two parts of U apart."""

import mmtbx.f_model
import numpy as np
import pytest
from small_run import refine_params, small_inputs

from hnmref.refine.displacements import Displacements, use_both_parts
from hnmref.refine.scaling import refresh, scaled_fmodel, update_scales


@pytest.fixture
def inputs(files):
    """The small example, every atom with U_group and U_local."""
    inputs = small_inputs(files, refine_params())
    structure = inputs.model.get_xray_structure()
    use_both_parts(structure)
    n_atoms = structure.scatterers().size()
    flat = np.tile([0.3, 0.2, 0.25, 0.02, 0.0, -0.01], (n_atoms, 1))
    Displacements(flat, np.full(n_atoms, 0.1)).put_into(structure)
    return inputs


def unscaled_r(inputs):
    """R_work of the structure without solvent and with one scale factor."""
    return mmtbx.f_model.manager(
        f_obs=inputs.data.f_obs,
        r_free_flags=inputs.data.r_free_flags,
        xray_structure=inputs.model.get_xray_structure(),
    ).r_work()


def test_overall_b_goes_to_u_local(inputs):
    structure = inputs.model.get_xray_structure()
    before = Displacements.of(structure)
    r_before = unscaled_r(inputs)
    fmodel = scaled_fmodel(structure, inputs.data, refine_params())
    assert fmodel.r_work() < r_before
    assert fmodel.xray_structure is structure
    after = Displacements.of(structure)
    shift = after.u_local - before.u_local
    assert np.ptp(shift) < 1e-12 and abs(shift[0]) > 1e-3
    assert np.allclose(after.u_group, before.u_group, rtol=0, atol=1e-12)


def test_data_stay_as_they_were(inputs):
    """mmtbx scales and thins its own copy, so that each cycle sees all of them."""
    data = inputs.data
    amplitudes = data.f_obs.data().deep_copy()
    free = data.r_free_flags.data().deep_copy()
    scaled_fmodel(inputs.model.get_xray_structure(), data, refine_params())
    assert data.f_obs.data().all_eq(amplitudes)
    assert data.r_free_flags.data().all_eq(free)


def test_scales_leave_the_structure_alone(inputs):
    structure = inputs.model.get_xray_structure()
    fmodel = scaled_fmodel(structure, inputs.data, refine_params())
    structure.shift_us(b_shift=5.0)
    before = Displacements.of(structure)
    refresh(fmodel, mask=True)
    r_old_scales = fmodel.r_work()
    update_scales(fmodel, refine_params())
    assert fmodel.r_work() < r_old_scales
    after = Displacements.of(structure)
    assert np.array_equal(after.u_local, before.u_local)
    assert np.array_equal(after.u_group, before.u_group)


def test_refresh_follows_the_structure(inputs):
    structure = inputs.model.get_xray_structure()
    fmodel = scaled_fmodel(structure, inputs.data, refine_params())
    before = fmodel.f_calc().deep_copy()
    structure.shift_us(b_shift=10.0)
    refresh(fmodel)
    direct = fmodel.f_obs().structure_factors_from_scatterers(
        xray_structure=structure, algorithm="direct"
    )
    exact = direct.f_calc().data().as_numpy_array()
    difference = np.abs(fmodel.f_calc().data().as_numpy_array() - exact).sum()
    moved = np.abs(before.data().as_numpy_array() - exact).sum()
    assert difference < 0.01 * np.abs(exact).sum() < moved
