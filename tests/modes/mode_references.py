"""Structures with known answers, and plain dense references."""

from __future__ import annotations

import numpy as np


def ball(n_atoms: int, seed: int, spacing: float = 1.5) -> np.ndarray:
    """(N, 3) random points of about this spacing (Å), none closer than half."""
    rng = np.random.default_rng(seed)
    side = spacing * n_atoms ** (1 / 3)
    points = np.empty((0, 3))
    while len(points) < n_atoms:
        point = rng.uniform(0, side, 3)
        distances = np.linalg.norm(points - point, axis=1)
        if distances.min(initial=np.inf) > spacing / 2:
            points = np.vstack([points, point])
    return points


def helix(n_residues: int, atoms_per_residue: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """A chain of atoms on a helix, (N, 3) Å, and the residue of each."""
    t = np.arange(n_residues * atoms_per_residue)
    angle = t * 1.7 / atoms_per_residue * 2
    radius = 2.3 + 1.2 * (t % atoms_per_residue)
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle), 0.4 * t], axis=1)
    return points, t // atoms_per_residue


def dense_hessian(
    coordinates: np.ndarray, cutoff: float, stiffness=lambda r: 1.0
) -> np.ndarray:
    """3N × 3N Hessian of springs within the cut-off, pair by pair."""
    n = len(coordinates)
    hessian = np.zeros((n, 3, n, 3))
    for i in range(n):
        for j in range(i):
            d = coordinates[i] - coordinates[j]
            r = np.linalg.norm(d)
            if r <= cutoff:
                block = stiffness(r) * np.outer(d, d) / r**2
                hessian[i, :, i] += block
                hessian[j, :, j] += block
                hessian[i, :, j] -= block
                hessian[j, :, i] -= block
    return hessian.reshape(3 * n, 3 * n)


def rotation(seed: int) -> np.ndarray:
    """A random proper rotation."""
    q, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((3, 3)))
    return q * np.linalg.det(q)


def flat(vectors: np.ndarray) -> np.ndarray:
    """(N, 3, n) vectors as the columns of a (3N, n) matrix."""
    return vectors.reshape(-1, vectors.shape[2])


def same_subspace(a: np.ndarray, b: np.ndarray) -> float:
    """Smallest cosine between the spans of two (3N, n) matrices."""
    qa, qb = np.linalg.qr(a)[0], np.linalg.qr(b)[0]
    return float(np.linalg.svd(qa.T @ qb, compute_uv=False).min())
