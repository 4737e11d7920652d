"""Factors of a sparse Hessian, for solving with it many times.

SuperLU comes with scipy and is the default. CHOLMOD (Chen et al. 2008) makes its
factors in a quarter of the time; it is used where the user asks for it and has
installed cvxopt, which brings it (GPL: never imported unasked).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from hnmref.errors import ModesError

#: Names of the factorisations.
FACTORISATIONS = ("superlu", "cholmod")

Solve = Callable[[np.ndarray], np.ndarray]


def check_factorisation(name: str) -> None:
    """Raise ModesError for one that is unknown or not installed."""
    if name not in FACTORISATIONS:
        raise ModesError(
            f"unknown factorisation {name!r}: use one of {', '.join(FACTORISATIONS)}"
        )
    if name == "cholmod":
        _cvxopt()


def shifted_inverse(hessian: sparse.csr_matrix, shift: float, name: str) -> Solve:
    """x -> (H + shift)^-1 x for a symmetric positive definite H + shift.

    Raises
    ------
    ModesError : the factors do not fit in memory, or CHOLMOD is not installed.
    """
    n = hessian.shape[0]
    shifted = hessian + shift * sparse.identity(n, format="csr")
    try:
        return _cholmod(shifted) if name == "cholmod" else _superlu(shifted)
    except MemoryError:
        raise ModesError(
            f"the factorisation of a Hessian of {n} coordinates does not fit in "
            f"memory: use larger blocks or a smaller cut-off"
        ) from None


def _superlu(shifted: sparse.csr_matrix) -> Solve:
    """By a symmetric-mode sparse LU factorisation."""
    factor = splu(
        shifted.tocsc(),
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
    return factor.solve


def _cholmod(shifted: sparse.csr_matrix) -> Solve:
    """By a sparse Cholesky factorisation."""
    cvxopt = _cvxopt()
    n = shifted.shape[0]
    lower = sparse.tril(shifted, format="coo")
    matrix = cvxopt.spmatrix(
        lower.data, lower.row.astype(np.int64), lower.col.astype(np.int64), (n, n)
    )
    del lower
    factor = cvxopt.cholmod.symbolic(matrix)
    cvxopt.cholmod.numeric(matrix, factor)

    def solve(x: np.ndarray) -> np.ndarray:
        buffer = cvxopt.matrix(np.asarray(x, dtype=float), (n, 1))
        cvxopt.cholmod.solve(factor, buffer)
        return np.array(buffer).ravel()

    return solve


def _cvxopt():
    """The optional package."""
    try:
        import cvxopt
        import cvxopt.cholmod
    except ImportError:
        raise ModesError(
            "factorisation='cholmod' needs the package cvxopt: install it (pip "
            "install cvxopt), or use factorisation='superlu'"
        ) from None
    return cvxopt
