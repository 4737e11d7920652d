"""Numbers of modes and stage two's weight, found from the data."""

import numpy as np
import pytest
from small_run import DOMAINS, refine_params, small_inputs, small_refinement
from test_macro_cycle import figures

from hnmref.adp.basis import lower_factor
from hnmref.refine import arrays
from hnmref.refine.macro_cycle import Refinement
from hnmref.refine.modes import group_modes
from hnmref.refine.restart import resume, write_restart
from hnmref.refine.stage_settings import (
    PRIOR_WEIGHTS,
    RESTRAINT_WEIGHTS,
    StageSettings,
    first_settings,
    has_settings_to_find,
    known_settings,
    prior_weights,
)
from hnmref.refine.stages import LEAST_PRIOR

#: Noise of the amplitudes, as a share of each.
NOISE = 0.05


def moving_with(files, n_modes):
    """A refinement that begins, and data of a motion of so many modes.

    All of them move the atoms alike, and together.
    """
    truth = small_refinement(files, f"hnm.n_whole={n_modes}")
    refinement = small_refinement(
        files, "hnm.n_whole=Auto", "hnm.max_iterations=20", "start.b_iso=20"
    )
    model, fmodel = refinement.group_adp, refinement.fmodel
    rng = np.random.default_rng(1)
    factor = 0.5 / n_modes * rng.normal(size=(n_modes, 2 * n_modes))
    start = fmodel.xray_structure.deep_copy_scatterers()
    u_group = truth.group_adp.whole.u([lower_factor(factor @ factor.T)])
    true = model.displacements.u_group + u_group
    scatterers = fmodel.xray_structure.scatterers()
    cell = fmodel.xray_structure.unit_cell()
    scatterers.set_u_cart(cell, arrays.numpy_to_sym_mat3(true))
    fmodel.update_xray_structure(fmodel.xray_structure, update_f_calc=True)
    f_true = abs(fmodel.f_model())
    noise = 1 + NOISE * rng.normal(size=f_true.size())
    data = arrays.to_double(arrays.to_numpy(f_true.data()) * noise)
    fmodel.update(f_obs=f_true.customized_copy(data=data))
    fmodel.update_xray_structure(start, update_f_calc=True)
    return refinement


def found_by(refinement):
    """What was chosen before stage one."""
    rng = np.random.default_rng(3)
    return next(refinement.group_adp.steps(refinement.fmodel, rng)).choices


@pytest.mark.parametrize("n_modes, n_found", [(8, 10), (15, 20)])
def test_as_many_modes_as_the_motion_has(files, n_modes, n_found):
    """And a model that describes the reflections kept apart to within their noise."""
    refinement = moving_with(files, n_modes)
    (choice,) = found_by(refinement)
    assert choice.parameter == "hnm.n_whole" and choice.value == n_found
    assert refinement.group_adp.settings == StageSettings(n_found, 7, 0.5)
    assert [len(o) for o in refinement.group_adp.omega_whole] == [n_found]
    r_apart = {trial.value: trial.r_apart for trial in choice.trials}
    assert r_apart[n_found] == pytest.approx(NOISE * np.sqrt(2 / np.pi), rel=0.2)
    assert r_apart[max(r_apart)] > r_apart[n_found]


def test_the_free_set_has_no_part(files):
    """Free amplitudes that are all wrong change nothing."""
    right, wrong = moving_with(files, 8), moving_with(files, 8)
    fmodel = wrong.fmodel
    data = arrays.to_numpy(fmodel.f_obs().data()).copy()
    free = arrays.to_numpy(fmodel.r_free_flags().data())
    data[free] = np.random.default_rng(2).permutation(data[free])
    fmodel.update(f_obs=fmodel.f_obs().customized_copy(data=arrays.to_double(data)))
    assert fmodel.r_free() > right.fmodel.r_free() + 0.05
    assert found_by(right) == found_by(wrong)


ALL = ("n_whole", "n_substructure", "restraint_weight")


@pytest.fixture(scope="module")
def found_run(files, tmp_path_factory):
    """Two macro-cycles with all three Auto, and the first one's restart file."""
    path = tmp_path_factory.mktemp("found") / "run_001.hnm.npz"

    def keep(refinement):
        if refinement.n_cycles_done == 1:
            write_restart(refinement, path)

    options = [*(f"hnm.{name}=Auto" for name in ALL), "main.number_of_macro_cycles=2"]
    lines = []
    whole = small_refinement(files, *options, on_cycle=keep, on_detail=lines.append)
    whole.run()
    return whole, options, path, lines


