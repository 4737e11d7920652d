"""One refinement of the grid, from its start to the files that are kept of it.

A task is finished when RESULTS/ENTRY_ROW.json is there, with the parameters that the
task has now; the free reflections, RESULTS/ENTRY_ROW.npz, come before it. Each attempt
works in a directory of its own, which takes the name WORK/ENTRY/ROW when the run has
ended. So one that was killed, or goes on somewhere without the process that waited for
it, leaves nothing that another attempt could take for its own.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.processes import start
from benchmarks.runs import (
    Record,
    Run,
    free_model_file,
    is_finished,
    mtz_file,
    read_record,
    record_file,
    write_record,
    write_record_file,
)
from regression.children import Children

#: A refinement that is killed (by a signal) is made again, so many times in all.
MAX_ATTEMPTS = 3
#: What is kept of a run's own files: the rest would fill a disk.
_KEPT_FILES = ("run_001.cif", "run_001.mtz", "run_001.json", "output.txt")


@dataclass(frozen=True)
class Task:
    """A run, where its figures are kept, and the commit that it is made with."""

    run: Run
    results: Path
    source: str

    @property
    def record_file(self) -> Path:
        """What stands there when the task is finished."""
        return record_file(self.results, self.run.entry.id, self.run.row)

    @property
    def free_model_file(self) -> Path:
        """Free reflections of the finished task."""
        return free_model_file(self.results, self.run.entry.id, self.run.row)

    def finished(self) -> Record | None:
        """The record, if the task has ended well with the parameters of now."""
        if not (self.record_file.is_file() and self.free_model_file.is_file()):
            return None
        record = read_record(self.record_file)
        key = (self.run.entry.id, self.run.row)
        return record if is_finished(self.run, {key: record}) else None


def perform(task: Task, children: Children | None = None) -> Record:
    """Refine and keep what is to be kept, unless the task is finished.

    :param children: what starts the processes; default: one of its own.
    :returns: the record; one with ``error`` is kept, too, and the task is tried again
        when somebody asks for it.
    """
    children = children or Children()
    task.results.mkdir(parents=True, exist_ok=True)
    for _ in range(MAX_ATTEMPTS):
        record = task.finished()
        if record is not None:
            return record
        record, killed = _attempt(task, children)
        if not killed:
            break
    if record.error:
        # Another attempt elsewhere may have ended well meanwhile.
        finished = task.finished()
        if finished is not None:
            return finished
        write_record(record, task.results)
    return record


def _attempt(task: Task, children: Children) -> tuple[Record, bool]:
    """The record of one attempt, kept if it went well; and whether it was killed."""
    run = task.run
    run.directory.parent.mkdir(parents=True, exist_ok=True)
    place = tempfile.mkdtemp(prefix=f".{run.row}.", dir=run.directory.parent)
    attempt = replace(run, work_dir=Path(place))
    try:
        finished = children.run(attempt.launch)
        record = attempt.record(finished, task.source)
        killed = finished.exit_code < 0
        if not record.error:
            killed = _keep(task, attempt, record, children)
        _move(attempt.directory, run.directory)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return record, killed


def _keep(task: Task, attempt: Run, record: Record, children: Children) -> bool:
    """Keep reflections, then the record, or its error; whether that was killed."""
    made_record = attempt.work_dir / "record.json"
    write_record_file(record, made_record)
    output = attempt.work_dir / "keep.txt"
    entry = attempt.entry
    mtz = mtz_file(attempt.work_dir, entry.id, attempt.row)
    command = [sys.executable, "-m", "regression.keep_reflections"]
    # Absolute: the process works in another directory.
    for path in (made_record, entry.model, entry.data, mtz, task.free_model_file):
        command.append(str(path.resolve()))

    def launch() -> subprocess.Popen:
        # What stands there is of an older run until all is new.
        task.record_file.unlink(missing_ok=True)
        return start(command, output, attempt.work_dir)

    finished = children.run(launch)
    if finished.exit_code:
        record.error = f"reflections were not kept: {_last_line(output)}"
    else:
        write_record_file(record, task.record_file)
    return finished.exit_code < 0


def _last_line(output: Path) -> str:
    lines = output.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def _move(directory: Path, to: Path) -> None:
    """Put the files worth keeping where the run's files are looked for."""
    for path in directory.iterdir():
        if path.name not in _KEPT_FILES:
            path.unlink()
    shutil.rmtree(to, ignore_errors=True)
    directory.rename(to)
