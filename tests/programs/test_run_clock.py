"""Where a run is, and what is left of it, by a clock that is set by hand."""

import hnmref  # noqa: F401  (cctbx's extensions load first)

import pytest

from hnmref.programs.run_clock import RunClock
from hnmref.refine.record import StepRecord

STEPS = ("scale", "stage_one", "u_local")
SECONDS = {"scale": 5.0, "stage_one": 20.0, "u_local": 35.0}


class Watched:
    """A clock, and the time that it sees."""

    def __init__(self, n_cycles, n_done=0):
        self.time = 1000.0
        self.clock = RunClock(STEPS, n_cycles, n_done, 0.4, now=lambda: self.time)

    def step(self, name, r_free=0.3):
        """A step that takes its time."""
        self.time += SECONDS[name]
        figures = dict(r_work=0.25, r_free=r_free, mean_b=30.0, n_parameters=0)
        self.clock.end_step(
            StepRecord(1, name, n_target_evaluations=0, seconds=SECONDS[name], **figures)
        )

    def cycle(self):
        """A whole cycle."""
        for name in STEPS:
            self.step(name)
        self.clock.end_cycle()


def test_the_running_step_is_the_one_after_the_last():
    watched = Watched(n_cycles=2)
    assert watched.clock.text() == "cycle 1 of 2: scale, R_free 0.4000, 0.0s"
    watched.step("scale", r_free=0.35)
    watched.time += 2.5
    for _ in range(3):
        watched.clock.count("evaluation")
    text = "cycle 1 of 2: stage_one, evaluation 3, R_free 0.3500, 2.5s"
    assert watched.clock.text() == text
    watched.step("stage_one")
    watched.clock.count("trial")
    assert watched.clock.text().startswith("cycle 1 of 2: u_local, trial 1, R_free 0.3")


def test_files_are_written_after_every_cycle_and_at_the_end():
    watched = Watched(n_cycles=2)
    for name in STEPS:
        watched.step(name)
    assert watched.clock.text().startswith("writing files, ")
    watched.clock.end_cycle()
    assert watched.clock.text() == "cycle 2 of 2: scale, R_free 0.3000, 0.0s, 1m00s left"
    watched.cycle()
    assert watched.clock.text() == "writing files, R_free 0.3000, 0.0s"


def test_time_left_is_that_of_the_steps_when_they_last_ran():
    watched = Watched(n_cycles=3)
    watched.step("scale")
    watched.step("stage_one")
    assert watched.clock.seconds_left() is None
    watched.step("u_local")
    assert watched.clock.seconds_left() == pytest.approx(120)
    watched.clock.end_cycle()
    watched.step("scale")
    assert watched.clock.seconds_left() == pytest.approx(115)
    watched.time += 8
    assert watched.clock.seconds_left() == pytest.approx(107)
    watched.time += 100  # Longer than it ever took.
    assert watched.clock.seconds_left() == pytest.approx(35 + 60)


def test_nothing_is_left_of_the_last_cycle():
    watched = Watched(n_cycles=2)
    watched.cycle()
    for name in STEPS:
        watched.step(name)
    assert watched.clock.seconds_left() == 0
    watched.clock.end_cycle()
    assert watched.clock.seconds_left() == 0


def test_a_restart_times_its_own_cycles():
    watched = Watched(n_cycles=3, n_done=1)
    assert watched.clock.text().startswith("cycle 2 of 3: scale")
    watched.step("scale")
    assert watched.clock.seconds_left() is None
    watched.step("stage_one")
    watched.step("u_local")
    assert watched.clock.seconds_left() == pytest.approx(60)


def test_a_run_that_only_scales_writes_files():
    assert Watched(n_cycles=0).clock.text().startswith("writing files")
