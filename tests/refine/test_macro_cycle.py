"""The macro-cycle: its steps, what they leave behind, and that seeds decide it."""

import hnmref  # noqa: F401  (cctbx's extensions load first)

import mmtbx.f_model
import numpy as np
import pytest
from cctbx import adptbx
from small_run import small_refinement

from hnmref.adp.metrics import as_matrices
from hnmref.refine.displacements import LOCAL_FLOOR, total_u_cart
from hnmref.refine.scaling import refresh, scaled_fmodel


def figures(refinement):
    """Every number of the records but the timings."""
    return [
        {k: v for k, v in record.as_dict().items() if k != "seconds"}
        for record in refinement.records
    ]


@pytest.fixture
def none(two_none_cycles):
    return two_none_cycles[0]


def test_steps_in_their_order(two_cycles, none):
    steps = ["scale", "stage_one", "stage_two", "u_local"]
    assert [r.step for r in two_cycles.records] == 2 * steps
    assert [r.cycle for r in two_cycles.records] == 4 * [1] + 4 * [2]
    assert [r.step for r in none.records] == 2 * ["scale", "u_local"]


def test_parameters_and_evaluations_of_each_step(two_cycles):
    scale, one, two, local = two_cycles.records[:4]
    assert scale.n_parameters == 0
    assert one.n_parameters == 8 * 9 // 2
    assert two.n_parameters == 2 * (7 * 8 // 2)
    assert local.n_parameters == two_cycles.model.size()
    assert one.n_target_evaluations >= 3 <= two.n_target_evaluations
    assert scale.n_target_evaluations == local.n_target_evaluations == 0


def test_groups_for_the_report(two_cycles, none):
    whole, *parts = two_cycles.group_adp.groups()
    assert (whole["modes"], whole["parameters"]) == (8, 36)
    assert [(p["modes"], p["parameters"]) for p in parts] == [(7, 28)] * 2
    assert sum(p["atoms"] for p in parts) == whole["atoms"] == two_cycles.model.size()
    assert none.group_adp.groups() == []


def test_r_factors_fall(two_cycles, none):
    for refinement in (two_cycles, none):
        first, last = refinement.records[0], refinement.records[-1]
        assert last.r_work < first.r_work
        final, start = refinement.r_factors(), refinement.start
        assert final["r_work"] < start["r_work"] and final["r_free"] < start["r_free"]


def test_collective_motion_beats_none(two_cycles, none):
    """The data are of a collective motion: anisotropy has to show in R_free."""
    assert two_cycles.records[-1].r_free < none.records[-1].r_free


def test_structure_holds_both_parts_and_u_group_is_physical(two_cycles):
    parts = two_cycles.group_adp.displacements
    structure = two_cycles.model.get_xray_structure()
    assert structure is two_cycles.fmodel.xray_structure
    assert np.allclose(total_u_cart(structure), parts.total(), rtol=0, atol=1e-12)
    values = np.linalg.eigvalsh(as_matrices(parts.u_group))
    assert values.min() > -1e-12 and values.max() > 0.1
    assert parts.u_local.min() > 0
    u_of_omega = two_cycles.group_adp.parts.u(two_cycles.group_adp.omega_parts)
    assert np.array_equal(u_of_omega, parts.u_group)


def test_final_r_is_that_of_the_structure(two_cycles):
    """f_model made anew from the refined structure says the same."""
    data = two_cycles.inputs.data
    fmodel = mmtbx.f_model.manager(
        f_obs=data.f_obs,
        r_free_flags=data.r_free_flags,
        xray_structure=two_cycles.model.get_xray_structure().deep_copy_scatterers(),
    )
    fmodel.update_all_scales()
    assert fmodel.r_work() == pytest.approx(two_cycles.r_factors()["r_work"], abs=2e-3)


@pytest.mark.parametrize("kind", ["hnm", "tls", "none"])
def test_scaling_leaves_f_model_and_structure_in_step(files, kind):
    """From a flat B that is too high, mmtbx takes more than U_local has."""
    refinement = small_refinement(files, f"group_adp={kind}", "start.b_iso=60")
    structure = refinement.model.get_xray_structure()
    structure.shift_us(b_shift=40.0)
    refinement.group_adp.begin(structure)
    before = total_u_cart(structure)[:, :3].mean()
    refinement._scale()
    scaled = total_u_cart(structure)[:, :3].mean()
    assert adptbx.u_as_b(before - scaled) > 20.0
    r_work = refinement.fmodel.r_work()
    refresh(refinement.fmodel)
    assert refinement.fmodel.r_work() == r_work
    as_mmtbx = scaled_fmodel(structure, refinement.inputs.data, refinement.params)
    assert as_mmtbx.r_work() == pytest.approx(r_work, abs=2e-3)


def test_an_overall_b_beyond_u_local_comes_from_u_group(files):
    refinement = small_refinement(files, "start.b_iso=60")
    structure = refinement.model.get_xray_structure()
    modes = refinement.group_adp
    before, whole = total_u_cart(structure), modes.u_whole()
    structure.shift_us(b_shift=-20.0)
    modes.absorb(structure)
    after, shift = total_u_cart(structure), np.zeros(6)
    shift[:3] = adptbx.b_as_u(20.0)
    assert np.allclose(after, before - shift, rtol=0, atol=1e-6)
    # U_local had 5 and has 5 again, so 20 came from both stages' U_group.
    assert np.allclose(modes.u_whole(), whole - shift, rtol=0, atol=1e-6)
    local = adptbx.u_as_b(1.0) * modes.displacements.u_local
    assert np.allclose(local, 5.0, rtol=0, atol=1e-4)


def test_what_u_group_has_not_it_does_not_give(files):
    refinement = small_refinement(files, "start.b_iso=60")
    structure = refinement.model.get_xray_structure()
    structure.shift_us(b_shift=-500.0)
    refinement.group_adp.absorb(structure)
    parts = refinement.group_adp.displacements
    assert np.abs(parts.u_group).max() < 1e-6
    assert np.allclose(parts.u_local, LOCAL_FLOOR, rtol=0, atol=1e-6)


def test_none_is_isotropic(none):
    structure = none.model.get_xray_structure()
    assert structure.use_u_aniso().all_eq(False)
    assert not none.group_adp.displacements.u_group.any()


def test_no_cycles_give_the_start(files):
    refinement = small_refinement(files, "main.number_of_macro_cycles=0")
    refinement.run()
    assert refinement.records == [] and refinement.n_cycles_done == 0
    assert refinement.r_factors()["r_work"] == pytest.approx(
        refinement.start["r_work"], abs=0.01
    )


def test_same_seed_same_result_and_another_differs(files, two_cycles):
    seen, cycles = [], []
    again = small_refinement(
        files,
        "main.number_of_macro_cycles=2",
        on_step=seen.append,
        on_cycle=lambda refinement: cycles.append(refinement.n_cycles_done),
    )
    again.run()
    assert seen == again.records and cycles == [1, 2]
    assert figures(again) == figures(two_cycles)
    assert again.r_factors() == two_cycles.r_factors()
    ours, theirs = again.group_adp, two_cycles.group_adp
    for one, other in zip(ours.omega_parts, theirs.omega_parts):
        assert np.array_equal(one, other)
    assert np.array_equal(ours.displacements.u_local, theirs.displacements.u_local)

    other = small_refinement(files, "main.random_seed=3")
    other.run()
    assert figures(other) != figures(two_cycles)[:4]
    assert other.records[0].r_work == two_cycles.records[0].r_work


@pytest.mark.parametrize("kind", ["hnm", "tls", "none"])
def test_steps_come_in_the_order_told_and_count_what_they_do(files, kind):
    counted, by_step = [], {}

    def end_step(record):
        by_step[record.step] = list(counted)
        counted.clear()

    refinement = small_refinement(
        files, f"group_adp={kind}", on_step=end_step, on_count=counted.append
    )
    names = refinement.step_names
    refinement.run()
    assert tuple(record.step for record in refinement.records) == names
    assert by_step["scale"] == [] and by_step["u_local"] == ["trial"]
    if kind == "hnm":
        n_evaluations = refinement.records[1].n_target_evaluations
        assert by_step["stage_one"] == n_evaluations * ["evaluation"]
        assert len(by_step["stage_two"]) >= refinement.records[2].n_target_evaluations


def test_an_atom_of_low_b_does_not_stop_its_group(files, tmp_path):
    """Nothing can be shared then, and U_group starts from zero."""
    lines = files["model"].read_text().splitlines()
    atoms = [i for i, line in enumerate(lines) if line.startswith("ATOM")]
    for i in atoms:
        b = 1.0 if i in (atoms[50], atoms[300]) else 50.0
        lines[i] = f"{lines[i][:60]}{b:6.2f}{lines[i][66:]}"
    low = {**files, "model": tmp_path / "low.pdb"}
    low["model"].write_text("\n".join(lines) + "\n")
    refinement = small_refinement(low, "hnm.max_iterations=10")
    assert np.abs(refinement.group_adp.displacements.u_group).max() < 1e-6
    refinement.run()
    scale, one, two, _ = refinement.records
    assert one.r_work < scale.r_work - 0.01
    assert np.abs(refinement.group_adp.displacements.u_group).max() > 0.1


def test_twin_law(files):
    """Data that are no twins refine under a twin law with a fraction near zero."""
    refinement = small_refinement(files, "data.twin_law='h,-k,-l'")
    refinement.run()
    assert refinement.fmodel.twin_law is not None
    assert 0.0 <= refinement.fmodel.twin_fraction < 0.1
    assert refinement.r_factors()["r_work"] < refinement.start["r_work"]
    total = total_u_cart(refinement.model.get_xray_structure())
    parts = refinement.group_adp.displacements
    assert np.allclose(total, parts.total(), rtol=0, atol=1e-12)
