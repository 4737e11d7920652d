"""The least value of a quadratic function over positive semidefinite matrices.

By a primal-dual interior-point method (Todd, Toh & Tütüncü 1998, with
Nesterov and Todd's scaling and Mehrotra's predictor and corrector). At the minimum X and the gradient Z there are
both semidefinite and X Z = 0; every iteration takes a Newton step towards
X Z = μ 1 for a smaller μ. Some twenty of them do, however unlike the curvatures of
the directions are: motions of a few loose atoms and of all atoms differ by 10⁹, and
methods that use the gradient alone hardly move the rest.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from hnmref.adp.symmetric import congruence, pack_symmetric, unpack_symmetric

#: Share of the way to the border of the cone that a step goes.
_TO_BORDER = 0.95
_MAX_ITERATIONS = 60
#: Within this of the least value, relatively, an iteration that does not halve what is
#: left is at the limit of precision.
_NEAR = 1e-6
#: How much Z may differ from the gradient, relative to the gradient at X = 0.
_FEASIBLE = 1e-9


def quadratic_minimum(
    gradient: np.ndarray, curvature: np.ndarray, *, tolerance: float = 1e-16
) -> np.ndarray:
    """The semidefinite X at which gradient·x + ½ x·curvature x is least.

    All are in the coordinates of :func:`hnmref.adp.symmetric.pack_symmetric`.

    :param gradient: (p,) at X = 0.
    :param curvature: (p, p), positive definite.
    :param tolerance: ends when the value is within this of the least, relatively.
    """
    if np.linalg.eigvalsh(unpack_symmetric(gradient))[0] >= 0.0:
        return np.zeros_like(gradient)
    scale = unit_scales(curvature)
    gradient, curvature = scale * gradient, scale[:, None] * curvature * scale
    size = np.linalg.norm(gradient)
    x = _interior_minimum(gradient / size, curvature, tolerance)
    return size * scale * x


def unit_scales(curvature: np.ndarray) -> np.ndarray:
    """(p,) factors of X's components that give every diagonal entry unit curvature.

    They are those of D X D with a diagonal D, so X stays semidefinite.
    """
    diagonal = np.diag(unpack_symmetric(np.diag(curvature)))
    d = np.maximum(diagonal, 1e-12 * diagonal.max()) ** -0.25
    return pack_symmetric(np.outer(d, d)) / pack_symmetric(np.ones((len(d), len(d))))


def _interior_minimum(
    gradient: np.ndarray, curvature: np.ndarray, tolerance: float
) -> np.ndarray:
    unit = np.eye(len(unpack_symmetric(gradient)))
    x = dual = unit
    last_gap = np.inf
    for _ in range(_MAX_ITERATIONS):
        vector = pack_symmetric(x)
        slope = gradient + curvature @ vector
        residue = slope - pack_symmetric(dual)
        gap = np.sum(x * dual)
        value = 0.5 * vector @ (slope + gradient)
        met = gap <= tolerance * abs(value) and np.linalg.norm(residue) <= _FEASIBLE
        if met or (gap <= _NEAR * abs(value) and gap > 0.5 * last_gap):
            break
        last_gap = gap
        try:
            dx, dz, length = _step(x, dual, slope, residue, curvature)
        except LinAlgError:
            # At the limit of precision: x is as near as it comes.
            break
        x = x + length * dx
        dual = dual + length * dz
    return pack_symmetric(x)


def _step(
    x: np.ndarray,
    dual: np.ndarray,
    slope: np.ndarray,
    residue: np.ndarray,
    curvature: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, float]:
    """Changes of X and Z, and how much of them may be taken.

    G takes both to the same diagonal matrix: G⁻¹ X G⁻ᵀ = Gᵀ Z G = diag(d). There the
    condition is diag(d)² = μ 1, and its linear part is solved entry by entry.
    """
    lower = np.linalg.cholesky(x)
    _, d, right = np.linalg.svd(np.linalg.cholesky(dual).T @ lower)
    g = lower @ right.T / np.sqrt(d)
    inverse = np.linalg.solve(g, np.eye(len(g)))
    metric = inverse.T @ inverse
    factor = cho_factor(curvature + congruence(metric))

    def newton(wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Scaled changes that bring diag(d)² to ``wanted`` more than itself."""
        divided = 2.0 * wanted / (d[:, None] + d)
        pull = pack_symmetric(inverse.T @ divided @ inverse) - residue
        step = unpack_symmetric(cho_solve(factor, pull))
        scaled = inverse @ step @ inverse.T
        return scaled, divided - scaled

    def longest(*changes: np.ndarray) -> float:
        """How far both may go, 1 at the most, and stay positive."""
        root = np.sqrt(np.outer(d, d))
        least = min(np.linalg.eigvalsh(change / root)[0] for change in changes)
        return 1.0 if least >= -_TO_BORDER else -_TO_BORDER / least

    square = np.diag(d**2)
    dx, dz = newton(-square)
    length = longest(dx, dz)
    unit = np.diag(d)
    left = np.sum((unit + length * dx) * (unit + length * dz)) / np.sum(square)
    product = dx @ dz
    centre = left**3 * np.mean(d**2) * np.eye(len(d))
    dx, dz = newton(centre - square - 0.5 * (product + product.T))
    return g @ dx @ g.T, inverse.T @ dz @ inverse, longest(dx, dz)
