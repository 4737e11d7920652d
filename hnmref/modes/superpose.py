"""Superposition of structures: the rotation and translation of least squares.

Kabsch (1976, 1978), with weights where they are given, and on the part of a
structure that moved least where the rest would spoil the fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hnmref.errors import ModesError


@dataclass(frozen=True)
class Superposition:
    """A rigid motion that lays one structure on another.

    rotation : (3, 3) array, proper.
    translation : (3,) array, Å; applied after the rotation.
    rmsd : root-mean-square distance (weighted, Å) that is left.
    """

    rotation: np.ndarray
    translation: np.ndarray
    rmsd: float

    def apply(self, coordinates: np.ndarray) -> np.ndarray:
        """Move (…, 3) coordinates, Å: ``R x + t``."""
        return np.asarray(coordinates) @ self.rotation.T + self.translation


def superpose(
    mobile: np.ndarray, target: np.ndarray, weights: np.ndarray | None = None
) -> Superposition:
    """The rigid motion of mobile that brings its atoms nearest to target's.

    Minimises ``sum_j w_j |R x_j + t - y_j|^2``. Never a reflection. Where atoms
    lie on a line, or there are fewer than three, the best rotation is not
    unique, and one of them is given.

    Parameters
    ----------
    mobile, target : (N, 3) arrays, Å; the same atoms in the same order.
    weights : (N,) array, not negative, or None for equal ones.

    Raises
    ------
    ModesError : different numbers of atoms, none, or coordinates or weights
        that are not (usable) numbers.
    """
    x, y = _pair(mobile, target)
    w = _normalised(weights, len(x))
    centre_x, centre_y = w @ x, w @ y
    x, y = x - centre_x, y - centre_y
    u, _, vt = np.linalg.svd(y.T @ (w[:, None] * x))
    # The sign keeps the rotation proper, at the cost of the smallest term.
    handed = np.array([1.0, 1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    rotation = (u * handed) @ vt
    left = x @ rotation.T - y
    rmsd = float(np.sqrt(w @ np.einsum("ja,ja->j", left, left)))
    return Superposition(rotation, centre_y - rotation @ centre_x, rmsd)


def superpose_core(
    mobile: np.ndarray,
    target: np.ndarray,
    cutoff: float = 2.0,
    n_cycles: int = 20,
    weights: np.ndarray | None = None,
) -> tuple[Superposition, np.ndarray]:
    """Superpose on the atoms that fit, leaving outliers out cycle by cycle.

    A cycle keeps the atoms that lie nearer than cutoff after the last fit, or
    the nearer half of all where that is more: a fit is never left without a
    structure to hold on to. It ends when the atoms stay the same.

    Parameters
    ----------
    mobile, target : (N, 3) arrays, Å.
    cutoff : distance (Å) beyond which an atom is an outlier.
    n_cycles : fits after the first one at the most; 0 keeps all atoms.
    weights : (N,) array or None.

    Returns
    -------
    The superposition, its rmsd over the kept atoms, and the (N,) mask of these.

    Raises
    ------
    ModesError : as ``superpose``; a cutoff that is not positive.
    """
    if not cutoff > 0:
        raise ModesError(f"the cut-off of a superposition must be positive: {cutoff}")
    x, y = _pair(mobile, target)
    w = _normalised(weights, len(x))
    kept = np.ones(len(x), dtype=bool)
    fit = superpose(x, y, w)
    for _ in range(n_cycles):
        distance = np.linalg.norm(fit.apply(x) - y, axis=1)
        # An atom without weight says nothing of where the middle is.
        near = distance <= max(cutoff, np.median(distance[w > 0]))
        if np.array_equal(near, kept):
            break
        kept = near
        fit = superpose(x[kept], y[kept], w[kept])
    return fit, kept


def rmsd(first: np.ndarray, second: np.ndarray) -> float:
    """Root-mean-square distance (Å) of (N, 3) coordinates as they stand."""
    x, y = _pair(first, second)
    return float(np.sqrt(np.mean(np.sum((x - y) ** 2, axis=1))))


def _pair(mobile: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as (N, 3) float arrays of the same atoms."""
    x, y = np.asarray(mobile, dtype=float), np.asarray(target, dtype=float)
    if x.shape != y.shape or x.ndim != 2 or x.shape[1:] != (3,) or not len(x):
        raise ModesError(
            f"two structures can only be superposed on the same atoms, one at least: "
            f"their coordinates have the shapes {x.shape} and {y.shape}; match their "
            f"atoms first"
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ModesError(
            "some coordinates to superpose are not numbers: correct or leave out "
            "their atoms"
        )
    return x, y


def _normalised(weights: np.ndarray | None, n_atoms: int) -> np.ndarray:
    """Weights (N,) with the sum 1."""
    if weights is None:
        return np.full(n_atoms, 1.0 / n_atoms)
    w = np.asarray(weights, dtype=float)
    good = w.shape == (n_atoms,) and np.isfinite(w).all() and (w >= 0).all()
    if not good or not w.sum() > 0:
        raise ModesError(
            f"weights of a superposition must be {n_atoms} numbers that are not "
            f"negative, one an atom and not all zero"
        )
    return w / w.sum()
