"""Ctrl-C that compiled code clears, in a run and by itself."""

import hnmref  # noqa: F401  (cctbx's extensions load first)

import contextlib
import json
import signal
import threading

import numpy as np
import pytest

from hnmref.programs.interruption import lasting_interrupt
from hnmref.programs.refine import run
from hnmref.refine import macro_cycle
from hnmref.refine.simulate import write_simulated
from tests.refine.small_run import QUICK_ARGUMENTS, small_simulation


@pytest.fixture
def keyboard():
    """Ctrl-C as in a terminal: jobs in the background of a script ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def press_and_lose():
    """Ctrl-C whose error is cleared where it is raised."""
    with contextlib.suppress(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_it_is_raised_at_once_and_the_handler_put_back(keyboard):
    with pytest.raises(KeyboardInterrupt):
        with lasting_interrupt():
            signal.raise_signal(signal.SIGINT)
            pytest.fail("the run went on")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_one_that_is_lost_is_raised_when_asked_for(keyboard):
    with lasting_interrupt() as stop_if_interrupted:
        stop_if_interrupted()
        press_and_lose()
        with pytest.raises(KeyboardInterrupt):
            stop_if_interrupted()


def test_what_a_caller_does_about_it_is_left_alone(keyboard):
    pressed = []
    signal.signal(signal.SIGINT, lambda *received: pressed.append(received))
    with lasting_interrupt() as stop_if_interrupted:
        signal.raise_signal(signal.SIGINT)
        stop_if_interrupted()
    assert len(pressed) == 1


def test_other_threads_have_no_handler_to_change(keyboard):
    """Python refuses it there, and a run in a thread has to go through."""
    handlers = []

    def work():
        with lasting_interrupt() as stop_if_interrupted:
            stop_if_interrupted()
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert handlers == [signal.default_int_handler]


def test_a_run_ends_after_the_step_that_lost_it(keyboard, tmp_path, monkeypatch):
    """In the second cycle's scaling; the first cycle's restart file is left."""
    monkeypatch.chdir(tmp_path)
    files = write_simulated(small_simulation(), tmp_path / "input")
    scale, cycles = macro_cycle.scaled_fmodel, ["before the first", "1", "2"]

    def losing(*args):
        if cycles.pop(0) == "2":
            press_and_lose()
        return scale(*args)

    monkeypatch.setattr(macro_cycle, "scaled_fmodel", losing)
    arguments = ["main.number_of_macro_cycles=5", "output.prefix=run"]
    with pytest.raises(KeyboardInterrupt):
        run([str(files["model"]), str(files["data"]), *QUICK_ARGUMENTS, *arguments])
    assert cycles == []
    with np.load("run_001.hnm.npz") as restart:
        assert json.loads(str(restart["about"]))["n_cycles_done"] == 1
    assert "    2      scale" not in (tmp_path / "run_001.log").read_text()
