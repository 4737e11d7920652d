"""Minimisation over positive semidefinite matrices by a quasi-Newton method.

U_group is linear in Π, so a target that is smooth in U is smooth in Π, and the only
bound is that every Π is positive semidefinite. A step minimises

    g·(X − Π) + ½ (X − Π)·B (X − Π)     over semidefinite X,

with g the gradient and B a model of the curvature, as nearly as need be, and goes from
Π towards that X as far as the target falls; whatever lies between the two is
semidefinite too. B begins as the caller's and learns from every step (BFGS, damped
after Powell 1978), a block for each matrix. Minimising the target over Ω instead, with
Π = Ω Ωᵀ, has flats where Ω is turned or singular, and the refined Π are nearly
singular: it takes several times as many evaluations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import blas

from hnmref.adp.model_step import model_minimum
from hnmref.adp.symmetric import pack_symmetric, unpack_symmetric

#: A step must gain this share of what its slope promises (Armijo).
_ENOUGH = 1e-4
#: Steps shorter than this share of the model's are given up.
_SHORTEST = 1e-3

Matrices = list[np.ndarray]
Function = Callable[[Matrices], tuple[float, Matrices]]


@dataclass(frozen=True)
class Minimum:
    """Where a minimisation ended."""

    matrices: Matrices
    value: float
    n_evaluations: int


def minimise(
    function: Function,
    start: Sequence[np.ndarray],
    curvatures: Sequence[np.ndarray],
    *,
    max_iterations: int,
    tolerance: float = 1e-6,
) -> Minimum:
    """Minimise a smooth function of several positive semidefinite matrices.

    :param function: matrices → value and the (symmetric) gradient of each.
    :param start: semidefinite matrices.
    :param curvatures: positive definite (p, p) models of the second derivatives by
        each matrix alone, in the coordinates of
        :func:`hnmref.adp.symmetric.pack_symmetric`.
    :param tolerance: ends when the slope of a step promises to gain less than this,
        relatively, or when two steps from the same place find nothing.
    """
    x = [pack_symmetric(matrix) for matrix in start]
    models = [np.array(curvature, order="C") for curvature in curvatures]
    n_evaluations = 0

    def evaluate(vectors: list[np.ndarray]) -> tuple[float, list[np.ndarray]]:
        nonlocal n_evaluations
        n_evaluations += 1
        value, gradients = function([unpack_symmetric(v) for v in vectors])
        return value, [pack_symmetric(gradient) for gradient in gradients]

    value, gradient = evaluate(x)
    # Where the least value is zero, nothing is gained below the start's rounding error.
    rounding = np.finfo(float).eps * abs(value)
    stuck = False
    for _ in range(max_iterations):
        direction = [
            model_minimum(a, g, model) - a for a, g, model in zip(x, gradient, models)
        ]
        slope = sum(g @ d for g, d in zip(gradient, direction))
        least = max(tolerance * abs(value), rounding)
        if -slope <= least:
            break
        trial, new_value, new_gradient, falls = _line_search(
            evaluate, x, direction, value, slope, least
        )
        if stuck and not falls:
            break
        for model, a, b, g, h in zip(models, x, trial, gradient, new_gradient):
            learn(model, b - a, h - g)
        # Where the target does not fall, the curvature is not what the model has: it
        # has learnt that now, and gets one more direction from the same place.
        stuck = not falls
        if falls:
            x, value, gradient = trial, new_value, new_gradient
    return Minimum([unpack_symmetric(v) for v in x], value, n_evaluations)


def _line_search(
    evaluate: Callable,
    x: list[np.ndarray],
    direction: list[np.ndarray],
    value: float,
    slope: float,
    least: float,
) -> tuple[list[np.ndarray], float, list[np.ndarray], bool]:
    """The last trial, its value and gradient, and whether the target falls enough.

    :param least: a step that promises less is not worth a trial.
    """
    length = 1.0
    while True:
        trial = [a + length * d for a, d in zip(x, direction)]
        new_value, new_gradient = evaluate(trial)
        if new_value <= value + _ENOUGH * length * slope:
            return trial, new_value, new_gradient, True
        length = _shorter(length, slope, new_value - value)
        if length < _SHORTEST or -length * slope <= least:
            return trial, new_value, new_gradient, False


def learn(model: np.ndarray, step: np.ndarray, change: np.ndarray) -> None:
    """BFGS update of a model of curvature in place, damped so that it stays positive.

    :param model: symmetric, row by row in memory (C).
    :param change: of the gradient over the step.
    """
    expected = model @ step
    reach = step @ expected
    if reach <= 0.0:
        return
    seen = step @ change
    if seen < 0.2 * reach:
        share = 0.8 * reach / (reach - seen)
        change = share * change + (1.0 - share) * expected
        seen = step @ change
    left = np.stack([change / seen, -expected / reach], axis=1)
    right = np.stack([change, expected], axis=1)
    # The update is as symmetric as the model; BLAS wants it by columns, and adds to it
    # without a second matrix of its size.
    blas.dgemm(1.0, right, left, beta=1.0, c=model.T, trans_b=True, overwrite_c=True)


def _shorter(length: float, slope: float, rise: float) -> float:
    """The next trial of a line search: the parabola's least, within bounds."""
    least = -0.5 * slope * length**2 / (rise - slope * length)
    return float(np.clip(least, 0.1 * length, 0.5 * length))
