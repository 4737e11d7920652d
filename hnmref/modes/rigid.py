"""Rigid-body motions of atoms and of groups of atoms, analytically.

A rigid body's small displacement is a translation plus a rotation,
``u_j = t + w x (r_j - c)``. About the centroid (centre of mass) translations
and rotations are orthogonal, and the inertia tensor orthonormalises the
rotations among themselves. One atom has rank 3, a line of atoms rank 5.
"""

from __future__ import annotations

import numpy as np

#: A rotation whose moment of inertia is below this share of the largest one
#: moves no atom: the atoms lie on its axis.
_AXIS_TOLERANCE = 1e-8

#: Moments of inertia per mass (Å²) below this belong to atoms in one point.
_POINT_TOLERANCE = 1e-8


def rigid_body_modes(
    coordinates: np.ndarray, masses: np.ndarray | None = None
) -> np.ndarray:
    """Orthonormal translations and rotations of a set of atoms.

    Columns are translations along x, y, z, then rotations about x, y, z
    through the centre of mass, made orthonormal symmetrically (by I^-1/2, I
    the inertia tensor), so that they follow the coordinates smoothly. They
    span exactly the motions of the TLS model.

    Parameters
    ----------
    coordinates : (N, 3) array, Å, Cartesian.
    masses : (N,) array or None for unit masses.

    Returns
    -------
    (N, 3, 6) array with ``sum_j m_j V_j^T V_j = 1``; the last axis is 5 where
    all atoms lie on one line (rotations about principal axes) and 3 where
    there is a single point.
    """
    labels = np.zeros(len(coordinates), dtype=np.intp)
    weights = np.ones(len(coordinates)) if masses is None else np.asarray(masses)
    basis, present, axes = body_motions(np.asarray(coordinates), labels, weights)
    kept = basis[:, :, present[0]]
    if present[0].all():
        kept[:, :, 3:] = kept[:, :, 3:] @ axes[0].T
    return kept


def body_motions(
    coordinates: np.ndarray, labels: np.ndarray, masses: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Orthonormal rigid-body motions of every body at once.

    Parameters
    ----------
    coordinates : (N, 3) array, Å.
    labels : (N,) int array, 0 .. n_bodies - 1: the body of each atom.
    masses : (N,) array.

    Returns
    -------
    basis : (N, 3, 6) array: displacement of each atom for a unit of each of
        its body's motions (3 translations, 3 rotations about principal axes);
        ``sum_j m_j W_j^T W_j = 1`` over a body, save for motions it lacks,
        whose columns are zero.
    present : (n_bodies, 6) bool array: which motions a body has.
    axes : (n_bodies, 3, 3) array: principal axes in columns.
    """
    n_bodies = int(labels.max()) + 1
    total = np.bincount(labels, masses, n_bodies)
    centre = _sum_bodies(masses[:, None] * coordinates, labels, n_bodies)
    centre /= total[:, None]
    arm = coordinates - centre[labels]
    moments = _sum_bodies(
        (masses[:, None, None] * arm[:, :, None] * arm[:, None, :]).reshape(-1, 9),
        labels,
        n_bodies,
    ).reshape(-1, 3, 3)
    trace = np.trace(moments, axis1=1, axis2=2)
    inertia = trace[:, None, None] * np.eye(3) - moments
    moment, axes = np.linalg.eigh(inertia)
    turns = (moment > _AXIS_TOLERANCE * moment[:, -1:]) & (
        moment > _POINT_TOLERANCE * total[:, None]
    )
    axes = _right_handed(axes)

    scale = np.where(turns, 1.0 / np.sqrt(np.where(turns, moment, 1.0)), 0.0)
    basis = np.empty((len(coordinates), 3, 6))
    basis[:, :, :3] = np.eye(3) / np.sqrt(total)[labels, None, None]
    rotations = np.cross(axes.transpose(0, 2, 1)[labels], arm[:, None, :])
    basis[:, :, 3:] = (rotations * scale[labels][:, :, None]).transpose(0, 2, 1)
    present = np.hstack([np.ones((n_bodies, 3), dtype=bool), turns])
    return basis, present, axes


def _sum_bodies(values: np.ndarray, labels: np.ndarray, n_bodies: int) -> np.ndarray:
    """Sum the (N, m) rows of each body: (n_bodies, m)."""
    return np.stack([np.bincount(labels, v, n_bodies) for v in values.T], axis=1)


def _right_handed(axes: np.ndarray) -> np.ndarray:
    """Principal axes as proper rotations, so that rotations have one sense."""
    axes = axes.copy()
    axes[:, :, 2] *= np.linalg.det(axes)[:, None]
    return axes
