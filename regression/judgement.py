"""Which of two families of refinements is better, fairly: R_free of the best of many.

The best of several runs by R_free is flattered by that same R_free, the more the more
there were to choose from. So several answers stand side by side, for our family and the
other:

- by R_free: both choose and are judged by the whole free set;
- on halves: each family chooses on one half of the free set, and what was chosen is
  judged on the other half; the mean over random halves, in both directions;
- with equal budgets: the same, the larger family having only as many candidates,
  drawn anew for each pair of halves, as the smaller;
- sparing, by R_free and on halves: of the candidates whose R_free is within one
  standard error of the lowest, the one with the fewest parameters is chosen.

All standard errors come from a paired bootstrap over the free reflections.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from benchmarks.bootstrap import (
    FreeSet,
    draws,
    r_factor,
    r_of_weights,
    random_halves,
    resampled_r_free,
)
from benchmarks.comparison import Difference

#: Pairs of halves of the point estimate, and of each bootstrap draw.
N_SPLITS = 100
N_SPLITS_OF_DRAW = 10
#: Bootstrap draws of the standard errors: of R_free, and of the choice on halves.
N_DRAWS = 2000
N_DRAWS_OF_CHOICE = 100


@dataclass(frozen=True)
class Family:
    """Candidates of one kind; they compete for being chosen.

    :ivar names: of runs, in the free set.
    :ivar n_parameters: of each of them.
    """

    names: tuple[str, ...]
    n_parameters: tuple[int, ...]


@dataclass(frozen=True)
class Judgement:
    """Our family against the other; differences are ours less theirs.

    :ivar ours, theirs: the runs with the lowest R_free.
    :ivar sparing_ours, sparing_theirs: those with the fewest parameters within one
        standard error of the lowest R_free.
    :ivar by_r_free: of ``ours`` and ``theirs``, on the whole free set.
    :ivar sparing: of ``sparing_ours`` and ``sparing_theirs``, the same way.
    :ivar on_halves: chosen on one half, judged on the other.
    :ivar equal_budget: the same with as many candidates in both families.
    :ivar sparing_on_halves: chosen sparingly on one half, judged on the other.
    :ivar pairs: of every run of ours and every one of theirs, on the whole free set.
    :ivar r_free: of every run, fractions, on the reflections that all runs share.
    """

    ours: str
    theirs: str
    sparing_ours: str
    sparing_theirs: str
    by_r_free: Difference
    sparing: Difference
    on_halves: Difference
    equal_budget: Difference
    sparing_on_halves: Difference
    pairs: Mapping[tuple[str, str], Difference]
    r_free: Mapping[str, float]


def judge(
    free: FreeSet, ours: Family, theirs: Family, rng: np.random.Generator
) -> Judgement:
    """Judge two families by the free reflections that their runs share."""
    free = _only(free, (*ours.names, *theirs.names))
    whole = {
        name: float(r_factor(free.f_obs, f, np.ones(len(free.f_obs))))
        for name, f in free.f_model.items()
    }
    resampled = resampled_r_free(free, rng, N_DRAWS)
    families = [_Candidates(family, free, resampled) for family in (ours, theirs)]

    def difference(a: str, b: str) -> Difference:
        error = np.std(resampled[a] - resampled[b], ddof=1)
        return Difference(100 * (whole[a] - whole[b]), 100 * float(error))

    lowest = [min(f.names, key=whole.__getitem__) for f in families]
    sparing = [f.sparing_choice(whole) for f in families]
    on_halves = equal_budget = _on_halves(families, free, rng)
    sizes = [len(family.names) for family in (ours, theirs)]
    if min(sizes) < max(sizes):
        equal_budget = _on_halves(families, free, rng, n_candidates=min(sizes))
    return Judgement(
        *lowest,
        *sparing,
        by_r_free=difference(*lowest),
        sparing=difference(*sparing),
        on_halves=on_halves,
        equal_budget=equal_budget,
        sparing_on_halves=_on_halves(families, free, rng, sparing=True),
        pairs={
            pair: difference(*pair) for pair in product(ours.names, theirs.names)
        },
        r_free=whole,
    )


class _Candidates:
    """A family with what its choices need.

    :ivar rows: where its runs are among those of the free set.
    :ivar n_parameters: (n, 1) of each candidate.
    :ivar errors: (n, n) standard errors of differences of R_free, whole free set.
        A half's are larger by √2; only this scale of the noise is known beforehand
        to a choice on a half, not who is ahead.
    """

    def __init__(
        self, family: Family, free: FreeSet, resampled: Mapping[str, np.ndarray]
    ) -> None:
        self.names = family.names
        columns = list(free.f_model)
        self.rows = np.array([columns.index(name) for name in family.names])
        self.n_parameters = np.array(family.n_parameters, float)[:, None]
        values = np.array([resampled[name] for name in family.names])
        covariance = np.atleast_2d(np.cov(values))
        variances = np.diag(covariance)
        squares = variances[:, None] + variances - 2 * covariance
        self.errors = np.sqrt(np.maximum(squares, 0.0))

    def choose(
        self, r_free: np.ndarray, in_play: np.ndarray, sparing: bool, n_times: float
    ) -> np.ndarray:
        """(splits,) the choice in each split, as rows of the free set.

        :param r_free: (runs, splits) of all runs of the free set.
        :param in_play: (candidates, splits) bool.
        :param n_times: how many times the free set is larger than what R_free is of.
        """
        mine = np.where(in_play, r_free[self.rows], np.inf)
        best = np.argmin(mine, axis=0)
        if sparing:
            lowest = mine[best, np.arange(mine.shape[1])]
            noise = np.sqrt(n_times) * self.errors[:, best]
            count = np.where(mine <= lowest + noise, self.n_parameters, np.inf)
            # Of equally many parameters, the lowest R_free.
            fewest = count == count.min(axis=0)
            best = np.argmin(np.where(fewest, mine, np.inf), axis=0)
        return self.rows[best]

    def sparing_choice(self, whole: Mapping[str, float]) -> str:
        """The sparing choice on the whole free set."""
        columns = np.array(list(whole.values()))[:, None]
        in_play = np.ones((len(self.names), 1), bool)
        chosen = self.choose(columns, in_play, sparing=True, n_times=1.0)
        return list(whole)[chosen[0]]


def _on_halves(
    families: Sequence[_Candidates],
    free: FreeSet,
    rng: np.random.Generator,
    n_candidates: int | None = None,
    sparing: bool = False,
) -> Difference:
    """Chosen on one half, judged on the other; percent points.

    For its error, reflections are drawn within each half, so that none is in both,
    and the choices are made again.

    :param n_candidates: of a family; None: all.
    """
    n = len(free.f_obs)

    def mean(halves: np.ndarray, weights: np.ndarray | float) -> float:
        """Over splits and directions, of reflections that count so often."""
        r_free = [
            np.array(list(r_of_weights(free, [half * weights]).values()))
            for half in (halves, 1 - halves)
        ]
        splits = np.arange(len(halves))
        in_play = [
            _drawn(len(family.names), len(splits), rng, n_candidates)
            for family in families
        ]
        both = []
        for choice, judged in (r_free, r_free[::-1]):
            ours, theirs = (
                judged[family.choose(choice, mask, sparing, 2.0), splits]
                for family, mask in zip(families, in_play)
            )
            both.append(ours - theirs)
        return float(np.mean(both))

    points = mean(random_halves(n, rng, N_SPLITS), 1.0)
    drawn = [
        mean(random_halves(n, rng, N_SPLITS_OF_DRAW), weights)
        for piece in draws(n, rng, N_DRAWS_OF_CHOICE)
        for weights in piece
    ]
    return Difference(100 * points, 100 * float(np.std(drawn, ddof=1)))


def _drawn(
    n: int, n_splits: int, rng: np.random.Generator, n_candidates: int | None
) -> np.ndarray:
    """(n, splits) which candidates take part: all, or so many drawn at random."""
    if n_candidates is None or n_candidates >= n:
        return np.ones((n, n_splits), bool)
    places = rng.random((n, n_splits)).argsort(axis=0).argsort(axis=0)
    return places < n_candidates


def _only(free: FreeSet, names: Sequence[str]) -> FreeSet:
    return FreeSet(free.f_obs, {name: free.f_model[name] for name in names})
