"""Lowest eigenpairs of a sparse Hessian beyond its known zero modes.

Shift-invert Lanczos (ARPACK) on a sparse factorisation (``factor``). The
rigid-body modes are known, so they are projected out of the iteration, and
every Lanczos vector is spent on modes that are not. A single-vector Lanczos
process may miss copies of a multiple eigenvalue; so the search is repeated
with everything found projected out until the next eigenvalue lies clearly
above the last one kept. This finds missed copies, zero modes beyond the
rigid-body ones, and clusters that the cut would fall into, all at once.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg
from scipy import sparse
from scipy.sparse.linalg import (
    ArpackNoConvergence,
    LinearOperator,
    eigsh,
)
from threadpoolctl import threadpool_limits

from hnmref.errors import ModesError
from hnmref.modes.factor import Solve, shifted_inverse
from hnmref.modes.progress import Progress, counted, tell_nobody

#: Shift below zero, in mean diagonals: nearer to zero costs digits.
_SHIFT = 1e-6

#: Eigenvalues below this share of the mean diagonal are zero.
ZERO = 1e-9

#: Eigenvalues closer than this, relatively, are copies of one another.
CLUSTER = 1e-6

#: Tolerance of the search for the next eigenvalue: its own error is this squared.
_PROBE = 1e-8

#: Up to this many coordinates a dense solve is the quicker one.
_DENSE_SIZE = 400

#: Share of all modes above which a dense solve is the quicker one.
_DENSE_SHARE = 0.25


def lowest_modes(
    hessian: sparse.csr_matrix,
    known: np.ndarray,
    n_wanted: int,
    progress: Progress = tell_nobody,
    factorisation: str = "superlu",
) -> tuple[np.ndarray, np.ndarray]:
    """Lowest eigenpairs orthogonal to the known zero modes.

    Parameters
    ----------
    hessian : (n, n) symmetric positive semidefinite sparse matrix.
    known : (n, z) orthonormal zero modes of it.
    n_wanted : eigenpairs wanted beyond them, at most n - z.
    progress : told of each stage, and of every few solves.
    factorisation : one of ``FACTORISATIONS``.

    Returns
    -------
    values : (m,) ascending, m >= n_wanted: more where the last one has copies.
    vectors : (n, m) orthonormal.
    """
    n = hessian.shape[0]
    # One BLAS thread: the vectors are too short for more, which have been
    # seen to make sparse solves seven times slower.
    with threadpool_limits(1, user_api="blas"):
        if is_dense(n, n_wanted):
            values, vectors = _dense_modes(hessian, known)
        else:
            values, vectors = _sparse_modes(
                hessian, known, n_wanted, progress, factorisation
            )
    zero = ZERO * mean_diagonal(hessian)
    n_kept = _cluster_end(values, n_wanted, zero)
    return values[:n_kept], vectors[:, :n_kept]


def is_dense(n_coordinates: int, n_wanted: int) -> bool:
    """Whether a dense solve is used for a problem of this size."""
    return n_coordinates <= _DENSE_SIZE or n_wanted > _DENSE_SHARE * n_coordinates


def mean_diagonal(hessian: sparse.csr_matrix) -> float:
    """The scale that zero is judged by; 1 where there is no spring at all."""
    return float(hessian.diagonal().mean()) or 1.0


def _dense_modes(
    hessian: sparse.csr_matrix, known: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """All eigenpairs beyond the known ones, which are moved to the top."""
    dense = hessian.toarray()
    top = 3 * np.abs(dense).sum(axis=1).max() or 1.0
    dense += top * (known @ known.T)
    values, vectors = scipy.linalg.eigh(dense, overwrite_a=True, check_finite=False)
    n_kept = len(values) - known.shape[1]
    return values[:n_kept], vectors[:, :n_kept]


def _sparse_modes(
    hessian: sparse.csr_matrix,
    known: np.ndarray,
    n_wanted: int,
    progress: Progress,
    factorisation: str,
) -> tuple[np.ndarray, np.ndarray]:
    """Shift-invert Lanczos until the next eigenvalue is above the last kept."""
    zero = ZERO * mean_diagonal(hessian)
    progress(f"factors of a Hessian of {hessian.shape[0]} coordinates")
    shift = _SHIFT * mean_diagonal(hessian)
    solve = counted(shifted_inverse(hessian, shift, factorisation), progress)
    vectors = np.empty((len(known), 0))
    more = max(n_wanted, 1)
    while not is_dense(len(known), vectors.shape[1] + more):
        found = _lanczos(solve, np.hstack([known, vectors]), more)
        values, vectors = _rayleigh_ritz(hessian, known, np.hstack([vectors, found]))
        probe = _lanczos(solve, np.hstack([known, vectors]), 1, tolerance=_PROBE)
        next_value = _rayleigh_ritz(hessian, known, probe)[0][0]
        n_kept = _cluster_end(np.sort(np.append(values, next_value)), n_wanted, zero)
        kept = values[:n_kept]
        if len(kept) == n_kept and (kept * (1 + CLUSTER) < next_value).all():
            return kept, vectors[:, :n_kept]
        more = max(vectors.shape[1] // 4, 1)
    return _dense_modes(hessian, known)


def _cluster_end(values: np.ndarray, n_wanted: int, zero: float) -> int:
    """The smallest cut >= n_wanted that parts no copies of an eigenvalue.

    The known zero modes stand before the first of the ascending values.
    """
    below = np.append(0.0, values)[n_wanted:-1]
    above = values[n_wanted:]
    gaps = above > np.maximum(below * (1 + CLUSTER), zero)
    return n_wanted + int(np.argmax(gaps)) if gaps.any() else len(values)


def _lanczos(
    solve: Solve,
    excluded: np.ndarray,
    n_wanted: int,
    tolerance: float = 0.0,
) -> np.ndarray:
    """Vectors (n, n_wanted) of the smallest eigenvalues outside a subspace."""
    n = len(excluded)

    def outside(x: np.ndarray) -> np.ndarray:
        return x - excluded @ (excluded.T @ x)

    operator = LinearOperator(
        (n, n), matvec=lambda x: outside(solve(outside(x.ravel()))), dtype=float
    )
    start = outside(np.random.default_rng(0).standard_normal(n))
    try:
        _, vectors = eigsh(operator, k=n_wanted, which="LA", v0=start, tol=tolerance)
    except ArpackNoConvergence as failure:
        raise ModesError(
            f"only {failure.eigenvalues.size} of {n_wanted} modes converged: ask for "
            f"fewer modes or use a larger cut-off"
        ) from None
    return outside(vectors)


def _rayleigh_ritz(
    hessian: sparse.csr_matrix, known: np.ndarray, vectors: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Best eigenpairs in the span of vectors: errors of values are squared."""
    vectors = vectors - known @ (known.T @ vectors)
    basis, _ = np.linalg.qr(vectors)
    values, rotation = np.linalg.eigh(basis.T @ (hessian @ basis))
    return values, basis @ rotation
