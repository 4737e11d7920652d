"""Child processes of several threads, which can be ended together."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable

from benchmarks.processes import Finished, wait_for


class Ended(RuntimeError):
    """No process is started any more: the work is being ended."""


class Children:
    """Starts processes and waits for them; :meth:`end` kills those that run."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen] = set()
        self._lock = threading.Lock()
        self._ended = False

    def run(self, launch: Callable[[], subprocess.Popen]) -> Finished:
        """Start a process and wait until it has ended.

        :raises Ended: :meth:`end` was called, before or while it ran.
        """
        with self._lock:
            if self._ended:
                raise Ended
            process = launch()
            self._running.add(process)
        finished = wait_for(process)
        with self._lock:
            self._running.discard(process)
            if self._ended:
                raise Ended
        return finished

    def end(self) -> None:
        """Kill what is running; nothing can be started afterwards."""
        with self._lock:
            self._ended = True
            for process in self._running:
                process.kill()
