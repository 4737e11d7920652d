"""U_local by mmtbx, with U_group held at every evaluation that it makes."""

import random

import numpy as np
import pytest
from cctbx.array_family import flex
from small_run import small_refinement

from hnmref.refine import arrays
from hnmref.refine.scaling import refresh
from hnmref.refine.u_local import FIRST_SCALES, LIMITS, refine_u_local, search


def at_u_local(files, *assignments):
    """A refinement that has come as far as U_local, with U_group as it then is."""
    refinement = small_refinement(files, *assignments)
    structure = refinement.model.get_xray_structure()
    for _ in refinement.group_adp.steps(refinement.fmodel, np.random.default_rng(1)):
        refresh(refinement.fmodel)
    # Flat tensors, of the kind that tidying clips.
    parts = refinement.group_adp.displacements
    parts.u_group[::7] = [0.9, 0.01, 0.01, 0.0, 0.0, 0.0]
    parts.put_into(structure)
    refresh(refinement.fmodel)
    return refinement


def refine(refinement):
    """Refine U_local as a macro-cycle does."""
    structure = refinement.model.get_xray_structure()
    with refinement.group_adp.hold(structure):
        n_parameters, _ = refine_u_local(
            refinement.fmodel,
            refinement.model,
            refinement.params.u_local,
            rng=np.random.default_rng(1),
            nproc=1,
        )
    refinement.group_adp.absorb(refinement.model.get_xray_structure())
    refresh(refinement.fmodel)
    return n_parameters


def u_star(structure):
    return arrays.sym_mat3_to_numpy(structure.scatterers().extract_u_star()).tobytes()


@pytest.mark.parametrize(
    "assignments", [(), ("u_local.optimize_weight=True", "u_local.max_iterations=2")]
)
def test_u_group_is_held_bit_for_bit_all_along(files, monkeypatch, assignments):
    refinement = at_u_local(files, *assignments)
    structure = refinement.model.get_xray_structure()
    before, parts_before = u_star(structure), refinement.group_adp.displacements
    u_group, u_local = parts_before.u_group.copy(), parts_before.u_local.copy()
    seen = []
    update = refinement.fmodel.update_xray_structure

    def spy(**arguments):
        update(**arguments)
        seen.append(u_star(refinement.fmodel.xray_structure))

    monkeypatch.setattr(refinement.fmodel, "update_xray_structure", spy)
    refine(refinement)
    assert len(seen) > 3 and set(seen) == {before}
    assert u_star(refinement.model.get_xray_structure()) == before
    parts = refinement.group_adp.displacements
    assert np.array_equal(parts.u_group, u_group)
    assert np.abs(parts.u_local - u_local).max() > 0.01


def test_r_work_does_not_go_up(files):
    refinement = at_u_local(files)
    before = refinement.fmodel.r_work()
    n_parameters = refine(refinement)
    assert refinement.fmodel.r_work() < before
    assert n_parameters == refinement.model.size()
    assert refinement.fmodel.xray_structure is refinement.model.get_xray_structure()


def test_restraints_act_on_what_is_asked_for(files):
    """Restraining U_local alone makes it smoother than restraining the total."""
    roughness = {}
    for what in ("total", "local"):
        refinement = at_u_local(files, f"u_local.restrain={what}")
        refine(refinement)
        u_local = refinement.group_adp.displacements.u_local
        roughness[what] = np.abs(np.diff(u_local)).mean()
    assert roughness["local"] < roughness["total"]


def trials_of(r, noise=0.0):
    """What ``search`` tries with, for R as a function of the weight.

    :param noise: of a reflection; trials differ in it as much as in log₂ of the weight.
    """
    random_part = np.random.default_rng(0).normal(size=400)
    random_part -= random_part.mean()
    tried = []

    def try_scales(scales):
        tried.extend(scales)
        return [r(s) / 400 + noise * np.log2(s) * random_part for s in scales]

    return try_scales, tried


@pytest.mark.parametrize("best", [1 / 32, 0.25, 0.5, 1.0, 4.0, 32.0])
def test_search_walks_to_the_weight_of_lowest_r(best):
    """From three trials on; the neighbours of the best are the last tried."""
    try_scales, tried = trials_of(
        lambda s: 0.3 + 0.01 * abs(np.log2(s / best)), noise=1e-6
    )
    choice = search(try_scales)
    scales = [trial.value for trial in choice.trials]
    assert choice.value == best
    assert scales == sorted(tried) and set(FIRST_SCALES) <= set(scales)
    assert len(scales) <= 3 + abs(np.log2(best)) + 1
    assert LIMITS[0] <= scales[0] and scales[-1] <= LIMITS[1]


def test_among_equals_the_strongest_restraint_is_taken():
    """Noise of 0.003 in R a doubling; R itself falls by 0.002 a doubling to 1."""
    try_scales, _ = trials_of(
        lambda s: 0.3 + 0.002 * abs(np.log2(s)), noise=0.003 / np.sqrt(400)
    )
    assert search(try_scales).value == LIMITS[0]
    try_scales, _ = trials_of(
        lambda s: 0.3 + 0.002 * abs(np.log2(s)), noise=0.001 / np.sqrt(400)
    )
    assert search(try_scales).value == 1.0


def test_without_a_known_error_the_lowest_is_taken():
    """As for twinned data, where R_free alone is known."""
    choice = search(lambda scales: [np.array([abs(np.log2(s / 2))]) for s in scales])
    assert choice.value == 2.0
    assert [trial.value for trial in choice.trials] == [0.25, 0.5, 1.0, 2.0, 4.0]


def test_trials_in_processes_are_those_of_one(files):
    """Each trial starts from the same structure, whatever was tried before."""
    u_local, chosen = [], []
    for nproc in (1, 2):
        # Of mmtbx: it shakes B for the unit of the weight, among others.
        random.seed(1)
        flex.set_random_seed(1)
        refinement = at_u_local(files, "u_local.optimize_weight=True")
        structure = refinement.model.get_xray_structure()
        with refinement.group_adp.hold(structure):
            _, choices = refine_u_local(
                refinement.fmodel,
                refinement.model,
                refinement.params.u_local,
                rng=np.random.default_rng(2),
                nproc=nproc,
            )
        u_iso = structure.scatterers().extract_u_iso()
        u_local.append(arrays.to_numpy(u_iso))
        chosen.append(choices)
    assert np.array_equal(*u_local)
    assert chosen[0] == chosen[1] and len(chosen[0][0].trials) >= 3
