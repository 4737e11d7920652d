"""How far the data leave U_group open: its covariance from the curvature at the minimum.

A refined Π is nearly singular, so its errors are not those of a free symmetric matrix.
With Π = V diag(d) Vᵀ of rank r, it moves along

    dΠ = V [S Kᵀ; K K S⁻¹ Kᵀ] Vᵀ,    S of the r refined directions, K (n − r, r) of the rest:

to first order, the tangents of the matrices of its rank. The last corner, of second
order in K, is what the gradient Z of the target resists: every column a of K has the
curvature 2 Z / d_a beside the target's own. Where a direction has no amplitude and the
target would rise with any, it is thus known to be still (Laplace's approximation in Ω,
Π = Ω Ωᵀ, without the turns of Ω that change nothing).
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import solve_triangular

from hnmref.adp.basis import ModeBasis, u_derivatives
from hnmref.adp.symmetric import congruence, triangle

#: Directions of Π with less than this share of the largest amplitude are not refined.
_LEAST_SHARE = 1e-6
#: Least curvature, as a share of the mean: the data leave some directions quite open.
_FLOOR = 1e-6
#: Atoms at a time, where each has six rows of a number for every pair of modes.
_PIECE = 50


def u_covariances(
    basis: ModeBasis, pi: np.ndarray, gradient: np.ndarray, curvature: np.ndarray
) -> np.ndarray:
    """(N, 6, 6) inverse curvature of a target in terms of each atom's U_group.

    Times the variance that belongs to one unit of the target it is the covariance of
    U's six components, for a target whose minimum Π is.

    :param pi: (n, n) refined Π.
    :param gradient: (n, n) ∂T/∂Π there.
    :param curvature: (p, p) second derivatives, in the coordinates of
        :func:`hnmref.adp.symmetric.pack_symmetric`.
    """
    d, v = np.linalg.eigh(pi)
    d, v = d[::-1], v[:, ::-1]
    rank = np.count_nonzero(d > _LEAST_SHARE * max(d[0], 0.0))
    if rank == 0:
        return np.zeros((basis.n_atoms, 6, 6))
    rows, columns, _ = triangle(len(pi))
    # Column ≤ row, so a tangent has at least its column among the refined directions.
    tangent = np.flatnonzero(columns < rank)
    rows, columns = rows[tangent], columns[tangent]
    turn = congruence(v)[:, tangent]
    hessian = turn.T @ curvature @ turn
    slack = _semidefinite(v[:, rank:].T @ gradient @ v[:, rank:])
    for a in range(rank):
        rest = np.flatnonzero((columns == a) & (rows >= rank))
        # A component of the vector is √2 times that of K.
        hessian[np.ix_(rest, rest)] += slack / d[a]
    hessian += _FLOOR * np.trace(hessian) / len(hessian) * np.eye(len(hessian))
    factor = np.linalg.cholesky(hessian)
    result = np.empty((basis.n_atoms, 6, 6))
    vectors = basis.vectors @ v
    for start in range(0, basis.n_atoms, _PIECE):
        atoms = slice(start, start + _PIECE)
        by_tangent = u_derivatives(vectors[atoms])[:, :, tangent]
        flat = by_tangent.reshape(-1, len(tangent)).T
        half = solve_triangular(factor, flat, lower=True).T.reshape(by_tangent.shape)
        result[atoms] = half @ np.swapaxes(half, 1, 2)
    return result


def _semidefinite(matrix: np.ndarray) -> np.ndarray:
    """The nearest semidefinite matrix: at a minimum not quite reached Z is not."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.maximum(values, 0.0)) @ vectors.T
