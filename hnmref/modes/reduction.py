"""Generalised coordinates: free atoms, or rigid blocks (RTB).

Rotation-translation blocks (Durand et al. 1994, Tama et al. 2000) let each
block of atoms, a residue as a rule, move as a rigid body. The coordinates are
mass-weighted and orthonormal: the kinetic energy is ``1/2 |dq/dt|^2``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from hnmref.modes.hessian import free_atom_basis, spring_hessian
from hnmref.modes.rigid import body_motions
from hnmref.modes.springs import Springs
from hnmref.modes.terms import Terms, terms_hessian


@dataclass
class Reduction:
    """How generalised coordinates move the atoms: ``u_j = W_j q_b(j)``.

    bodies : (N,) int array, the body of each atom, 0 .. n_bodies - 1.
    basis : (N, 3, d) array W, Å per unit of q.
    present : (n_bodies d,) bool array, false for motions a body lacks (one
        atom has 3, two atoms have 5).
    """

    bodies: np.ndarray
    basis: np.ndarray
    present: np.ndarray

    @property
    def n_coordinates(self) -> int:
        return int(np.count_nonzero(self.present))

    @property
    def n_bodies(self) -> int:
        return len(self.present) // self.basis.shape[2]

    def hessian(self, coordinates: np.ndarray, springs: Springs) -> sparse.bsr_matrix:
        """Hessian of the springs in d × d blocks, missing motions included."""
        return spring_hessian(coordinates, springs, self.basis, self.bodies)

    def terms_hessian(self, terms: Sequence[Terms]) -> sparse.bsr_matrix:
        """Hessian of terms of any number of atoms, in the same d × d blocks."""
        return terms_hessian(terms, self.basis, self.bodies)

    def without_missing(self, hessian: sparse.bsr_matrix) -> sparse.csr_matrix:
        """The rows and columns of motions that are there (n_coordinates square)."""
        full = hessian.tocsr()
        if self.present.all():
            return full
        kept = np.flatnonzero(self.present)
        return full[kept][:, kept]

    def displacements(self, q: np.ndarray) -> np.ndarray:
        """Cartesian displacements (N, 3, n) of (n_coordinates, n) vectors."""
        full = np.zeros((len(self.present), q.shape[1]))
        full[self.present] = q
        per_body = full.reshape(self.n_bodies, -1, q.shape[1])
        return np.matmul(self.basis, per_body[self.bodies])

    def part(self, atoms: np.ndarray) -> tuple[Reduction, np.ndarray]:
        """The same of some atoms, whole bodies of them, and which coordinates it has.

        Returns
        -------
        reduction, and the indices of its coordinates among all (n_coordinates,).
        """
        bodies, own = np.unique(self.bodies[atoms], return_inverse=True)
        by_body = self.present.reshape(self.n_bodies, -1)
        index = (np.cumsum(self.present) - 1).reshape(by_body.shape)
        present = by_body[bodies]
        part = Reduction(own.reshape(-1), self.basis[atoms], present.ravel())
        return part, index[bodies][present]

    def project(self, displacements: np.ndarray, masses: np.ndarray) -> np.ndarray:
        """Coordinates (n_coordinates, n) nearest to (N, 3, n) displacements.

        The inverse of ``displacements`` for what the bodies can do, by the
        orthonormality of the basis: ``q = sum_j m_j W_j^T u_j``.
        """
        n_own, n = self.basis.shape[2], displacements.shape[2]
        per_atom = np.matmul(
            self.basis.transpose(0, 2, 1), masses[:, None, None] * displacements
        )
        gather = sparse.csr_matrix(
            (np.ones(len(self.bodies)), (self.bodies, np.arange(len(self.bodies))))
        )
        # n is 0 for the rigid-body modes where symmetry allows no translation.
        per_body = gather @ per_atom.reshape(len(self.bodies), n_own * n)
        return per_body.reshape(self.n_bodies * n_own, n)[self.present]


def reduce_atoms(
    coordinates: np.ndarray, masses: np.ndarray, bodies: np.ndarray | None
) -> Reduction:
    """Coordinates of rigid bodies, or of free atoms where bodies is None."""
    if bodies is None:
        n_atoms = len(coordinates)
        return Reduction(
            np.arange(n_atoms), free_atom_basis(masses), np.ones(3 * n_atoms, bool)
        )
    basis, present, _ = body_motions(coordinates, bodies, masses)
    return Reduction(bodies, basis, present.ravel())
