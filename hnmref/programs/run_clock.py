"""Where a refinement is in its steps, and how long it has left."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from hnmref.refine.record import StepRecord
from hnmref.report.log_table import format_duration


class RunClock:
    """Told what has ended, it knows what runs: the steps of a cycle have an order.

    :param steps: names of the steps of one macro-cycle, in order.
    :param n_cycles: of the whole run; ``n_done`` of them are over.
    :param r_free: a fraction, that of the model as it is.
    :param now: seconds from some moment on.
    """

    def __init__(
        self,
        steps: Sequence[str],
        n_cycles: int,
        n_done: int,
        r_free: float,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._steps = tuple(steps)
        self._n_cycles = n_cycles
        self._n_done = n_done
        self._n_steps = 0
        self._r_free = r_free
        self._now = now
        self._step_began = now()
        self._reached = ("", 0)
        #: How long each step took when it last ran, seconds.
        self._took: dict[str, float] = {}

    def count(self, what: str) -> None:
        """One more of something in the running step: an evaluation, a trial."""
        self._reached = (what, self._reached[1] + 1)

    def end_step(self, record: StepRecord) -> None:
        """The running step is over."""
        self._n_steps += 1
        self._r_free = record.r_free
        self._took[record.step] = record.seconds
        self._step_began = self._now()
        self._reached = ("", 0)

    def end_cycle(self) -> None:
        """The running cycle is over."""
        self._n_done += 1
        self._n_steps = 0
        self._step_began = self._now()

    def seconds_left(self) -> float | None:
        """If every step takes as long as when it last ran; None before each has."""
        if len(self._took) < len(self._steps):
            return None
        if self._n_done >= self._n_cycles:
            return 0.0
        to_do = [self._took[step] for step in self._steps[self._n_steps :]]
        if to_do:
            to_do[0] = max(0.0, to_do[0] - self._elapsed())
        whole_cycles = self._n_cycles - self._n_done - 1
        return sum(to_do) + whole_cycles * sum(self._took.values())

    def text(self) -> str:
        """What runs, how far it is, the last R_free, its time and the time left."""
        parts = [self._running()]
        what, n = self._reached
        if n:
            parts.append(f"{what} {n}")
        parts.append(f"R_free {self._r_free:.4f}")
        parts.append(format_duration(self._elapsed()))
        left = self.seconds_left()
        if left:
            parts.append(f"{format_duration(left)} left")
        return ", ".join(parts)

    def _elapsed(self) -> float:
        """Seconds since the running step began."""
        return self._now() - self._step_began

    def _running(self) -> str:
        """The cycle and step; files are written after each cycle and the last."""
        # Another thread asks, so a step may end between two looks.
        steps_to_do = self._steps[self._n_steps :]
        if self._n_done >= self._n_cycles or not steps_to_do:
            return "writing files"
        return f"cycle {self._n_done + 1} of {self._n_cycles}: {steps_to_do[0]}"
