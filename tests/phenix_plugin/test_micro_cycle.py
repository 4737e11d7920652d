"""HNM inside mmtbx's manager: what it computes, and what it leaves behind."""

import io
import random

import iotbx.pdb
import mmtbx
import numpy as np
import pytest
from cctbx.array_family import flex

from hnmref.refine import arrays
from hnmref.refine.displacements import Displacements, total_u_cart
from hnmref.refine.macro_cycle import cycle_generator
from hnmref.refine.normal_modes import NormalModes
from hnmref.refine.scaling import refresh, scaled_fmodel
from hnmref.refine.u_local import refine_u_local
from phenix_plugin.collective import known_collective
from tests.phenix_plugin.driving import (
    QUICK,
    den_caller,
    phenix_params,
    prepare,
    refine,
    set_groups,
)
from tests.refine.small_run import DOMAINS, refine_params, small_inputs

SEED = 2679941


def parts(structure) -> Displacements:
    return Displacements.of(structure)


def seed_mmtbx() -> None:
    """mmtbx shakes ADPs where it determines weights."""
    random.seed(SEED)
    flex.set_random_seed(SEED)


def hnmref_steps(files):
    """R_free after each step as hnmref.refine takes them, from the same start."""
    # mmtbx's own default of what its restraints act on.
    params = refine_params("u_local.restrain=total")
    inputs = small_inputs(files, params)
    structure = inputs.model.get_xray_structure()
    fmodel = scaled_fmodel(structure, inputs.data, params)
    modes = NormalModes(inputs, params)
    modes.begin(structure)
    r_free = {}
    for step in modes.steps(fmodel, cycle_generator(SEED, 1)[0]):
        refresh(fmodel)
        r_free[step.name] = fmodel.r_free()
    inputs.model.restraints_manager = prepare(files).model.restraints_manager
    seed_mmtbx()
    with modes.hold(structure):
        refine_u_local(
            fmodel,
            inputs.model,
            params.u_local,
            rng=np.random.default_rng(1),
            nproc=1,
        )
    modes.absorb(structure)
    refresh(fmodel)
    r_free["u_local"] = fmodel.r_free()
    return r_free, modes


def test_same_step_as_hnmref_refine(files, case, params):
    """The TLS step's place, then the individual-B step, by R_free and by U."""
    expected, modes = hnmref_steps(files)
    start = case.r_free()
    refine(case, params)
    assert abs(case.r_free() - expected["stage_two"]) < 1e-6
    assert abs(case.r_free() - start) > 1e-3
    seed_mmtbx()
    refine(case, params, refine_tls=False, refine_adp_individual=True)
    assert abs(case.r_free() - expected["u_local"]) < 1e-5
    difference = parts(case.structure).u_group - modes.displacements.u_group
    assert np.abs(difference).max() < 1e-6


def test_selections_of_the_tls_groups_are_the_substructures(case, params):
    result = refine(case, params).tls_refinement_manager
    selections = [group["selection"] for group in result.groups]
    assert selections == ["all substructures", *DOMAINS]
    assert [group["modes"] for group in result.groups] == [8, 7, 7]


def test_selections_of_phenix_refine_where_the_model_has_lost_them(case, plugin):
    """A copy of a model lacks what HNM left on it."""
    named = [f"refine.adp.tls='{text}'" for text in DOMAINS]
    params = phenix_params(*QUICK, *named)
    refine(case, params)
    copied = case.model.deep_copy()
    copied.set_xray_structure(case.structure)
    case.model = copied
    result = refine(case, params, macro_cycle=2).tls_refinement_manager
    assert [group["selection"] for group in result.groups[1:]] == list(DOMAINS)


@pytest.mark.parametrize("strings", [[], ["all"], [None]])
def test_without_selections_one_substructure_a_chain(case, params, strings):
    set_groups(case.model, [])
    case.model.tls_groups.selection_strings = strings
    result = refine(case, params).tls_refinement_manager
    assert len(result.groups) == 2
    assert result.groups[1]["atoms"] == case.model.size()


def test_own_selections_go_first(case, plugin):
    params = phenix_params(*QUICK, "tls.hnm.substructure='resseq 4:20'")
    result = refine(case, params).tls_refinement_manager
    assert [g["selection"] for g in result.groups[1:]] == ["resseq 4:20"]


