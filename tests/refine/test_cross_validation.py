"""Choices by reflections kept apart: these decide, the free ones never."""

import numpy as np
import pytest
from small_run import small_refinement

from hnmref.errors import InputError
from hnmref.refine import arrays
from hnmref.refine.cross_validation import (
    CrossValidation,
    compared,
    kept_apart,
    residuals_of,
    together,
)
from hnmref.refine.stage_settings import PRIOR_WEIGHTS

WEIGHTS = (3.0, 1.0, 0.3, 0.1, 0.0)


@pytest.fixture(scope="module")
def fmodel(files):
    return small_refinement(files).fmodel


def selections(fifths):
    return [arrays.to_numpy(fifth.apart) for fifth in fifths]


@pytest.mark.parametrize("judging, n_fifths", [(1, 1), (0.5, 3), (0.8, 4), (9, 5)])
def test_fifths_of_the_working_set_are_kept_apart(fmodel, judging, n_fifths):
    """As many as hold what is to judge, a number or here a share; none is in two."""
    free = arrays.to_numpy(fmodel.r_free_flags().data())
    judging = judging if judging == 1 else judging * np.sum(~free)
    apart = selections(kept_apart(fmodel, np.random.default_rng(1), judging))
    assert len(apart) == n_fifths
    assert not np.any(apart & free)
    assert np.sum(apart, axis=0).max() == 1
    for fifth in apart:
        assert np.sum(fifth) / np.sum(~free) == pytest.approx(0.2, abs=0.04)
    other = selections(kept_apart(fmodel, np.random.default_rng(2), judging))
    assert (apart[0] != other[0]).any()


@pytest.mark.parametrize("nproc", [1, 3, 10])
def test_fifths_judge_together(fmodel, nproc):
    """Their R is the mean of theirs; each is judged by what its model has not seen."""
    fifths = kept_apart(fmodel, np.random.default_rng(1))
    working = np.sum(~arrays.to_numpy(fmodel.r_free_flags().data()))
    residuals = [fifth.residuals(fmodel.xray_structure) for fifth in fifths]
    assert sum(len(of_one) for of_one in residuals) == working
    r_factors = [of_one.sum() for of_one in residuals]
    assert together(residuals).sum() == pytest.approx(np.mean(r_factors))
    shifts = {1.0: 0.3, 0.3: 0.0, 0.1: 0.2}

    def refine(part, i, value):
        part.xray_structure.shift_us(u_shift=shifts[value])
        return i, value, part.f_obs().size()

    trials = CrossValidation(fifths, nproc)
    choice, results = trials.choose("w", tuple(shifts), refine)
    all_sizes = [fmodel.f_obs().size() - len(of_one) for of_one in residuals]
    assert results == [(i, 0.3, size) for i, size in enumerate(all_sizes)]
    assert [trial.value for trial in choice.trials] == list(shifts)
    assert choice.trials[1].r_apart == pytest.approx(np.mean(r_factors))


def test_residuals_do_not_depend_on_the_scale(fmodel):
    """And are zero for data that the model explains."""
    exact = fmodel.deep_copy()
    exact.update(f_obs=abs(exact.f_model()).customized_copy(sigmas=None))
    r_apart = residuals_of(fmodel).sum()
    assert residuals_of(exact).sum() < 1e-6 < 1e-3 < r_apart
    scaled = fmodel.deep_copy()
    scaled.update(f_obs=fmodel.f_obs().customized_copy(data=3 * fmodel.f_obs().data()))
    assert residuals_of(scaled).sum() == pytest.approx(r_apart)


def test_standard_error_is_that_of_repeated_data():
    """The difference of two models' R, over many sets of reflections.

    What both models miss alike is no part of it.
    """
    rng = np.random.default_rng(5)
    sets = rng.normal(size=(2000, 2, 400)) + 30 * rng.normal(size=(2000, 1, 400))
    trials = [compared([1, 2], residuals) for residuals in sets]
    differences = [t[1].r_apart - t[0].r_apart for t in trials]
    errors = [max(t.standard_error for t in pair) for pair in trials]
    assert np.mean(errors) == pytest.approx(np.std(differences), rel=0.05)


