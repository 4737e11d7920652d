"""Work in processes of its own, with the time and memory that it took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from benchmarks.entries import CHECKOUT

Job = TypeVar("Job")

#: Runs hnmref.refine with the arguments that follow, installed or not.
REFINE = (sys.executable, "-c", "from hnmref.programs.refine import run; run()")

#: Bytes in a unit of ru_maxrss.
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class Finished:
    """How a process ended: its exit code, wall time, and peak memory in MB."""

    exit_code: int
    seconds: float
    peak_mb: float


def start(command: Iterable[str], output: Path, directory: Path) -> subprocess.Popen:
    """Start a command with one BLAS thread; what it says goes to a file."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    paths = [str(CHECKOUT), environment.get("PYTHONPATH")]
    environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    with open(output, "w", encoding="utf-8") as file:
        return subprocess.Popen(
            list(command),
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )


def run_all(
    jobs: Iterable[Job],
    launch: Callable[[Job], subprocess.Popen],
    done: Callable[[Job, Finished], None],
    n_at_once: int = 1,
) -> None:
    """Run jobs as processes, some at a time, in their order.

    The peak memory of a process is never less than that of the one that starts
    it, so callers import nothing large first.

    :param launch: starts a job's process.
    :param done: called as soon as a job's process has ended.
    """
    waiting, running = list(jobs), {}
    try:
        while waiting or running:
            while waiting and len(running) < n_at_once:
                job = waiting.pop(0)
                process = launch(job)
                running[process.pid] = (job, process, time.monotonic())
            job, finished = _wait(running)
            done(job, finished)
    finally:
        for _, process, _ in running.values():
            process.kill()
            process.wait()


def wait_for(process: subprocess.Popen) -> Finished:
    """Wait for one process that has just been started, and for no other."""
    began = time.monotonic()
    _, status, usage = os.wait4(process.pid, 0)
    return _finished(process, status, usage, began)


def _wait(running: dict) -> tuple:
    """The next process to end, taken out of ``running``."""
    pid, status, usage = os.wait4(-1, 0)
    job, process, began = running.pop(pid)
    return job, _finished(process, status, usage, began)


def _finished(process: subprocess.Popen, status: int, usage, began: float) -> Finished:
    process.returncode = os.waitstatus_to_exitcode(status)
    peak_mb = usage.ru_maxrss * _MAXRSS_UNIT / 1e6
    return Finished(process.returncode, time.monotonic() - began, peak_mb)


def last_json(command: list[str], directory: Path) -> tuple[dict | None, float]:
    """What a command printed as JSON last, None where it failed, and its peak MB."""
    output, ends = directory / "output.txt", []
    run_all(
        [command],
        lambda job: start(job, output, directory),
        lambda job, finished: ends.append(finished),
    )
    text = output.read_text(encoding="utf-8").strip()
    if ends[0].exit_code:
        print(text.splitlines()[-1] if text else "killed", file=sys.stderr)
        return None, ends[0].peak_mb
    return (json.loads(text.splitlines()[-1]) if text else {}), ends[0].peak_mb
