"""Choices by cross-validation within the working set.

A fifth of the working set is kept apart. The model is refined against the rest with
one candidate after the other, from the same start, and judged by the reflections kept
apart. The free set has no part in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from hnmref.refine import arrays
from hnmref.refine.processes import map_in_order

#: One reflection in so many is kept apart.
_ONE_IN = 5

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
    def is_best(self) -> bool:
        """Whether no other has a lower R."""
        return self.above_best == 0.0

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


class KeptApart:
    """The reflections that judge, and an f_model of the others for every trial.

    :param fmodel: mmtbx f_model; it and its structure stay as they are.
    """

    def __init__(self, fmodel, rng: np.random.Generator, nproc: int = 1) -> None:
        self._fmodel = fmodel
        self._apart = selected_apart(fmodel, rng)
        self._nproc = nproc

    def others(self):
        """A new f_model of all reflections but these, with a structure of its own."""
        return self._fmodel.select(~self._apart)

    def residuals(self, structure) -> np.ndarray:
        """Those of a structure; R of the reflections kept apart is their sum."""
        tested = self._fmodel.select(self._apart)
        tested.update_xray_structure(xray_structure=structure, update_f_calc=True)
        return residuals_of(tested)

    def choose(
        self,
        parameter: str,
        candidates: Sequence[float],
        refine: Callable[[object, float], Result],
        *,
        spare: bool = False,
    ) -> tuple[Choice, Result]:
        """The best model, or the simplest within a standard error of it.

        From the simplest on, until the best seems passed: models of more parameters,
        which cost more, are tried where they may help.

        :param parameter: what a user calls it.
        :param candidates: values of it, that of the simplest model first.
        :param refine: changes the structure of an f_model, which it may have for
            itself, with a value.
        :param spare: take the simplest that noise alone may tell from the best. Not
            for weights of U_group: where few reflections judge, a restraint that costs
            points of R_free is still within the error.
        :returns: the choice, and what ``refine`` returned for it.
        """

        def trial(value: float) -> tuple[Result, np.ndarray]:
            others = self.others()
            result = refine(others, value)
            return result, self.residuals(others.xray_structure)

        results, residuals = [], []
        for result, residual in self._in_turn(trial, candidates):
            results.append(result)
            residuals.append(residual)
            trials = compared(candidates, np.array(residuals))
            if best_is_passed(trials):
                break
        good = [trial.near_best if spare else trial.is_best for trial in trials]
        taken = good.index(True)
        return Choice(parameter, trials[taken].value, trials), results[taken]

    def _in_turn(self, trial: Callable, candidates: Sequence[float]) -> Iterator:
        """Trials as they are asked for, ``nproc`` of them at a time."""
        for start in range(0, len(candidates), self._nproc):
            batch = list(candidates[start : start + self._nproc])
            yield from map_in_order(trial, batch, self._nproc)


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


def selected_apart(fmodel, rng: np.random.Generator):
    """flex selection of a random fifth of the working set's reflections."""
    working = arrays.to_numpy(fmodel.r_free_flags().data()) == 0
    chosen = rng.integers(_ONE_IN, size=len(working)) == 0
    return arrays.to_bool(working & chosen)


def residuals_of(fmodel) -> np.ndarray:
    """|F_obs − k |F_model|| / Σ F_obs of every reflection, k at its best; R is the sum.

    Squares would leave the judgement to the few strongest reflections.
    """
    observed = arrays.to_numpy(fmodel.f_obs().data())
    modelled = np.abs(arrays.to_numpy(fmodel.f_model().data()))
    scale = np.sum(observed * modelled) / np.sum(modelled**2)
    return np.abs(observed - scale * modelled) / np.sum(observed)
