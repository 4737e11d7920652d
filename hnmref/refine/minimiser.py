"""Limited-memory BFGS on a target with its gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize as scipy_minimize

#: Corrections kept by L-BFGS.
_MEMORY = 20


@dataclass(frozen=True)
class Minimum:
    """Where a minimisation ended."""

    parameters: np.ndarray
    value: float
    n_evaluations: int


def minimise(
    function: Callable[[np.ndarray], tuple[float, np.ndarray]],
    start: np.ndarray,
    *,
    max_iterations: int,
    first_step: float,
    tolerance: float = 1e-6,
) -> Minimum:
    """Minimise ``function`` by L-BFGS.

    :param function: parameters → (value, gradient).
    :param first_step: length of the first step, in the parameters' unit. (The
        method takes a unit step before it knows any curvature.)
    :param tolerance: ends when an iteration gains less than this, relatively.
    """

    def scaled(x: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = function(x * first_step)
        return value, gradient * first_step

    result = scipy_minimize(
        scaled,
        start / first_step,
        jac=True,
        method="L-BFGS-B",
        options={
            "maxiter": max_iterations,
            "maxcor": _MEMORY,
            "ftol": tolerance,
            "gtol": 0.0,
        },
    )
    return Minimum(result.x * first_step, float(result.fun), int(result.nfev))
