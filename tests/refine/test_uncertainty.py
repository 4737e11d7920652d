"""Standard errors of U_group, against the scatter of refinements on repeated data."""

import numpy as np
import pytest
from small_run import small_refinement

from regression.standard_errors import repeated

from hnmref.adp.metrics import B_PER_U, u_eq
from hnmref.refine.restart import group_state, read_restart, resume, write_restart
from hnmref.refine.uncertainty import (
    b_eq_errors,
    standard_errors,
    u_group_covariances,
)

def test_errors_are_the_scatter_of_repeated_data(files):
    refinement = small_refinement(files, "hnm.max_iterations=40")
    refinement.run()
    found, covariances = zip(*repeated(refinement, 8))
    expected = np.mean(covariances, axis=0)
    assigned = expected.any(axis=(1, 2))
    scatter = np.std(found, axis=0, ddof=1)[assigned]
    errors = standard_errors(expected)[assigned]
    ratio = np.sqrt(np.mean(scatter**2) / np.mean(errors**2))
    assert ratio == pytest.approx(1.0, abs=0.3)
    # Atoms are told apart: the ends of the chain are known less well.
    by_atom = np.corrcoef(np.log(scatter.mean(axis=1)), np.log(errors.mean(axis=1)))
    assert by_atom[0, 1] > 0.7
    b = B_PER_U * np.array([u_eq(u) for u in found])
    b_scatter = np.std(b, axis=0, ddof=1)[assigned]
    b_errors = b_eq_errors(expected)[assigned]
    ratio = np.sqrt(np.mean(b_scatter**2) / np.mean(b_errors**2))
    assert ratio == pytest.approx(1.0, abs=0.3)


def test_a_stronger_prior_leaves_less_open(files):
    errors = []
    for weight in (0.01, 10.0):
        refinement = small_refinement(files, f"hnm.prior_weight={weight}")
        refinement.run()
        covariances = u_group_covariances(
            refinement.fmodel, refinement.group_adp, refinement.params.hnm.target
        )
        errors.append(np.median(standard_errors(covariances)[:, 3:]))
    assert errors[1] < 0.7 * errors[0]


def test_the_refinement_stays_as_it_is(two_cycles):
    scatterers = two_cycles.fmodel.xray_structure.scatterers()
    before = list(scatterers.extract_u_star()), two_cycles.fmodel.r_work()
    target = two_cycles.fmodel.target_name
    u_group_covariances(
        two_cycles.fmodel, two_cycles.group_adp, two_cycles.params.hnm.target
    )
    assert before[0] == list(scatterers.extract_u_star())
    assert before[1] == two_cycles.fmodel.r_work()
    assert target == two_cycles.fmodel.target_name


def test_a_finished_run_taken_up_again_has_the_same(two_cycles, files, tmp_path):
    target = two_cycles.params.hnm.target
    covariances = u_group_covariances(two_cycles.fmodel, two_cycles.group_adp, target)
    path = tmp_path / "run.hnm.npz"
    write_restart(two_cycles, path, standard_errors(covariances))
    content, _ = read_restart(path, "it")
    assert content["u_group_errors"].shape == (len(covariances), 6)
    again = small_refinement(files, "main.number_of_macro_cycles=2")
    resume(again, path)
    again.run()
    np.testing.assert_allclose(
        u_group_covariances(again.fmodel, again.group_adp, target),
        covariances,
        rtol=1e-6,
        atol=1e-9 * covariances.max(),
    )
    assert "u_group_errors" not in group_state(content)
