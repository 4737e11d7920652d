"""A run's progress for programs: a file of JSON lines.

Every line is an object with an ``event``: ``start`` (R-factors, number of cycles),
``step`` (the step's record, with ``seconds_left`` once each step has been timed) and
``final`` (R-factors, names of the files).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from hnmref.errors import InputError


def check_progress_file(path: str | None) -> None:
    """See that lines can be added, before a long run finds out.

    :raises InputError: the file cannot be written.
    """
    if path is None:
        return
    try:
        with open(path, "a", encoding="utf-8"):
            pass
    except OSError as error:
        raise InputError(
            f"output.progress={path} cannot be written: {error.strerror}"
        ) from error


def add_line(path: str | Path, values: Mapping) -> None:
    """One object on a line of its own, at the end of the file."""
    line = json.dumps(values, allow_nan=False)
    with open(path, "a", encoding="utf-8") as file:
        file.write(f"{line}\n")
