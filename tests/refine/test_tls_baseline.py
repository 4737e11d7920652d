"""The TLS baseline: mmtbx's tensors, and which groups they belong to."""

import mmtbx.tls.tools
import numpy as np
import pytest
from small_run import DOMAINS, refine_params, small_inputs, small_refinement

from hnmref.refine import arrays
from hnmref.refine.tls_baseline import PARAMETERS_PER_GROUP, tls_groups

SELECTIONS = tuple(f"tls.selection='{domain}'" for domain in DOMAINS)


@pytest.fixture
def refined(two_tls_cycles):
    return two_tls_cycles[0]


def test_u_group_is_that_of_the_groups_tensors(refined):
    """As mmtbx computes it from T, L and S, where its tidying clips nothing."""
    model = refined.model
    groups = tls_groups(refined.inputs, refined.params.tls)
    expected = arrays.sym_mat3_to_numpy(
        mmtbx.tls.tools.u_cart_from_tls(
            sites_cart=model.get_xray_structure().sites_cart(),
            selections=[arrays.to_size_t(group.atoms) for group in groups],
            tlsos=model.tls_groups.tlsos,
        )
    )
    u_group = refined.group_adp.displacements.u_group
    assert np.abs(u_group).max() > 0.05
    assert np.median(np.abs(u_group - expected)) < 1e-6


def test_steps_and_parameters(refined):
    assert [r.step for r in refined.records] == 2 * ["scale", "tls", "u_local"]
    assert refined.records[1].n_parameters == 2 * PARAMETERS_PER_GROUP == 40
    assert [g["selection"] for g in refined.group_adp.groups()] == list(DOMAINS)
    assert all(g["parameters"] == 20 for g in refined.group_adp.groups())


def test_r_factors_fall(refined):
    r_work = [record.r_work for record in refined.records]
    assert r_work[1] < r_work[0] and r_work[2] < r_work[1]
    assert refined.r_factors()["r_free"] < refined.start["r_free"]


def test_state_goes_there_and_back(refined, files):
    other = small_refinement(files, "group_adp=tls", *SELECTIONS)
    state = refined.group_adp.state()
    other.group_adp.restore(state)
    back = other.group_adp.state()
    assert set(back) == set(state) == {"tls", "tls_cycle"}
    assert all(np.array_equal(back[key], state[key]) for key in state)
    assert state["tls_cycle"] == 2 and state["tls"].shape == (2, 24)


def test_atoms_outside_stay_isotropic(files):
    refinement = small_refinement(files, "group_adp=tls", SELECTIONS[0])
    refinement.run()
    group = tls_groups(refinement.inputs, refinement.params.tls)[0].atoms
    structure = refinement.model.get_xray_structure()
    anisotropic = np.flatnonzero(arrays.to_numpy(structure.use_u_aniso()))
    assert np.array_equal(anisotropic, group)
    parts = refinement.group_adp.displacements
    outside = np.setdiff1d(np.arange(len(parts.u_local)), group)
    assert np.abs(parts.u_group[outside]).max() < 1e-14
    assert np.abs(parts.u_group[group]).max() > 0.01


@pytest.mark.parametrize(
    "assignments, n_groups",
    [
        ((), 1),
        (("tls.groups_per_chain=3",), 3),
        (SELECTIONS, 2),
        ((*SELECTIONS, "tls.groups_per_chain=3"), 2),
    ],
)
def test_where_groups_come_from(files, assignments, n_groups):
    """Selections before segments before whole chains."""
    params = refine_params("group_adp=tls", *assignments)
    inputs = small_inputs(files, params)
    groups = tls_groups(inputs, params.tls)
    assert len(groups) == n_groups
    atoms = np.concatenate([group.atoms for group in groups])
    assert np.array_equal(np.sort(atoms), np.arange(inputs.model.size()))
    for group in groups:
        chosen = arrays.to_numpy(inputs.model.selection(group.selection))
        assert np.array_equal(np.flatnonzero(chosen), group.atoms)
