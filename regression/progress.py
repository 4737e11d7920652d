"""How far the tasks have come, a line for each that has ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from benchmarks.runs import Record, in_short
from regression.task import Task


class Progress:
    """Counts tasks and guesses the time left, by the atoms that they refine.

    :param clock: seconds; another one for tests.
    """

    def __init__(
        self, tasks: Sequence[Task], clock: Callable[[], float] = time.monotonic
    ) -> None:
        entries = {task.run.entry for task in tasks}
        self._sizes = {entry.id: entry.n_atoms() for entry in entries}
        self._n_tasks = len(tasks)
        self._to_do = sum(self._sizes[task.run.entry.id] for task in tasks)
        self._done = self._n_done = self._n_failed = 0
        self._clock = clock
        self._began = clock()

    def line(self, record: Record) -> str:
        """Take note of a task's end; the line that tells it."""
        self._n_done += 1
        self._n_failed += bool(record.error)
        self._done += self._sizes[record.entry]
        failed = f", {self._n_failed} failed" if self._n_failed else ""
        return (
            f"[{self._n_done}/{self._n_tasks}{failed}, {self._left()} left] "
            f"{record.entry} {record.row}: {in_short(record)}"
        )

    def _left(self) -> str:
        """The time that the atoms still to do will take, at the pace so far."""
        elapsed = self._clock() - self._began
        seconds = round(elapsed * (self._to_do - self._done) / self._done)
        hours, minutes = divmod(round(seconds / 60), 60)
        return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"
