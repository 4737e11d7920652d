"""Chains of atoms that move as known rigid bodies."""

from __future__ import annotations

import numpy as np

from hnmref.adp.tls import u_from_tls

ATOMS_PER_RESIDUE = 8


def random_chain(rng, n_residues, atoms_per_residue=ATOMS_PER_RESIDUE):
    """Sites (N, 3) along a coil away from the origin, and each atom's residue."""
    steps = rng.normal(size=(n_residues, 3))
    steps *= 3.8 / np.linalg.norm(steps, axis=1)[:, None]
    centres = np.cumsum(steps, axis=0) + [40.0, -20.0, 60.0]
    residue_of = np.repeat(np.arange(n_residues), atoms_per_residue)
    return centres[residue_of] + rng.normal(size=(len(residue_of), 3)), residue_of


def random_tls(rng):
    """T (Å²), L (degree²) and S (Å degree) of a motion that can be."""
    t, lib = rng.normal(scale=0.3, size=(3, 3)), rng.normal(scale=2, size=(3, 3))
    t, lib = t @ t.T + 0.2 * np.eye(3), lib @ lib.T
    rows, columns = [0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]
    screw = rng.normal(scale=0.1, size=(3, 3))
    screw -= np.eye(3) * np.trace(screw) / 3
    return t[rows, columns], lib[rows, columns], screw.ravel()


def moving_bodies(rng, sites, residue_of, starts):
    """(N, 6) U of segments that begin at these residues, each with its own TLS."""
    body_of = np.searchsorted(starts, residue_of, side="right") - 1
    u = np.empty((len(sites), 6))
    for body in range(len(starts)):
        inside = body_of == body
        origin = sites[inside].mean(axis=0) + rng.normal(scale=5, size=3)
        u[inside] = u_from_tls(sites[inside], *random_tls(rng), origin)
    return u


def isotropic(u):
    """(N,) mean of the diagonal."""
    return u[:, :3].mean(axis=1)
