"""A terminal to print on, and what can be seen on it."""

from __future__ import annotations

import io


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """It does."""
        return True


def screen(text: str) -> list[str]:
    """The lines that a terminal shows: what follows a carriage return overwrites."""
    return [_line(printed) for printed in text.replace("\r\n", "\n").split("\n")]


def _line(printed: str) -> str:
    shown = ""
    for part in printed.split("\r"):
        shown = part + shown[len(part) :]
    return shown.rstrip()
