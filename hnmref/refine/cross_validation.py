"""Choices by cross-validation within the working set.

A fifth of the working set is kept apart. The model is refined against the rest with
one candidate after the other, from the same start, and judged by the reflections kept
apart. Where a fifth is few, as many fifths as it takes have their turn: what few
reflections cannot tell from the best may cost points of R_free. The free set has no
part in it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from hnmref.refine import arrays
from hnmref.refine.processes import map_in_order

#: One reflection in so many is kept apart.
_ONE_IN = 5
#: Reflections that are to judge. Of 1,300 (4drw), a prior that costs 1.4 points of
#: R_free was within one standard error of the best.
_JUDGING = 5000

Result = TypeVar("Result")


@dataclass(frozen=True)
class Trial:
    """One candidate: R of the reflections kept apart, and how much that is above the
    best one's, with a standard error; all as fractions.
    """

    value: float
    r_apart: float
    above_best: float
    standard_error: float

    @property
    def near_best(self) -> bool:
        """Whether noise may be all that the best has before it."""
        return self.above_best <= self.standard_error


@dataclass(frozen=True)
class Choice:
    """The value that a parameter was given, and all that were tried."""

    parameter: str
    value: float
    trials: list[Trial]

    def lines(self) -> list[str]:
        """For the log."""
        found = [
            f"  {self.parameter}={trial.value:g}: R {trial.r_apart:.4f}, "
            f"{trial.above_best:.4f} +/- {trial.standard_error:.4f} above the best"
            + (" *" if trial.value == self.value else "")
            for trial in self.trials
        ]
        return ["  Reflections kept apart from the working set:", *found]


@dataclass(frozen=True)
class KeptApart:
    """A fifth of the working set, which judges, and an f_model of the others.

    :ivar fmodel: mmtbx f_model; it and its structure stay as they are.
    :ivar apart: flex selection of its reflections.
    """

    fmodel: object
    apart: object

    def others(self):
        """A new f_model of all reflections but these, with a structure of its own."""
        return self.fmodel.select(~self.apart)

    def residuals(self, structure) -> np.ndarray:
        """Those of a structure; R of the reflections kept apart is their sum."""
        tested = self.fmodel.select(self.apart)
        tested.update_xray_structure(xray_structure=structure, update_f_calc=True)
        return residuals_of(tested)


def kept_apart(
    fmodel, rng: np.random.Generator, judging: int = _JUDGING
) -> list[KeptApart]:
    """Random fifths of the working set, as many as hold so many reflections."""
    working = arrays.to_numpy(fmodel.r_free_flags().data()) == 0
    fifth = np.where(working, rng.integers(_ONE_IN, size=len(working)), _ONE_IN)
    n_fifths = min(math.ceil(judging * _ONE_IN / np.sum(working)), _ONE_IN)
    return [KeptApart(fmodel, arrays.to_bool(fifth == i)) for i in range(n_fifths)]


class CrossValidation:
    """Models chosen by the reflections kept apart.

    :param fifths: of the working set, that have their turn.
    :param nproc: processes.
    """

    def __init__(self, fifths: Sequence[KeptApart], nproc: int = 1) -> None:
        self._fifths = fifths
        self._nproc = nproc

    def choose(
        self,
        parameter: str,
        candidates: Sequence[float],
        refine: Callable[[object, int, float], Result],
    ) -> tuple[Choice, list[Result]]:
        """The simplest model that is within a standard error of the best one.

        From the simplest on, until the best seems passed: models of more parameters,
        which cost more, are tried where they may help.

        :param parameter: what a user calls it.
        :param candidates: values of it, that of the simplest model first.
        :param refine: changes the structure of an f_model, which it may have for
            itself; called with that, the number of the fifth that it lacks, and a value.
        :returns: the choice, and what ``refine`` returned for it, of each fifth.
        """

        def trial(task: tuple[float, int]) -> tuple[Result, np.ndarray]:
            value, i = task
            others = self._fifths[i].others()
            result = refine(others, i, value)
            return result, self._fifths[i].residuals(others.xray_structure)

        results, residuals = [], []
        for of_candidate in self._in_turn(trial, candidates):
            results.append([result for result, _ in of_candidate])
            residuals.append(together([residual for _, residual in of_candidate]))
            trials = compared(candidates, np.array(residuals))
            if best_is_passed(trials):
                break
        taken = next(i for i, trial in enumerate(trials) if trial.near_best)
        return Choice(parameter, trials[taken].value, trials), results[taken]

    def _in_turn(self, trial: Callable, candidates: Sequence[float]) -> Iterator[list]:
        """Each candidate's trials, one a fifth, ``nproc`` of them at a time."""
        n_fifths = len(self._fifths)
        at_once = max(self._nproc // n_fifths, 1)
        for start in range(0, len(candidates), at_once):
            batch = candidates[start : start + at_once]
            tasks = [(value, i) for value in batch for i in range(n_fifths)]
            done = map_in_order(trial, tasks, self._nproc)
            for first in range(0, len(done), n_fifths):
                yield done[first : first + n_fifths]


def together(residuals: Sequence[np.ndarray]) -> np.ndarray:
    """Residuals of fifths as those of one set, whose sum is the mean R."""
    return np.concatenate(residuals) / len(residuals)


def compared(candidates: Sequence[float], residuals: np.ndarray) -> list[Trial]:
    """Every candidate beside the best, on the same reflections.

    :param residuals: (tried candidates, reflections); R is the sum of a row.
    """
    r_factors = residuals.sum(axis=1)
    best = np.argmin(r_factors)
    differences = residuals - residuals[best]
    # Of a sum over reflections that are taken as a sample of all.
    errors = np.sqrt(residuals.shape[1]) * differences.std(axis=1)
    return [
        Trial(value, float(r), float(r - r_factors[best]), float(error))
        for value, r, error in zip(candidates, r_factors, errors)
    ]


def best_is_passed(trials: Sequence[Trial]) -> bool:
    """Whether the last one is clearly worse, or the last two are no better."""
    best = min(range(len(trials)), key=lambda i: trials[i].r_apart)
    return not trials[-1].near_best or len(trials) - best > 2


def residuals_of(fmodel) -> np.ndarray:
    """|F_obs − k |F_model|| / Σ F_obs of every reflection, k at its best; R is the sum.

    Squares would leave the judgement to the few strongest reflections.
    """
    observed = arrays.to_numpy(fmodel.f_obs().data())
    modelled = np.abs(arrays.to_numpy(fmodel.f_model().data()))
    scale = np.sum(observed * modelled) / np.sum(modelled**2)
    return np.abs(observed - scale * modelled) / np.sum(observed)
