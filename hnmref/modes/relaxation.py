"""Bonds and angles brought back to what they were, with the least movement.

Rigid blocks that move apart stretch the bonds between them. Bond lengths, and the
distances between the ends of each angle, are drawn back to their values in a
reference structure by damped Gauss-Newton steps: the change is the smallest one
that does it, so the structure stays where it was moved to.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, cg

from hnmref.modes.mgr import topology_from_bonds

#: An angle's stiffness, as the distance of its ends, against a bond's.
_ANGLE_STIFFNESS = 0.3

#: Damping of a step, in units of a bond's stiffness: what moving an atom costs.
_DAMPING = 0.02

#: A step's equations are solved to this share of their right-hand side, ...
_PRECISION = 0.01

#: ... with so many products at the most.
_MAX_PRODUCTS = 100


@dataclass(frozen=True)
class Geometry:
    """Distances that bonds and angles hold.

    pairs : (n, 2) int array of atoms.
    lengths : (n,) array, Å.
    roots : (n,) array: square roots of their stiffness; 1 for a bond.
    """

    pairs: np.ndarray
    lengths: np.ndarray
    roots: np.ndarray


def geometry_of(coordinates: np.ndarray, bonds: np.ndarray) -> Geometry:
    """The bonds and angles of a structure, at rest as they are.

    coordinates : (N, 3) array, Å; bonds : (n, 2) pairs of atoms.
    """
    topology = topology_from_bonds(bonds, len(coordinates))
    pairs = np.concatenate([topology.bonds, topology.angles[:, [0, 2]]])
    roots = np.full(len(pairs), np.sqrt(_ANGLE_STIFFNESS))
    roots[: len(topology.bonds)] = 1.0
    return Geometry(pairs, distances(coordinates, pairs), roots)


def distances(coordinates: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """(n,) distances, Å, of (n, 2) pairs of atoms."""
    return np.linalg.norm(coordinates[pairs[:, 0]] - coordinates[pairs[:, 1]], axis=1)


def relax(
    coordinates: np.ndarray, geometry: Geometry, n_steps: int = 10
) -> np.ndarray:
    """Coordinates (N, 3), Å, with the geometry's distances nearly restored.

    n_steps : Gauss-Newton steps at the most; fewer where they change nothing.
    """
    x = np.array(coordinates, dtype=float)
    first, second = geometry.pairs.T
    for _ in range(n_steps):
        arrow = x[first] - x[second]
        length = np.linalg.norm(arrow, axis=1)
        error = geometry.roots * (length - geometry.lengths)
        along = arrow * (geometry.roots / np.where(length > 0, length, 1.0))[:, None]
        slope = _slopes(first, second, along, len(x))
        back = slope.T.tocsr()
        normal = LinearOperator(
            (x.size, x.size), lambda v: back @ (slope @ v) + _DAMPING * v, dtype=float
        )
        step, _ = cg(normal, -(back @ error), rtol=_PRECISION, maxiter=_MAX_PRODUCTS)
        x += step.reshape(-1, 3)
        if np.abs(step).max() < 1e-3:
            break
    return x


def _slopes(
    first: np.ndarray, second: np.ndarray, along: np.ndarray, n_atoms: int
) -> sparse.csr_matrix:
    """(n, 3N) derivatives of the weighted distances by the coordinates."""
    axes = np.arange(3)
    columns = np.concatenate([3 * first[:, None] + axes, 3 * second[:, None] + axes], 1)
    values = np.concatenate([along, -along], axis=1)
    starts = np.arange(0, values.size + 1, 6)
    shape = (len(first), 3 * n_atoms)
    return sparse.csr_matrix((values.ravel(), columns.ravel(), starts), shape=shape)