def shifting(shifts, seen):
    """A refinement that makes U of all atoms wrong by so much."""

    def refine(part, _, value):
        seen.append(part.f_obs().size())
        structure = part.xray_structure
        u = structure.extract_u_iso_or_u_equiv() + shifts[value]
        structure.set_u_iso(values=u)
        return f"result of {value:g}"

    return refine


def one_fifth(fmodel, nproc=1):
    return CrossValidation(kept_apart(fmodel, np.random.default_rng(3), 1), nproc)


@pytest.mark.parametrize("nproc", [1, 2])
def test_the_best_model_of_the_others_decides(fmodel, nproc):
    """Candidates beyond one that is worse than the best are not tried."""
    before = arrays.to_numpy(fmodel.f_model().data())
    seen = []
    shifts = {3.0: 0.3, 1.0: 0.2, 0.3: 0.0, 0.1: 0.2, 0.0: 0.0}
    trials = one_fifth(fmodel, nproc)
    choice, (result,) = trials.choose("w", WEIGHTS, shifting(shifts, seen))
    assert choice.value == 0.3 and result == "result of 0.3"
    assert [trial.value for trial in choice.trials] == [3.0, 1.0, 0.3, 0.1]
    r_factors = [trial.r_apart for trial in choice.trials]
    assert r_factors[0] > r_factors[1] > r_factors[2] < r_factors[3]
    assert all(size < fmodel.f_obs().size() for size in seen)
    assert np.array_equal(arrays.to_numpy(fmodel.f_model().data()), before)
    starred = [line for line in choice.lines() if line.endswith("*")]
    assert len(starred) == 1 and starred[0].startswith("  w=0.3: R ")


def test_two_that_gain_nothing_end_the_search(fmodel):
    refine = shifting({10: 0.3, 20: 0.0, 30: 0.0, 40: 0.0, 50: 0.0}, [])
    choice, _ = one_fifth(fmodel).choose("n", (10, 20, 30, 40, 50), refine)
    assert [trial.value for trial in choice.trials] == [10, 20, 30, 40]
    assert choice.value == 20


@pytest.mark.parametrize("shift, value", [(0.0, 10), (0.3, 20)])
def test_more_parameters_only_for_a_better_model(fmodel, shift, value):
    refine = shifting({10: shift, 20: 0.0}, [])
    choice, _ = one_fifth(fmodel).choose("n", (10, 20), refine)
    assert choice.value == value


def test_within_noise_the_simplest():
    """A second model that is better by less than the error of the difference."""
    rng = np.random.default_rng(6)
    noise = rng.normal(size=400)
    noise -= noise.mean()
    for gain, is_near in ((0.5, True), (2.0, False)):
        better = 30.0 + noise - gain * noise.std() / np.sqrt(400)
        simple, _ = compared([10, 20], np.array([np.full(400, 30.0), better]))
        assert simple.near_best == is_near


def test_a_run_tells_the_prior_weight_that_it_found(files):
    """And is the run that has this weight from the start; a fixed one is kept."""
    lines = []
    found = small_refinement(files, "hnm.prior_weight=Auto", on_detail=lines.append)
    found.run()
    starred = [line for line in lines if line.endswith("*") and "prior" in line]
    assert len(starred) == 1
    weight = float(starred[0].split()[0].removeprefix("hnm.prior_weight=").rstrip(":"))
    assert weight in PRIOR_WEIGHTS
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


def test_twinned_data_have_no_part_to_find_the_prior_by(files):
    """It then has the least weight, and U_local's is the one of lowest R_free."""
    options = ("data.twin_law='h,-k,-l'", "u_local.optimize_weight=True")
    runs = [
        small_refinement(files, *options, f"hnm.prior_weight={weight}")
        for weight in ("Auto", "0")
    ]
    for run in runs:
        run.run()
    assert runs[0].r_factors() == runs[1].r_factors()
    stage_one, u_local = (runs[0].records[i] for i in (1, 3))
    assert not stage_one.choices
    (choice,) = u_local.choices
    r_free = {trial["value"]: trial["r_apart"] for trial in choice["trials"]}
    assert r_free[choice["value"]] == min(r_free.values())


@pytest.mark.parametrize("parameter", ["n_whole", "restraint_weight"])
def test_twinned_data_have_no_part_to_keep_apart(files, parameter):
    twin = small_refinement(files, "data.twin_law='h,-k,-l'", f"hnm.{parameter}=Auto")
    with pytest.raises(InputError, match="twinned"):
        twin.run()
