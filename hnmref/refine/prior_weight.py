"""The weight of the prior on anisotropy, found from the data by cross-validation.

A fifth of the working set is kept apart. The stages are refined against the rest with
each weight in turn, from the same start, and the weight whose model describes the
reflections kept apart best is taken. The free set has no part in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hnmref.refine import arrays
from hnmref.refine.processes import map_in_order

#: Weights that are tried.
WEIGHTS = (0.0, 0.1, 0.3, 1.0, 3.0)
#: One reflection in so many is kept apart.
_ONE_IN = 5


@dataclass(frozen=True)
class PriorChoice:
    """The weight that was taken, and the misfit of each that was tried."""

    weight: float
    misfits: dict[float, float]

    def lines(self) -> list[str]:
        """For the log."""
        found = [
            f"  prior weight {weight:g}: misfit {misfit:.5f}"
            + (" *" if weight == self.weight else "")
            for weight, misfit in self.misfits.items()
        ]
        return ["  Reflections kept apart from the working set:", *found]


def choose_prior_weight(
    fmodel,
    refine: Callable[[object, float], None],
    rng: np.random.Generator,
    nproc: int = 1,
) -> PriorChoice:
    """The weight of least misfit; the strongest of equals.

    :param fmodel: mmtbx f_model; it and its structure stay as they are.
    :param refine: changes the structure of an f_model, which it may have for itself,
        by the stages with a weight.
    """
    apart = kept_apart(fmodel, rng)

    def misfit_with(weight: float) -> float:
        others = fmodel.select(~apart)
        refine(others, weight)
        tested = fmodel.select(apart)
        tested.update_xray_structure(
            xray_structure=others.xray_structure, update_f_calc=True
        )
        return misfit(tested)

    # The strongest first, so that it is the first of equals.
    weights = sorted(WEIGHTS, reverse=True)
    misfits = dict(zip(weights, map_in_order(misfit_with, weights, nproc)))
    return PriorChoice(min(misfits, key=misfits.get), misfits)


def kept_apart(fmodel, rng: np.random.Generator):
    """flex selection of a random fifth of the working set's reflections."""
    working = arrays.to_numpy(fmodel.r_free_flags().data()) == 0
    chosen = rng.integers(_ONE_IN, size=len(working)) == 0
    return arrays.to_bool(working & chosen)


def misfit(fmodel) -> float:
    """Σ (F_obs − k |F_model|)² / Σ F_obs² of all reflections, k at its best."""
    observed = arrays.to_numpy(fmodel.f_obs().data())
    modelled = np.abs(arrays.to_numpy(fmodel.f_model().data()))
    scale = np.sum(observed * modelled) / np.sum(modelled**2)
    return float(np.sum((observed - scale * modelled) ** 2) / np.sum(observed**2))
