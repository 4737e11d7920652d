"""The line that is rewritten in place, on a terminal that is made up and on a real one."""

import hnmref  # noqa: F401  (cctbx's extensions load first)

import io
import json
import os
import signal
import subprocess
import sys
import threading

import pytest
from libtbx.utils import multi_out

from hnmref.programs.live_line import LiveLine, live_line
from hnmref.programs.refine import run
from hnmref.refine.processes import map_in_order
from hnmref.refine.simulate import write_simulated
from tests.programs.terminal import Terminal, screen
from tests.refine.small_run import QUICK_ARGUMENTS, small_simulation


@pytest.fixture
def wide(monkeypatch):
    """A terminal of 40 columns."""
    monkeypatch.setenv("COLUMNS", "40")


def logger_to(stream):
    logger = multi_out()
    logger.register("stdout", stream)
    logger.register("parser_log", io.StringIO())
    return logger


def test_a_shorter_text_leaves_nothing_of_a_longer(wide):
    terminal, texts = Terminal(), iter(["evaluation 100", "trial 1"])
    line = LiveLine(terminal, lambda: next(texts))
    line.paint()
    assert screen(terminal.getvalue()) == ["evaluation 100"]
    line.paint()
    assert screen(terminal.getvalue()) == ["trial 1"]
    line.clear()
    assert screen(terminal.getvalue()) == [""]


def test_a_text_is_cut_to_the_terminal(wide):
    terminal = Terminal()
    LiveLine(terminal, lambda: "x" * 100).paint()
    assert screen(terminal.getvalue()) == ["x" * 39]


def test_what_is_written_comes_above_whole(wide):
    terminal = Terminal()
    line = LiveLine(terminal, lambda: "a line that is longer")
    line.paint()
    line.write("first")
    line.paint()  # Not in the middle of a line.
    line.write("\n")
    line.paint()
    print("second", file=line, flush=True)
    assert screen(terminal.getvalue()) == ["first", "second", ""]


def test_the_line_is_kept_up_by_itself_and_cleared(wide):
    """Until the third painting, whatever the main thread does."""
    terminal, painted, third = Terminal(), [], threading.Event()

    def text():
        painted.append(None)
        if len(painted) == 3:
            third.set()
        return f"painted {len(painted)}"

    logger = logger_to(terminal)
    with live_line(logger, text, seconds=0.01):
        print("row", file=logger)
        assert third.wait(timeout=60)
    assert "painted 3" in terminal.getvalue()
    assert screen(terminal.getvalue()) == ["row", ""]
    assert logger.file_objects[0] is terminal
    assert "painted" not in logger.file_objects[1].getvalue()
    print("after", file=logger)
    assert screen(terminal.getvalue()) == ["row", "after", ""]


def test_an_error_leaves_the_terminal_clean(wide):
    terminal = Terminal()
    logger, shown = logger_to(terminal), threading.Event()

    def text():
        shown.set()
        return "working"

    with pytest.raises(KeyboardInterrupt):
        with live_line(logger, text):
            assert shown.wait(timeout=60)
            raise KeyboardInterrupt
    assert "working" in terminal.getvalue()
    assert screen(terminal.getvalue()) == [""]
    assert logger.file_objects[0] is terminal


def test_elsewhere_nothing_is_done():
    """A file, and a quiet logger."""
    stream, quiet = io.StringIO(), multi_out()
    for logger in (logger_to(stream), quiet):
        before, n_threads = list(logger.file_objects), threading.active_count()
        with live_line(logger, lambda: "never", seconds=0.001):
            assert logger.file_objects == before
            assert threading.active_count() == n_threads
    assert stream.getvalue() == ""


def test_processes_can_be_forked_below_it(wide):
    """A child never finds the terminal's lock taken, however often it is painted."""
    with live_line(logger_to(Terminal()), lambda: "working", seconds=1e-6):
        squares = map_in_order(_square_and_say, list(range(20)), nproc=2)
    assert squares == [number**2 for number in range(20)]


def _square_and_say(number):
    LiveLine(Terminal(), lambda: "child").paint()
    return number**2


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """The two files of a small run, as a user types them."""
    files = write_simulated(small_simulation(), tmp_path_factory.mktemp("input"))
    return [str(files["model"]), str(files["data"])]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_terminal_has_the_line_and_the_log_file_does_not(inputs, here, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", "100")
    run([*inputs, *QUICK_ARGUMENTS, "output.prefix=run"])
    assert "\rcycle 1 of 1: " in terminal.getvalue()
    shown = screen(terminal.getvalue())
    log = (here / "run_001.log").read_text()
    assert "\r" not in log and "cycle 1 of 1" not in log
    # Nor is any of it left on the screen, where the log stands to the letter.
    shown = [line for line in shown if line]
    said = [line.rstrip() for line in log.split("$TABLE")[0].splitlines() if line]
    begin = shown.index(said[0])
    assert shown[begin : begin + len(said)] == said


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_interrupted_on_a_real_terminal_the_run_can_go_on(inputs, here):
    """Ctrl-C in the second cycle: a clean line, and the first cycle's restart file."""
    command = [sys.executable, "-m", "hnmref.programs.refine"]
    command += [*inputs, *QUICK_ARGUMENTS, "main.number_of_macro_cycles=50"]
    command += ["output.prefix=run"]
    printed = interrupted_at("cycle 2 of 50: ", command)
    *_, last = [line for line in screen(printed) if line]
    assert last == "KeyboardInterrupt"
    assert not [line for line in screen(printed) if line.startswith("cycle 2 of")]
    go_on = ["main.restart_file=run_001.hnm.npz", "main.number_of_macro_cycles=1"]
    run([*inputs, *QUICK_ARGUMENTS, *go_on, "output.prefix=more"])
    steps = [record["step"] for record in read_json("more_001.json")["cycles"]]
    assert steps[:4] == ["scale", "stage_one", "stage_two", "u_local"]


def read_json(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def interrupted_at(word, command):
    """What a command prints on a terminal until it ends, stopped after a word."""
    import pty

    ours, its = pty.openpty()
    environment = {**os.environ, "COLUMNS": "100"}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    process = subprocess.Popen(
        command,
        stdout=its,
        stderr=its,
        env=environment,
        # Jobs in the background of a script ignore it, and so would this one.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    os.close(its)
    printed = b""
    try:
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # Linux's way to say that the other end is closed.
                break
            if not part:
                break
            if word.encode() not in printed and word.encode() in printed + part:
                process.send_signal(signal.SIGINT)
            printed += part
    finally:
        os.close(ours)
        process.kill()
        process.wait()
    return printed.decode()
