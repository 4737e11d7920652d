"""Columns of a reflection file by their labels."""

from __future__ import annotations

from collections.abc import Sequence


def label_of(array) -> str:
    """The columns of an array, as ``FP,SIGFP``."""
    return array.info().label_string()


def listed(arrays: Sequence) -> str:
    """The labels of several arrays, for a message."""
    return "; ".join(label_of(array) for array in arrays) or "none"


def best_candidates(arrays: list, scores: list[int], label: str | None) -> list:
    """The arrays of the highest score among those that match the label best."""
    candidates = [(a, s) for a, s in zip(arrays, scores) if s > 0]
    if label is not None:
        matches = [_label_match(array, label) for array, _ in candidates]
        best = max(matches, default=0)
        candidates = [c for c, m in zip(candidates, matches) if m == best and m > 0]
    if not candidates:
        return []
    best = max(score for _, score in candidates)
    return [array for array, score in candidates if score == best]


def _label_match(array, label: str) -> int:
    """3: the whole label; 2: one of its columns; 1: a part of it; 0: none."""
    whole = label_of(array)
    wanted = label.replace(" ", "")
    if wanted == whole:
        return 3
    if wanted in whole.split(","):
        return 2
    return int(wanted.lower() in whole.lower())
