"""Points of the grid by their means over entries: nothing is chosen by R_free.

A point is the same choice for all entries, so its mean is not flattered by what was
chosen from; points of as low an R_work, or of as many parameters, can be set side by
side, and each of normal modes against each of TLS.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.comparison import Difference, mean_difference
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


@dataclass(frozen=True)
class PointPair:
    """A point of normal modes against one of TLS, over all entries.

    :ivar r_free: ours less theirs, on the reflections that an entry's runs share; mean.
    """

    ours: PointMeans
    theirs: PointMeans
    r_free: Difference

    @property
    def gap_improvement(self) -> float:
        """By how much R_free less R_work is narrower with ours; percent points."""
        return 100 * (self.theirs.gap - self.ours.gap)


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


def point_pairs(reports: Sequence[EntryReport]) -> list[PointPair]:
    """Each point of normal modes against each of TLS, of those that all entries have."""
    by_name = {point.name: point for point in point_means(reports)}
    pairs = reports[0].judgement.pairs if reports else {}
    return [
        PointPair(
            by_name[ours],
            by_name[theirs],
            mean_difference([r.judgement.pairs[ours, theirs] for r in reports]),
        )
        for ours, theirs in pairs
        if ours in by_name and theirs in by_name
    ]


def _means(name: str, reports: Sequence[EntryReport]) -> PointMeans:
    runs = [report.records[name] for report in reports]
    return PointMeans(
        name,
        r_work=float(np.mean([run.r_work for run in runs])),
        r_free=float(np.mean([run.r_free for run in runs])),
        n_parameters=float(np.mean([n_group_parameters(run) for run in runs])),
    )