def test_found_in_every_cycle_one_after_the_other(found_run):
    whole, _, _, lines = found_run
    n_tried = 0
    for record in whole.records:
        if record.step != "stage_one":
            continue
        names = [choice["parameter"] for choice in record.choices]
        assert names == [f"hnm.{name}" for name in ALL]
        settings = StageSettings(*(choice["value"] for choice in record.choices))
        assert settings.n_substructure <= settings.n_whole
        assert settings.restraint_weight in RESTRAINT_WEIGHTS
        n_tried += sum(len(choice["trials"]) for choice in record.choices)
    assert whole.group_adp.settings == settings
    assert len([line for line in lines if ": R 0." in line]) == n_tried
    groups = whole.group_adp.groups()
    n_modes = [settings.n_whole] + len(DOMAINS) * [settings.n_substructure]
    assert [group["modes"] for group in groups] == n_modes
    assert [len(v) for v in whole.group_adp.eigenvalues] == n_modes


def test_a_restart_keeps_what_was_found(files, found_run):
    whole, options, path, _ = found_run
    again = small_refinement(files, *options)
    resume(again, path)
    stage_one = next(r for r in whole.records if r.step == "stage_one")
    found = StageSettings(*(choice["value"] for choice in stage_one.choices))
    assert again.group_adp.settings == found
    assert again.group_adp.state().keys() == whole.group_adp.state().keys()
    again.run()
    assert figures(again) == figures(whole)
    assert again.r_factors() == whole.r_factors()


@pytest.mark.parametrize(
    "before, tried",
    [
        (None, PRIOR_WEIGHTS),
        (3.0, PRIOR_WEIGHTS),
        (100.0, PRIOR_WEIGHTS),
        (0.3, (1.0, 0.3, 0.1, 0.0)),
        (0.2, (0.3, 0.1, 0.0)),
        (LEAST_PRIOR, (0.1, 0.0)),
    ],
)
def test_priors_from_the_next_stronger_than_the_last_on(before, tried):
    assert prior_weights(before) == tried


def test_a_later_cycle_begins_at_the_next_stronger_prior(files):
    options = ("hnm.prior_weight=Auto", "main.number_of_macro_cycles=3")
    refinement = small_refinement(files, *options)
    refinement.run()
    found = [r.choices[0] for r in refinement.records if r.step == "stage_one"]
    assert len(found) == 3
    first = [choice["trials"][0]["value"] for choice in found]
    last = [choice["value"] for choice in found]
    assert first == [prior_weights(before)[0] for before in (None, *last[:-1])]


def test_what_is_given_goes_before_what_a_file_has():
    state = StageSettings(30, 20, 0.2).state()
    hnm = refine_params("hnm.n_whole=Auto", "hnm.restraint_weight=Auto").hnm
    assert first_settings(hnm) == StageSettings(20, 7, 0.5)
    assert has_settings_to_find(hnm)
    assert not has_settings_to_find(refine_params("hnm.prior_weight=Auto").hnm)
    assert known_settings(hnm, state) == StageSettings(30, 7, 0.2)
    assert known_settings(refine_params().hnm, state) == StageSettings(8, 7, 0.5)


def test_no_more_modes_than_there_are(files):
    """Two residues have 12 degrees of freedom, one has six; 20 are not tried."""
    params = refine_params("hnm.n_whole=20", "hnm.n_substructure=Auto")
    params.hnm.substructure = ["resseq 4:5", "resseq 6:6"]
    refinement = Refinement(small_inputs(files, params), params)
    (choice,) = found_by(refinement)
    assert [trial.value for trial in choice.trials] == [6, 10]
    n_modes = [basis.n_modes for basis in refinement.group_adp.parts.bases]
    assert n_modes == [choice.value, 6]


def test_modes_of_a_file(files, tmp_path):
    """As many as it holds are tried."""
    params = refine_params()
    inputs = small_inputs(files, params)
    sites = arrays.vec3_to_numpy(inputs.model.get_xray_structure().sites_cart())
    groups = inputs.groups
    modes = group_modes(sites, groups.assigned, groups.blocks, 25, params.hnm.network)
    modes.save(tmp_path / "m.npz")
    refinement = small_refinement(
        files, "hnm.n_whole=Auto", f"hnm.modes_file={tmp_path / 'm.npz'}"
    )
    (choice,) = found_by(refinement)
    assert {trial.value for trial in choice.trials} <= {6, 10, 20}
