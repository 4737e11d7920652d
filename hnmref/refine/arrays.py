"""Arrays across the border between cctbx and numpy, without loops.

The only module that converts. Shapes: sites (N, 3) Å; symmetric tensors
(N, 6) in the order 11, 22, 33, 12, 13, 23.
"""

from __future__ import annotations

import numpy as np
from cctbx.array_family import flex

#: Row and column of each of the six components.
_ROWS = (0, 1, 2, 0, 0, 1)
_COLUMNS = (0, 1, 2, 1, 2, 2)


def vec3_to_numpy(values: flex.vec3_double) -> np.ndarray:
    """(N, 3) array of a flex.vec3_double."""
    return values.as_double().as_numpy_array().reshape(-1, 3)


def numpy_to_vec3(values: np.ndarray) -> flex.vec3_double:
    """flex.vec3_double of an (N, 3) array."""
    return flex.vec3_double(flex.double(np.ascontiguousarray(values, float).ravel()))


def sym_mat3_to_numpy(values: flex.sym_mat3_double) -> np.ndarray:
    """(N, 6) array of a flex.sym_mat3_double."""
    return values.as_double().as_numpy_array().reshape(-1, 6)


def numpy_to_sym_mat3(values: np.ndarray) -> flex.sym_mat3_double:
    """flex.sym_mat3_double of an (N, 6) array."""
    flat = np.ascontiguousarray(values, float).ravel()
    return flex.sym_mat3_double(flex.double(flat))


def to_numpy(values) -> np.ndarray:
    """Array of a one-dimensional flex.double, int, bool or size_t."""
    return values.as_numpy_array()


def to_double(values: np.ndarray) -> flex.double:
    """flex.double of a one-dimensional array."""
    return flex.double(np.ascontiguousarray(values, float))


def to_bool(values: np.ndarray) -> flex.bool:
    """flex.bool of a one-dimensional boolean array."""
    return flex.bool(np.ascontiguousarray(values, bool))


def to_size_t(indices: np.ndarray) -> flex.size_t:
    """flex.size_t of a one-dimensional array of indices."""
    return flex.size_t(np.ascontiguousarray(indices, np.uint64))


def tensor_transform(matrix: np.ndarray) -> np.ndarray:
    """The (6, 6) matrix that maps a symmetric U (as six numbers) to R U Rᵀ.

    :param matrix: (3, 3) R, of any determinant.
    """
    result = np.zeros((6, 6))
    for column, (i, j) in enumerate(zip(_ROWS, _COLUMNS)):
        unit = np.zeros((3, 3))
        unit[i, j] = unit[j, i] = 1.0
        image = matrix @ unit @ matrix.T
        result[:, column] = image[_ROWS, _COLUMNS]
    return result


def u_cart_to_u_star(unit_cell) -> np.ndarray:
    """The (6, 6) matrix from Cartesian U (Å²) to cctbx's u_star."""
    fractionalization = np.array(unit_cell.fractionalization_matrix()).reshape(3, 3)
    return tensor_transform(fractionalization)


def site_symmetry_average(rotations_cart: list[np.ndarray]) -> np.ndarray:
    """The (6, 6) mean of R U Rᵀ over Cartesian site-symmetry rotations."""
    return np.mean([tensor_transform(rotation) for rotation in rotations_cart], axis=0)
