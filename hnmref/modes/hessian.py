"""Block-sparse Hessian of springs in any per-atom basis.

Write the displacement of atom j as ``u_j = W_j q_b(j)``, b(j) its body and
W_j (3 × d) its basis: the identity over sqrt(m_j) for free atoms (d = 3), the
rigid-body motions of the body for rotation-translation blocks (d = 6; Durand
et al. 1994, Tama et al. 2000). A spring s between atoms i and j stretches by
``g_i . q_b(i) - g_j . q_b(j)`` with ``g = W^T e``, so it adds ``k g_i g_i^T`` to
a diagonal block and ``-k g_i g_j^T`` to an off-diagonal one. This is exactly
the projected Hessian P^T H P, without H ever being made.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from hnmref.modes.springs import Springs


def free_atom_basis(masses: np.ndarray) -> np.ndarray:
    """Basis (N, 3, 3) of unreduced mass-weighted coordinates."""
    return np.eye(3) / np.sqrt(masses)[:, None, None]


def spring_hessian(
    coordinates: np.ndarray,
    springs: Springs,
    basis: np.ndarray | None = None,
    bodies: np.ndarray | None = None,
) -> sparse.bsr_matrix:
    """Hessian of the springs' energy in the coordinates of a basis.

    Parameters
    ----------
    coordinates : (N, 3) array, Å.
    springs : Springs between atoms; those within one body are passed over, as
        rigid bodies do not stretch them.
    basis : (N, 3, d) array, or None for Cartesian displacements (d = 3).
    bodies : (N,) int array 0 .. n_bodies - 1, or None: each atom is its own.

    Returns
    -------
    (n_bodies d, n_bodies d) symmetric matrix of d × d blocks, every diagonal
    block present.
    """
    n_atoms = len(coordinates)
    if basis is None:
        basis = free_atom_basis(np.ones(n_atoms))
    if bodies is None:
        bodies = np.arange(n_atoms)
    n_bodies = int(bodies.max()) + 1
    size = basis.shape[2]

    springs, key = _sorted_by_body_pair(springs, bodies, n_bodies)
    starts = np.flatnonzero(np.diff(key, prepend=-1))
    first, second = np.divmod(key[starts], n_bodies)
    e = springs.directions(coordinates)
    stretch_first = np.einsum("sad,sa->ds", basis[springs.first], e)
    stretch_second = np.einsum("sad,sa->ds", basis[springs.second], e)
    k_first = stretch_first * springs.stiffness
    diagonal = _sum_blocks(
        first, _products(k_first, stretch_first, starts), n_bodies
    ) + _sum_blocks(
        second,
        _products(stretch_second * springs.stiffness, stretch_second, starts),
        n_bodies,
    )
    cross = -_products(k_first, stretch_second, starts)

    every = np.arange(n_bodies)
    rows = np.concatenate([every, first, second])
    columns = np.concatenate([every, second, first])
    blocks = np.concatenate([diagonal, cross, cross.transpose(0, 2, 1)])
    order = np.lexsort((columns, rows))
    row_starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=n_bodies))])
    return sparse.bsr_matrix(
        (blocks[order], columns[order], row_starts), shape=(n_bodies * size,) * 2
    )


def diagonal_blocks(hessian: sparse.bsr_matrix) -> np.ndarray:
    """Diagonal blocks (n_bodies, d, d): each body moved, the rest fixed."""
    n_bodies, size = len(hessian.indptr) - 1, hessian.blocksize[0]
    rows = np.repeat(np.arange(n_bodies), np.diff(hessian.indptr))
    # A sum of matrices leaves out blocks that are zero.
    blocks = np.zeros((n_bodies, size, size))
    on_diagonal = rows == hessian.indices
    blocks[rows[on_diagonal]] = hessian.data[on_diagonal]
    return blocks


def _sorted_by_body_pair(
    springs: Springs, bodies: np.ndarray, n_bodies: int
) -> tuple[Springs, np.ndarray]:
    """Springs between bodies, the lower body first, by pair; and the key."""
    body_first, body_second = bodies[springs.first], bodies[springs.second]
    swap = body_first > body_second
    first = np.where(swap, springs.second, springs.first)
    second = np.where(swap, springs.first, springs.second)
    low = np.minimum(body_first, body_second).astype(np.int64)
    key = low * n_bodies + np.maximum(body_first, body_second)
    between = np.flatnonzero(body_first != body_second)
    order = between[np.argsort(key[between], kind="stable")]
    return Springs(first, second, springs.stiffness).where(order), key[order]


def _products(left: np.ndarray, right: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Sum over each run of springs of left_s right_s^T: (n_runs, d, d).

    left, right : (d, n_springs); one component at a time, which is several
    times quicker than summing d × d blocks and needs no room for them.
    """
    size = len(left)
    blocks = np.empty((len(starts), size, size))
    if not len(starts):
        return blocks
    for a in range(size):
        for b in range(size):
            blocks[:, a, b] = np.add.reduceat(left[a] * right[b], starts)
    return blocks


def _sum_blocks(bodies: np.ndarray, blocks: np.ndarray, n_bodies: int) -> np.ndarray:
    """Sum (n_pairs, d, d) blocks over each body: (n_bodies, d, d)."""
    size = blocks.shape[1]
    gather = sparse.csr_matrix(
        (np.ones(len(bodies)), (bodies, np.arange(len(bodies)))),
        shape=(n_bodies, len(bodies)),
    )
    flat = gather @ blocks.reshape(len(blocks), size * size)
    return flat.reshape(n_bodies, size, size)
