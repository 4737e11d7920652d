"""A step towards the least value of a quadratic model over semidefinite matrices.

The step need not be exact, for the model is learned, and what it leaves the next step
takes. So X is sought as F Fᵀ, from where the last step ended, by some tens of products
with the curvature instead of the factorisations of an interior-point method. F has as
many columns as X has motions, which are few, and one for each motion that the slope
begins. The flats of F Fᵀ cost nothing here, where a value needs no structure factors.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.optimize

from hnmref.adp.quadratic import unit_scales
from hnmref.adp.symmetric import pack_symmetric, unpack_symmetric

#: Eigenvalues below this share of the largest are rounding errors.
_SINGULAR = 1e-8
#: Least curvature of a motion's amplitude, as a share of the largest motion's.
_FLOOR = 1e-4
_MAX_ITERATIONS = 60
#: An iteration that adds less than this to what the step has gained is the last.
_LAST_GAIN = 1e-3


def model_minimum(
    x: np.ndarray, gradient: np.ndarray, curvature: np.ndarray
) -> np.ndarray:
    """About the least of gradient·(y − x) + ½ (y − x)·curvature (y − x).

    The value is never above that at x.

    :param x: (p,) semidefinite, in the coordinates of
        :func:`hnmref.adp.symmetric.pack_symmetric`.
    :param gradient: (p,) at x.
    :param curvature: (p, p), positive definite.
    """
    # In units in which the squares of modes have unit curvature.
    scale = unit_scales(curvature)
    x, gradient = x / scale, scale * gradient

    def bent(change: np.ndarray) -> np.ndarray:
        return scale * (curvature @ (scale * change))

    start = _with_new_motions(x, gradient, bent)
    amounts, motions = np.linalg.eigh(unpack_symmetric(start))
    kept = amounts > _SINGULAR * max(amounts[-1], 0.0)
    amounts, motions = amounts[kept], motions[:, kept]
    factor = motions * np.sqrt(amounts)
    slope = unpack_symmetric(gradient + bent(start - x))
    rises, directions = np.linalg.eigh(slope)
    # Curvature by the amplitude of each column along each direction: of the slope that
    # its square meets, and of the model, taken as 1.
    paid = 2.0 * (np.maximum(rises, 0.0)[:, None] + amounts)
    units = (paid + _FLOOR * np.max(paid, initial=0.0)) ** -0.5
    first = 2.0 * units * (directions.T @ slope @ factor)
    promise = np.sum(first**2)
    if promise == 0.0:
        return scale * start

    def moved(steps: np.ndarray) -> np.ndarray:
        return factor + directions @ (units * steps.reshape(units.shape))

    def value_and_gradient(steps: np.ndarray) -> tuple[float, np.ndarray]:
        columns = moved(steps)
        change = pack_symmetric(columns @ columns.T) - x
        curved = bent(change)
        by_columns = 2.0 * unpack_symmetric(gradient + curved) @ columns
        by_steps = units * (directions.T @ by_columns)
        value = change @ (gradient + 0.5 * curved)
        return value / promise, by_steps.ravel() / promise

    end = scipy.optimize.minimize(
        value_and_gradient,
        np.zeros(units.size),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": _MAX_ITERATIONS, "ftol": _LAST_GAIN, "gtol": 0.0},
    )
    columns = moved(end.x)
    return scale * pack_symmetric(columns @ columns.T)


def _with_new_motions(
    x: np.ndarray, gradient: np.ndarray, bent: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """X with motions added along which the target falls, until the model rises.

    :param bent: change of X → change of the model's gradient.
    """
    rises, directions = np.linalg.eigh(unpack_symmetric(gradient))
    falling = directions[:, rises < 0.0]
    begun = pack_symmetric((falling * -rises[rises < 0.0]) @ falling.T)
    reach = begun @ bent(begun)
    return x - (gradient @ begun / reach) * begun if reach > 0.0 else x