def test_what_callers_find_afterwards(case, params):
    target = case.fmodels.fmodel_xray().target_name
    structure = case.structure
    manager = refine(case, params, refine_adp_individual=True)
    fmodel = case.fmodels.fmodel_xray()
    assert manager.tls_refinement_manager.fmodel is fmodel
    assert fmodel.target_name == target == "ml"
    assert fmodel.xray_structure is case.structure is structure
    assert case.model.tls_groups is None
    r_free = case.r_free()
    refresh(fmodel)
    assert case.r_free() == pytest.approx(r_free, abs=1e-12)


def test_model_file_has_total_u_and_no_tls(case, params):
    refine(case, params, refine_adp_individual=True)
    text = case.model.model_as_pdb()
    assert "TLS" not in text
    written = iotbx.pdb.input(source_info=None, lines=text)
    u = arrays.sym_mat3_to_numpy(written.atoms().extract_uij())
    total = total_u_cart(case.structure)
    assert np.abs(u - total).max() < 1e-4
    b = arrays.to_numpy(written.atoms().extract_b())
    assert np.abs(b - 8 * np.pi**2 * total[:, :3].mean(axis=1)).max() < 0.01


def test_u_group_is_held_in_individual_and_group_b(case, params):
    """Beyond the anisotropy that mmtbx's tidying leaves to anything else."""
    refine(case, params)
    make_anisotropic(case)
    before = parts(case.structure)
    refine(
        case,
        params,
        refine_tls=False,
        refine_adp_individual=True,
        refine_adp_group=True,
    )
    after = parts(case.structure)
    assert np.abs(after.u_group - before.u_group).max() < 1e-12
    assert np.abs(after.u_local - before.u_local).max() > 1e-3


def make_anisotropic(case) -> None:
    """U_group so long and thin that tidying would clip it."""
    modes = known_collective(case.model).modes
    modes.omega_parts = [
        np.tril(np.outer(np.eye(len(o))[0], np.ones(len(o)))) for o in modes.omega_parts
    ]
    modes.displacements.u_group = modes.parts.u(modes.omega_parts)
    modes.displacements.put_into(case.structure)
    case.fmodels.update_xray_structure(
        xray_structure=case.structure, update_f_calc=True
    )
    clipped = case.structure.deep_copy_scatterers()
    clipped.tidy_us()
    assert np.abs(total_u_cart(clipped) - total_u_cart(case.structure)).max() > 0.01


def test_u_group_survives_tidying_between_calls(case, params):
    refine(case, params)
    make_anisotropic(case)
    before = parts(case.structure)
    case.structure.tidy_us()
    case.structure.shift_us(b_shift=3.0)
    refine(case, params, refine_tls=False)
    after = parts(case.structure)
    assert np.abs(after.u_group - before.u_group).max() < 1e-12
    shift = 3.0 / (8 * np.pi**2)
    assert np.abs(after.u_local - before.u_local - shift).max() < 1e-12


def test_moved_sites_take_u_group_along(case, params):
    refine(case, params)
    collective = known_collective(case.model)
    before = parts(case.structure).u_group
    moved = case.structure.sites_cart() + flex.vec3_double(case.model.size(), (1, 0, 0))
    case.structure.set_sites_cart(moved)
    refine(case, params, refine_tls=False)
    assert known_collective(case.model) is collective
    difference = collective.modes.sites - arrays.vec3_to_numpy(moved)
    assert np.abs(difference).max() < 1e-9
    assert np.abs(parts(case.structure).u_group - before).max() < 1e-3


def test_displacements_that_others_replaced_are_a_new_start(case, params):
    """As the DEN refinement does between the points of its grid."""
    start = case.structure.deep_copy_scatterers().scatterers()
    refine(case, params)
    first, r_free = known_collective(case.model), case.r_free()
    case.structure.replace_scatterers(start)
    case.fmodels.update_xray_structure(
        xray_structure=case.structure, update_f_calc=True
    )
    result = refine(case, params).tls_refinement_manager
    assert known_collective(case.model) is not first
    assert case.r_free() == pytest.approx(r_free, abs=1e-9)
    assert [group["selection"] for group in result.groups[1:]] == list(DOMAINS)


def test_second_macro_cycle_goes_on(case, params):
    refine(case, params, refine_adp_individual=True)
    collective, first = known_collective(case.model), case.r_free()
    refine(case, params, refine_adp_individual=True, macro_cycle=2)
    assert known_collective(case.model) is collective
    assert case.r_free() < first


