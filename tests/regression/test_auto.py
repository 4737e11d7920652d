"""Numbers found against numbers given: free sets of which the answer is known."""

import numpy as np
import pytest

from benchmarks.bootstrap import FreeSet
from benchmarks.runs import Record
from regression import auto, judgement

N_FREE = 400


@pytest.fixture(autouse=True)
def few_draws(monkeypatch):
    monkeypatch.setattr(judgement, "N_SPLITS", 10)
    monkeypatch.setattr(judgement, "N_DRAWS", 100)
    monkeypatch.setattr(judgement, "N_DRAWS_OF_CHOICE", 5)


def records(entry, seconds, r_free):
    return {
        row: Record(
            entry, row, [], "", "", seconds[row], 1.0,
            r_work=0.2, r_free=r_free, n_parameters={"stage_one": 10, "u_local": 50},
        )
        for row in seconds
    }


def found(entry, rng, deviations, seconds):
    """Runs whose amplitudes deviate by so much from 100."""
    f_obs = np.full(N_FREE, 100.0)
    signs = np.sign(rng.normal(size=N_FREE))
    free = FreeSet(f_obs, {row: f_obs + signs * d for row, d in deviations.items()})
    return auto.judged(records(entry, seconds, 0.25), free)


def test_differences_and_times_are_those_of_the_runs():
    """R is 0.05 for amplitudes that are off by 5 in 100, but for the scale's part."""
    rng = np.random.default_rng(4)
    given = auto.GIVEN[:2]
    rows = [
        found(
            entry, rng, {auto.FOUND: 6.0, given[0]: 5.0, given[1]: 8.0},
            {auto.FOUND: 60.0, given[0]: 10.0, given[1]: 30.0},
        )
        for entry in ("1abc", "2abc")
    ]
    for entry in rows:
        assert entry.judgement.theirs == given[0]
        assert entry.judgement.by_r_free.points == pytest.approx(1.0, abs=0.1)
        assert entry.judgement.on_halves.points == pytest.approx(1.0, abs=0.1)
        assert entry.times == 3.0
    lines = list(auto.markdown(rows))
    assert lines[2].startswith("| 1abc | 25.00 | 25.00 | 10,10 | +")
    assert lines[2].endswith(" | 3.0 |")
    assert "Mean over 2 entries" in lines[5]
    means = {line.split()[2]: float(line.split()[4]) for line in lines[6:]}
    assert means == {
        given[0]: pytest.approx(1.0, abs=0.1), given[1]: pytest.approx(-2.0, abs=0.1)
    }


def test_without_runs_it_says_what_to_run(tmp_path):
    with pytest.raises(SystemExit, match="run regression.experiment first"):
        auto.main([str(tmp_path)])
