"""The prior's weight: the reflections kept apart decide, the free ones never."""

import numpy as np
import pytest
from small_run import small_refinement

from hnmref.refine import arrays
from hnmref.refine.prior_weight import (
    WEIGHTS,
    choose_prior_weight,
    kept_apart,
    misfit,
)


@pytest.fixture(scope="module")
def fmodel(files):
    return small_refinement(files).fmodel


def test_a_fifth_of_the_working_set_is_kept_apart(fmodel):
    apart = arrays.to_numpy(kept_apart(fmodel, np.random.default_rng(1)))
    free = arrays.to_numpy(fmodel.r_free_flags().data())
    assert not (apart & free).any()
    assert np.sum(apart) / np.sum(~free) == pytest.approx(0.2, abs=0.03)
    other = arrays.to_numpy(kept_apart(fmodel, np.random.default_rng(2)))
    assert (apart != other).any()


def test_misfit_does_not_depend_on_the_scale(fmodel):
    """And is zero for data that the model explains."""
    exact = fmodel.deep_copy()
    exact.update(f_obs=abs(exact.f_model()).customized_copy(sigmas=None))
    assert misfit(exact) < 1e-12 < 1e-3 < misfit(fmodel)
    scaled = fmodel.deep_copy()
    scaled.update(f_obs=fmodel.f_obs().customized_copy(data=3 * fmodel.f_obs().data()))
    assert misfit(scaled) == pytest.approx(misfit(fmodel))


@pytest.mark.parametrize("nproc", [1, 2])
def test_the_best_model_of_the_others_decides(fmodel, nproc):
    """All weights but one make the model worse."""
    before = arrays.to_numpy(fmodel.f_model().data())
    seen = []

    def refine(part, weight):
        seen.append(part.f_obs().size())
        shift = 0.0 if weight == 0.3 else 0.2
        structure = part.xray_structure
        structure.set_u_iso(values=structure.extract_u_iso_or_u_equiv() + shift)

    rng = np.random.default_rng(3)
    choice = choose_prior_weight(fmodel, refine, rng, nproc)
    assert choice.weight == 0.3 and sorted(choice.misfits) == sorted(WEIGHTS)
    assert all(size < fmodel.f_obs().size() for size in seen)
    assert np.array_equal(arrays.to_numpy(fmodel.f_model().data()), before)
    assert [line for line in choice.lines() if line.endswith("*")] == [
        f"  prior weight 0.3: misfit {choice.misfits[0.3]:.5f} *"
    ]


def test_of_equals_the_strongest(fmodel):
    choice = choose_prior_weight(fmodel, lambda *_: None, np.random.default_rng(4))
    assert choice.weight == max(WEIGHTS)


def test_a_run_tells_the_weight_that_it_found(files):
    """And is the run that has this weight from the start; a fixed one is kept."""
    lines = []
    found = small_refinement(files, "hnm.prior_weight=Auto", on_detail=lines.append)
    found.run()
    starred = [line for line in lines if line.endswith("*") and "prior" in line]
    assert len(starred) == 1
    weight = float(starred[0].split()[2].rstrip(":"))
    again = small_refinement(files, "hnm.prior_weight=Auto")
    again.run()
    assert again.r_factors() == found.r_factors()
    anisotropy = {}
    for value in (0.0, weight, 100.0):
        fixed = small_refinement(files, f"hnm.prior_weight={value}")
        fixed.run()
        u = fixed.group_adp.displacements.u_group
        anisotropy[value] = np.abs(u[:, 3:]).mean()
    u = found.group_adp.displacements.u_group
    # The generator has moved on, which E_nm's weight notices, and little else.
    assert np.abs(u[:, 3:]).mean() == pytest.approx(anisotropy[weight], rel=0.05)
    assert anisotropy[100.0] < 0.2 * anisotropy[0.0]
