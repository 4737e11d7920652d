"""Every point of the grid by its means over entries: nothing is chosen by R_free.

A point is the same choice for all entries, so its mean is not flattered by what was
chosen from; points of as low an R_work, or of as many parameters, can be set side by
side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from regression.entry_report import EntryReport, n_group_parameters


@dataclass(frozen=True)
class PointMeans:
    """One point, over all entries.

    :ivar r_work, r_free: mean, fractions; each run's own.
    :ivar n_parameters: of U_group, mean.
    """

    name: str
    r_work: float
    r_free: float
    n_parameters: float

    @property
    def gap(self) -> float:
        """R_free less R_work, a fraction."""
        return self.r_free - self.r_work


def point_means(reports: Sequence[EntryReport]) -> list[PointMeans]:
    """Of the points that all entries have, in the order of the first entry's."""
    if not reports:
        return []
    names = [
        name
        for name in reports[0].records
        if all(name in report.records for report in reports)
    ]
    return [_means(name, reports) for name in names]


def _means(name: str, reports: Sequence[EntryReport]) -> PointMeans:
    runs = [report.records[name] for report in reports]
    return PointMeans(
        name,
        r_work=float(np.mean([run.r_work for run in runs])),
        r_free=float(np.mean([run.r_free for run in runs])),
        n_parameters=float(np.mean([n_group_parameters(run) for run in runs])),
    )
