"""A run as strict JSON, for programs.

What a run holds is described in docs/outputs.md; :data:`REQUIRED` names what
every run has. Numbers keep six significant digits: two runs with one seed give
the same file but for their timings.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from hnmref.errors import HnmrefError
from hnmref.files import write_text

#: Keys that every run has.
REQUIRED = (
    "start",
    "final",
    "cycles",
    "atoms",
    "groups",
    "data",
    "shells",
    "motions",
    "neighbours",
    "worst_residues",
    "strategy",
    "group_adp",
    "random_seed",
    "versions",
    "notes",
    "files",
    "input",
)
SIGNIFICANT_DIGITS = 6


def write_json(run: Mapping, path: str | os.PathLike) -> Path:
    """Write a run as strict JSON, whole or not at all.

    :param run: mappings, sequences, numbers (numpy's too), text, paths, None.
    :raises HnmrefError: a required key is missing, a number is not finite, or
        a value has no place in JSON; the message names where.
    """
    text = json.dumps(plain_run(run), indent=2, allow_nan=False, ensure_ascii=False)
    return write_text(path, text + "\n")


def plain_run(run: Mapping) -> dict:
    """The run in plain Python values, checked and rounded.

    :raises HnmrefError: see :func:`write_json`.
    """
    missing = [key for key in REQUIRED if key not in run]
    if missing:
        raise HnmrefError(f"The report of this run lacks {', '.join(missing)}.")
    # A PHIL choice of "none" arrives as None.
    return _plain({**run, "group_adp": run["group_adp"] or "none"}, "")


def _plain(value, where: str):
    """``value`` in types that JSON knows; ``where`` is its place in the run."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    elif isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return _rounded(value, where)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {str(k): _plain(v, f"{where}.{k}".lstrip(".")) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, f"{where}[{i}]") for i, item in enumerate(value)]
    raise HnmrefError(
        f"The report cannot hold {where}: {type(value).__name__} is no JSON type."
    )


def _rounded(value: float, where: str) -> float:
    if not math.isfinite(value):
        raise HnmrefError(f"The report cannot hold {where}: {value} is not finite.")
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}")
