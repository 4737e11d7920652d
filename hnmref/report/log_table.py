"""The log's table: one line a step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

MISSING = "-"


@dataclass(frozen=True)
class Column:
    """A title, a width, and how a step's record becomes text."""

    title: str
    width: int
    text: Callable[[Mapping], str]

    def cell(self, record: Mapping) -> str:
        """The right-aligned text; a dash where the record has no such value."""
        try:
            text = self.text(record)
        except (KeyError, TypeError):
            text = MISSING
        return f"{text:>{self.width}}"


def format_duration(seconds: float) -> str:
    """Seconds as 12.3s, 4m05s or 2h07m.

    >>> format_duration(245)
    '4m05s'
    """
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m{rest:02d}s"
    return f"{minutes // 60}h{minutes % 60:02d}m"


COLUMNS = (
    Column("cycle", 5, lambda r: f"{r['cycle']:d}"),
    Column("step", 10, lambda r: str(r["step"])),
    Column("R_work", 7, lambda r: f"{r['r_work']:.4f}"),
    Column("R_free", 7, lambda r: f"{r['r_free']:.4f}"),
    Column("gap", 7, lambda r: f"{r['r_free'] - r['r_work']:.4f}"),
    Column("<B>", 7, lambda r: f"{r['mean_b']:.1f}"),
    Column("params", 8, lambda r: f"{r['n_parameters']:d}"),
    Column("evals", 6, lambda r: f"{r['n_target_evaluations']:d}"),
    Column("time", 7, lambda r: format_duration(r["seconds"])),
    Column("left", 7, lambda r: format_duration(r["seconds_left"])),
)


def format_header() -> str:
    """The line of titles over the steps."""
    return " ".join(f"{column.title:>{column.width}}" for column in COLUMNS)


def format_step(record: Mapping) -> str:
    """One step of a run as a line under :func:`format_header`.

    :param record: a record of the run's ``cycles`` (R as fractions, ``mean_b``
        in Å²), with ``seconds_left`` where an estimate is at hand.
    """
    return " ".join(column.cell(record) for column in COLUMNS)
