"""Symmetric matrices as vectors, and roots of the semidefinite ones.

A symmetric matrix travels as the vector of its lower triangle, row by row, the
off-diagonal entries times √2, so that inner products are those of the matrices.
"""

from __future__ import annotations

import numpy as np


def n_components(n: int) -> int:
    """Length of the vector of an (n, n) symmetric matrix."""
    return n * (n + 1) // 2


def pack_symmetric(matrix: np.ndarray) -> np.ndarray:
    """The vector of a symmetric matrix."""
    rows, columns, scale = triangle(len(matrix))
    return matrix[rows, columns] * scale


def unpack_symmetric(vector: np.ndarray) -> np.ndarray:
    """The matrix of a vector made by :func:`pack_symmetric`."""
    n = int(np.sqrt(2 * len(vector)))
    rows, columns, scale = triangle(n)
    matrix = np.empty((n, n))
    matrix[rows, columns] = matrix[columns, rows] = vector / scale
    return matrix


def triangle(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, column and factor of every component of the vector of an (n, n) matrix."""
    rows, columns = np.tril_indices(n)
    return rows, columns, np.where(rows == columns, 1.0, np.sqrt(2.0))


def congruence(matrix: np.ndarray) -> np.ndarray:
    """The (p, p) matrix that takes the vector of V to that of M V Mᵀ."""
    rows, columns, scale = triangle(len(matrix))
    by_row, by_column = matrix[rows], matrix[columns]
    result = np.take(by_row, rows, axis=1) * np.take(by_column, columns, axis=1)
    result += np.take(by_row, columns, axis=1) * np.take(by_column, rows, axis=1)
    result *= 0.5 * scale[:, None]
    result *= scale
    return result


def root(matrix: np.ndarray) -> np.ndarray:
    """A factor F, F Fᵀ the semidefinite matrix, with as many columns as its rank."""
    values, vectors = np.linalg.eigh(matrix)
    kept = values > 1e-12 * max(values[-1], 0.0)
    return vectors[:, kept] * np.sqrt(values[kept])
