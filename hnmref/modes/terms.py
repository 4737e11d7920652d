"""Harmonic terms of any number of atoms, and their Hessian.

A term is ``k/2 (sum_a b_a . u_a)^2``: an internal coordinate that is at rest in
the given structure, with ``b_a`` its gradient with respect to its a-th atom
(Wilson's B matrix; Wilson, Decius & Cross 1955). Bonds, angles, dihedrals and
springs to symmetry mates are such terms. With ``u_j = W_j q_b(j)``, as in
``hnmref.modes.hessian``, their Hessian is ``A^T A``, a row of A a term:
``sqrt(k) sum_a W_a^T b_a``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse


@dataclass(frozen=True)
class Terms:
    """Terms of m atoms each.

    atoms : (n, m) int array. An atom may stand in a term more than once.
    gradients : (n, m, 3) array, per Å (bonds: no unit; angles: radians per Å).
    stiffness : (n,) array.
    """

    atoms: np.ndarray
    gradients: np.ndarray
    stiffness: np.ndarray

    def __len__(self) -> int:
        return len(self.atoms)

    def links(self) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of atoms that the terms hold together: each one's neighbours."""
        return self.atoms[:, :-1].ravel(), self.atoms[:, 1:].ravel()


def terms_hessian(
    terms: Sequence[Terms], basis: np.ndarray, bodies: np.ndarray
) -> sparse.bsr_matrix:
    """Hessian of terms in the coordinates of a basis.

    Parameters
    ----------
    basis : (N, 3, d) array W.
    bodies : (N,) int array, 0 .. n_bodies - 1.

    Returns
    -------
    (n_bodies d, n_bodies d) symmetric matrix of d × d blocks; only blocks that
    are not zero are there.
    """
    n_bodies, size = int(bodies.max()) + 1, basis.shape[2]
    total = sparse.csr_matrix((n_bodies * size,) * 2)
    for group in terms:
        rows = _rows(group, basis, bodies, n_bodies)
        total = total + rows.T @ rows
    return total.tobsr(blocksize=(size, size))


def _rows(
    terms: Terms, basis: np.ndarray, bodies: np.ndarray, n_bodies: int
) -> sparse.csr_matrix:
    """A (n, n_bodies d): how each coordinate changes each term, times sqrt(k)."""
    n_terms, n_atoms = terms.atoms.shape
    size = basis.shape[2]
    weighted = np.sqrt(terms.stiffness)[:, None, None] * terms.gradients
    values = np.einsum("tmad,tma->tmd", basis[terms.atoms], weighted)
    columns = bodies[terms.atoms][:, :, None] * size + np.arange(size)
    starts = np.arange(n_terms + 1) * (n_atoms * size)
    rows = sparse.csr_matrix(
        (values.ravel(), columns.ravel(), starts), shape=(n_terms, n_bodies * size)
    )
    # Atoms of one body share columns.
    rows.sum_duplicates()
    return rows
