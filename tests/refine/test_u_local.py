"""U_local by mmtbx, with U_group held at every evaluation that it makes."""

import numpy as np
import pytest
from small_run import small_refinement

from hnmref.refine import arrays
from hnmref.refine.scaling import refresh
from hnmref.refine.u_local import refine_u_local


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
        n_parameters = refine_u_local(
            refinement.fmodel, refinement.model, refinement.params.u_local, nproc=1
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
