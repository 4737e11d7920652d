"""The paired bootstrap against errors that are known from theory."""

import mmtbx.bulk_solvent
import numpy as np
import pytest
from cctbx.array_family import flex

from benchmarks.bootstrap import (
    FreeSet,
    chosen_on_one_half,
    r_factor,
    resampled_r_free,
)


@pytest.fixture
def rng():
    return np.random.default_rng(8)


def amplitudes(rng, n):
    """Observed amplitudes as Wilson statistics have them."""
    return rng.rayleigh(100.0, n)


def test_r_factor_is_mmtbxs(rng):
    f_obs = amplitudes(rng, 500)
    f_model = 3.0 * f_obs * rng.normal(1.0, 0.2, 500)
    r = r_factor(f_obs, f_model, np.ones(500))
    expected = mmtbx.bulk_solvent.r_factor(flex.double(f_obs), flex.double(f_model))
    # f_model's R_free: the same with its scale set to that of least squares.
    scale = np.sum(f_obs * f_model) / np.sum(f_model**2)
    by_hand = np.abs(f_obs - scale * f_model).sum() / f_obs.sum()
    assert r == pytest.approx(by_hand, rel=1e-12)
    assert r == pytest.approx(expected, rel=0.01)


def test_weight_two_is_a_reflection_twice(rng):
    f_obs, f_model = amplitudes(rng, 40), amplitudes(rng, 40)
    weights = np.ones(40)
    weights[7] = 2.0
    twice = np.append(np.arange(40), 7)
    expected = r_factor(f_obs[twice], f_model[twice], np.ones(41))
    assert r_factor(f_obs, f_model, weights) == pytest.approx(expected, rel=1e-12)


def test_standard_error_of_a_binomial_difference(rng):
    """A share p deviates by a in place of b: SE = (a − b) √(p (1−p) / N).

    As many deviate up as down, so that the scale is 1 and R does not feel its
    fluctuation.
    """
    n, p, a, b = 1000, 0.3, 0.01, 0.0025
    up_or_down = np.tile([1.0, -1.0], n // 2)
    deviation = np.where(np.arange(n) < p * n, a, b)
    free = FreeSet(
        np.ones(n), {"good": 1 + b * up_or_down, "bad": 1 + deviation * up_or_down}
    )
    r_free = resampled_r_free(free, rng, n_draws=4000)
    difference = r_free["bad"] - r_free["good"]
    expected = (a - b) * np.sqrt(p * (1 - p) / n)
    assert difference.mean() == pytest.approx(p * (a - b), abs=0.1 * expected)
    # The relative error of a standard deviation of 4000 draws is 1.1 %.
    assert difference.std() == pytest.approx(expected, rel=0.045)


def test_standard_error_of_a_ratio_by_the_delta_method(rng):
    n = 1500
    f_obs = amplitudes(rng, n)
    f_model = f_obs + rng.normal(0.0, 30.0, n)
    k = np.sum(f_obs * f_model) / np.sum(f_model**2)
    r = r_factor(f_obs, f_model, np.ones(n))
    # Linear response of R to one more reflection, its pull on the scale included.
    sign = np.sign(f_obs - k * f_model)
    of_scale = -np.sum(sign * f_model) * f_model * (f_obs - k * f_model)
    of_scale /= np.sum(f_model**2)
    influence = np.abs(f_obs - k * f_model) - r * f_obs + of_scale
    expected = np.sqrt(np.sum(influence**2)) / f_obs.sum()
    draws = resampled_r_free(FreeSet(f_obs, {"run": f_model}), rng, n_draws=4000)
    assert draws["run"].std() == pytest.approx(expected, rel=0.06)


def test_draws_are_the_same_for_every_run(rng):
    f_obs = amplitudes(rng, 300)
    f_model = f_obs * rng.normal(1.0, 0.3, 300)
    free = FreeSet(f_obs, {"a": f_model, "b": 1.7 * f_model})
    r_free = resampled_r_free(free, rng, n_draws=250)
    assert r_free["a"].shape == (250,)
    np.testing.assert_allclose(r_free["a"], r_free["b"], rtol=1e-12)
    assert r_free["a"].std() > 0.001


def test_choice_by_the_judged_half_flatters_and_ours_does_not(rng):
    """Of equally good candidates, the best is better than us only by chance."""
    n = 600
    f_obs = amplitudes(rng, n)
    names = [f"tls{i}" for i in range(8)]
    f_model = {
        name: f_obs + rng.choice([-1.0, 1.0], n) * rng.exponential(25.0, n)
        for name in ("hnm", *names)
    }
    free = FreeSet(f_obs, f_model)
    whole = {name: r_factor(f_obs, f, np.ones(n)) for name, f in f_model.items()}
    one_half = chosen_on_one_half(free, "hnm", names, rng, n_splits=100)
    best = min(whole[name] for name in names)
    mean = np.mean([whole[name] for name in names])
    # Halves see worse choices than the whole, and no better than the average by much.
    assert whole["hnm"] - mean - 0.01 < one_half < whole["hnm"] - best


def test_choice_finds_a_candidate_that_is_truly_better(rng):
    n = 600
    f_obs = amplitudes(rng, n)
    f_model = {
        "hnm": f_obs + rng.normal(0.0, 20.0, n),
        "poor": f_obs + rng.normal(0.0, 60.0, n),
        "good": f_obs + rng.normal(0.0, 5.0, n),
    }
    free = FreeSet(f_obs, f_model)
    expected = r_factor(f_obs, f_model["hnm"], np.ones(n)) - r_factor(
        f_obs, f_model["good"], np.ones(n)
    )
    found = chosen_on_one_half(free, "hnm", ["poor", "good"], rng, n_splits=100)
    assert found == pytest.approx(expected, abs=0.005)