def test_atoms_outside_keep_their_own_adps(case, params):
    """One isotropic, one anisotropic; with the group's own flags beside them."""
    set_groups(case.model, DOMAINS[:1])
    outside = arrays.to_numpy(case.model.selection(DOMAINS[1]))
    some = np.flatnonzero(outside)[:5]
    case.structure.convert_to_anisotropic(selection=arrays.to_size_t(some))
    scatterer = case.structure.scatterers()[int(some[0])]
    scatterer.u_star = tuple(1.1 * u for u in scatterer.u_star)
    case.fmodels.update_xray_structure(
        xray_structure=case.structure, update_f_calc=True
    )
    before = total_u_cart(case.structure)[outside]
    flags = arrays.to_numpy(case.structure.use_u_aniso())[outside]
    refine(case, params)
    assert np.abs(total_u_cart(case.structure)[outside] - before).max() < 1e-12
    after = arrays.to_numpy(case.structure.use_u_aniso())[outside]
    assert flags.sum() == 5 and np.array_equal(flags, after)
    assert np.abs(parts(case.structure).u_group[~outside]).max() > 0.01


def test_atoms_read_with_anisou_are_refined_as_isotropic(case, params):
    """phenix.refine may have them among its anisotropic individual ADPs."""
    flags = case.model.refinement_flags
    everyone = flex.bool(case.model.size(), True)
    flags.adp_individual_aniso, flags.adp_individual_iso = everyone, ~everyone
    refine(case, params)
    before = parts(case.structure)
    refine(case, params, refine_tls=False, refine_adp_individual=True)
    after = parts(case.structure)
    assert np.abs(after.u_group - before.u_group).max() < 1e-12
    assert np.abs(after.u_local - before.u_local).max() > 1e-4
    assert flags.adp_individual_aniso is everyone


def test_den_refinement_calls_it(case, params):
    """mmtbx/den/refinement.py's own call, with parameters from PHIL."""
    params.tls.hnm.n_whole = 9
    den = den_caller(case, params)
    start = case.r_free()
    log = io.StringIO()
    den.adp_refinement(log=log)
    groups = den.adp_refinement_manager.tls_refinement_manager.groups
    assert [group["modes"] for group in groups] == [9, 7, 7]
    assert "HNM: stage_two" in log.getvalue()
    assert case.r_free() < start


def test_den_refinement_counts_u_once(case, params):
    """It sets B of all atoms, which gives split atoms their U twice."""
    case.model.refinement_flags.individual_adp = False
    den = den_caller(case, params)
    den.adp_refinement(log=io.StringIO())
    collective, before = known_collective(case.model), parts(case.structure)
    r_free = case.r_free()
    case.model.reset_adp_of_hd_sites_to_be_equal()
    twice = parts(case.structure)
    mean_u = before.total()[:, :3].mean(axis=1)
    assert np.abs(twice.u_local - mean_u).max() < 1e-3
    assert np.abs(twice.u_group[:, 0] - mean_u).max() < 1e-3
    refine(case, params, refine_tls=False)
    after = parts(case.structure)
    assert known_collective(case.model) is collective
    assert np.abs(after.u_group - before.u_group).max() < 1e-12
    assert np.abs(after.u_local - before.u_local).max() < 1e-3
    assert case.r_free() == pytest.approx(r_free, abs=1e-3)


def test_without_tls_in_the_strategy_nothing_happens(case, params):
    refine(case, params, refine_tls=False)
    assert known_collective(case.model) is None
    assert not arrays.to_numpy(case.structure.use_u_aniso()).any()
    assert case.model.tls_groups is not None


def test_joint_neutron_data(case, params):
    """Stages against the X-ray data, as mmtbx's TLS; both f_models follow."""
    neutron = case.fmodels.fmodel_xray().deep_copy()
    structure = case.structure
    table = structure.scattering_type_registry().as_type_gaussian_dict()
    case.fmodels = mmtbx.fmodels(
        fmodel_xray=case.fmodels.fmodel_xray(),
        fmodel_neutron=neutron,
        xray_scattering_dict=table,
        log=io.StringIO(),
    )
    case.fmodels.update_xray_structure(xray_structure=structure, update_f_calc=True)
    start = case.fmodels.fmodel_neutron().r_work()
    before = case.fmodels.fmodel_xray().r_work()
    refine(case, params)
    assert case.fmodels.fmodel_neutron().r_work() != start
    assert case.fmodels.fmodel_xray().r_work() < before
    assert case.fmodels.fmodel_neutron().xray_structure is structure
