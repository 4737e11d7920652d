"""A line at the foot of a terminal that is rewritten in place while a run goes on.

A thread of its own rewrites it, so that time passes on the screen also in steps that
report nothing; cctbx's calls are short enough to let it in between.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from typing import TextIO

from libtbx.utils import multi_out

#: Held while a terminal is written to. A process that forks waits for it: a copy of
#: half a line in the child's buffers, or of a lock without its thread, would stay.
_WRITING = threading.Lock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_WRITING.acquire,
        after_in_parent=_WRITING.release,
        after_in_child=_WRITING.release,
    )


class LiveLine:
    """A stream to a terminal: what is written to it comes above the live line.

    :param terminal: the stream that is shown.
    :param text: what the line says, when asked.
    """

    def __init__(self, terminal: TextIO, text: Callable[[], str]) -> None:
        self._terminal = terminal
        self._text = text
        self._shown = 0
        self._at_margin = True

    def write(self, text: str) -> None:
        """Write above the line, which comes back when it is next painted."""
        with _WRITING:
            self._erase()
            self._terminal.write(text)
            if text:
                self._at_margin = text.endswith("\n")

    def flush(self) -> None:
        """Pass on what was written."""
        self._terminal.flush()

    def paint(self) -> None:
        """Rewrite the line; not into one that is half written, or into a shell."""
        with _WRITING:
            if not self._at_margin or not _in_foreground(self._terminal):
                return
            # The last column stays free: some terminals wrap when it is filled.
            room = shutil.get_terminal_size().columns - 1
            line = self._text()[:room]
            self._terminal.write(f"\r{line:<{min(self._shown, room)}}")
            self._terminal.flush()
            self._shown = len(line)

    def clear(self) -> None:
        """Leave the line empty."""
        with _WRITING:
            self._erase()
            self._terminal.flush()

    def _erase(self) -> None:
        if self._shown:
            self._terminal.write(f"\r{'':{self._shown}}\r")
            self._shown = 0


@contextlib.contextmanager
def live_line(
    logger: multi_out, text: Callable[[], str], *, seconds: float = 1.0
) -> Iterator[None]:
    """A live line below what a logger prints, where that is shown in a terminal.

    :param logger: its stream ``stdout`` is the one that counts; without one, or where
        it is no terminal, nothing is done.
    :param seconds: from one repainting to the next.
    """
    place = _terminal_of(logger)
    if place is None:
        yield
        return
    terminal = logger.file_objects[place]
    line = LiveLine(terminal, text)
    over = threading.Event()

    def keep_painting() -> None:
        # A terminal that is gone is the main thread's to complain of.
        with contextlib.suppress(OSError):
            line.paint()
            while not over.wait(seconds):
                line.paint()

    painter = threading.Thread(target=keep_painting, daemon=True)
    logger.file_objects[place] = line
    painter.start()
    try:
        yield
    finally:
        over.set()
        painter.join()
        line.clear()
        logger.file_objects[place] = terminal


def _terminal_of(logger: multi_out) -> int | None:
    """Which of a logger's streams is a screen; None where it has none."""
    if "stdout" not in logger.labels:
        return None
    place = logger.labels.index("stdout")
    return place if logger.file_objects[place].isatty() else None


def _in_foreground(terminal: TextIO) -> bool:
    """Whether the terminal is this job's, and not given back to a shell."""
    try:
        return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except (AttributeError, OSError, ValueError):
        # Not a terminal that jobs take turns at.
        return True
