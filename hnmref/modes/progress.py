"""Telling how far a long computation has come."""

from __future__ import annotations

from collections.abc import Callable

from hnmref.modes.factor import Solve

#: What is called with each short text.
Progress = Callable[[str], None]

#: Solves between one text and the next.
_SOLVES = 50


def tell_nobody(text: str) -> None:
    """The progress that nobody asked for."""


def counted(solve: Solve, progress: Progress) -> Solve:
    """The same solver, which tells how often it was called."""
    n_solves = 0

    def solve_and_count(x):
        nonlocal n_solves
        n_solves += 1
        if n_solves % _SOLVES == 0:
            progress(f"{n_solves} solves")
        return solve(x)

    return solve_and_count
