"""Ctrl-C that ends a run even where compiled code has lost it.

Python raises KeyboardInterrupt wherever it happens to be. Where that is in a call that
compiled code makes, the error can be cleared there, and the run would go on: numpy does
so (``npy_ctypes_check``) under arithmetic of cctbx's arrays.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def lasting_interrupt() -> Iterator[Callable[[], None]]:
    """Within, Ctrl-C raises KeyboardInterrupt as ever, and is remembered.

    In threads other than the main one, or where the caller does something else about
    it, that is left as it is.

    :yields: what raises KeyboardInterrupt if Ctrl-C was pressed and the run still goes on.
    """
    pressed = False

    def remember(*received) -> None:
        nonlocal pressed
        pressed = True
        raise KeyboardInterrupt

    def stop_if_pressed() -> None:
        if pressed:
            raise KeyboardInterrupt

    if not _raises_here():
        yield stop_if_pressed
        return
    signal.signal(signal.SIGINT, remember)
    try:
        yield stop_if_pressed
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _raises_here() -> bool:
    """Whether Ctrl-C raises KeyboardInterrupt in this thread."""
    handler = signal.getsignal(signal.SIGINT)
    main = threading.current_thread() is threading.main_thread()
    return main and handler is signal.default_int_handler
