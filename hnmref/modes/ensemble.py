"""Conformers with a given joint covariance of modes, along screws of rigid blocks.

Amplitudes are normal with covariance Π = Ω Ωᵀ, so the displacements of a group's
atoms have the joint covariance E Π Eᵀ to first order (thesis, eq. 15). The atoms go
there on screws of their blocks (:mod:`hnmref.modes.nonlinear`), which keeps every
distance within a block.

A covariance from k plain draws is off by about √(2/k), 6 % for 500. So draws come in
pairs of opposite sign, and are whitened: their mean is zero and their covariance Π,
both exactly. What U then lacks of E Π Eᵀ is the screws' curvature alone.

Screws part the blocks, and a block that turns far has less U than a straight motion of
the same velocities. :func:`settle` mends both, as far as they agree with each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hnmref.errors import ModesError
from hnmref.modes.nonlinear import block_motions, displace
from hnmref.modes.relaxation import Geometry, distances, relax

#: Times that bonds and U are restored in turn.
_ROUNDS = 2

#: Variances (Å²) below this are an atom's that does not move.
_NO_MOTION = 1e-9

#: Rows and columns of the six components of U.
_ROWS = [0, 1, 2, 0, 0, 1]
_COLUMNS = [0, 1, 2, 1, 2, 2]


@dataclass(frozen=True)
class MovingGroup:
    """Atoms that move together, and how much.

    atoms : (M,) their indices in the model.
    vectors : (M, 3, n) array E, Cartesian displacements along each mode.
    omega : (n, m) factor of the amplitudes' covariance, Π = Ω Ωᵀ; the unit of
        E Ω is Å.
    """

    atoms: np.ndarray
    vectors: np.ndarray
    omega: np.ndarray


def can_be_exact(n_conformers: int, n_amplitudes: int) -> bool:
    """Whether so many draws can have any given covariance exactly."""
    return n_conformers // 2 >= n_amplitudes


def draw_amplitudes(
    omega: np.ndarray, n_conformers: int, rng: np.random.Generator
) -> np.ndarray:
    """Normal amplitudes (n_conformers, n) with covariance Ω Ωᵀ.

    They are pairs ±a in any order, and one a = 0 where n_conformers is odd. The
    covariance (divided by n_conformers) is exact where :func:`can_be_exact`, and
    that of a sample otherwise.

    Raises
    ------
    ModesError : fewer than two conformers.
    """
    if n_conformers < 2:
        raise ModesError(
            f"an ensemble has two conformers or more, not {n_conformers}: ask for more"
        )
    n_pairs = n_conformers // 2
    half = rng.standard_normal((n_pairs, omega.shape[1]))
    if can_be_exact(n_conformers, omega.shape[1]):
        values, axes = np.linalg.eigh(2 * half.T @ half / n_conformers)
        half = half @ (axes / np.sqrt(values)) @ axes.T
    centre = np.zeros((n_conformers % 2, omega.shape[1]))
    draws = np.concatenate([half, -half, centre])
    return rng.permutation(draws) @ omega.T


def draw_conformers(
    coordinates: np.ndarray,
    blocks: np.ndarray,
    groups: Sequence[MovingGroup],
    n_conformers: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Conformers (n_conformers, N, 3), Å, of groups that move independently.

    Parameters
    ----------
    coordinates : (N, 3) array, Å. Atoms in no group stay here.
    blocks : (N,) labels of the rigid blocks. Within a block distances stay the same.
    groups : no atom is in two of them.

    Raises
    ------
    ModesError : fewer than two conformers, or arrays of different lengths.
    """
    x = np.asarray(coordinates, dtype=float)
    conformers = np.repeat(x[None], n_conformers, axis=0)
    for group in groups:
        amplitudes = draw_amplitudes(group.omega, n_conformers, rng)
        conformers[:, group.atoms] = displace(
            x[group.atoms], blocks[group.atoms], group.vectors, amplitudes
        )
    return conformers


def scatter(
    conformers: np.ndarray, u_local: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """The same conformers with each atom's own isotropic motion, (N,) U_local, Å²."""
    return conformers + np.sqrt(u_local)[:, None] * rng.standard_normal(
        conformers.shape
    )


def block_turns(
    coordinates: np.ndarray, blocks: np.ndarray, groups: Sequence[MovingGroup]
) -> np.ndarray:
    """(N,) root-mean-square angle, radians, that each atom's block turns by.

    To first order, as E Ω has it. Zero for atoms in no group.
    """
    turns = np.zeros(len(coordinates))
    for group in groups:
        motions = block_motions(
            coordinates[group.atoms], blocks[group.atoms], group.vectors
        )
        angles = np.linalg.norm(motions.angular @ group.omega, axis=(1, 2))
        turns[group.atoms] = angles[motions.blocks]
    return turns


def ensemble_u(conformers: np.ndarray) -> np.ndarray:
    """(N, 6) covariance of each atom's places about their mean, Å²."""
    moved = conformers - conformers.mean(axis=0)
    pairs = zip(_ROWS, _COLUMNS)
    sums = [np.einsum("kj,kj->j", moved[..., a], moved[..., b]) for a, b in pairs]
    return np.stack(sums, axis=1) / len(conformers)


def settle(
    conformers: np.ndarray,
    geometry: Geometry,
    u: np.ndarray | None,
    *,
    end_with_u: bool,
) -> np.ndarray:
    """The nearby conformers (k, N, 3), Å, that have a geometry's bonds and a given U.

    Bonds and angles, and U, are restored in turn, twice. What comes last is exact.

    Parameters
    ----------
    geometry : bonds and angles to hold.
    u : (N, 6) U to have, Å²; atoms without any are left to their bonds. None: bonds
        alone, for conformers that are too few to have a given U.
    end_with_u : U comes last; else the bonds.
    """
    if u is None:
        return np.array([relax(x, geometry) for x in conformers])
    for turn in range(_ROUNDS):
        conformers = np.array([relax(x, geometry) for x in conformers])
        if end_with_u or turn + 1 < _ROUNDS:
            conformers = match_u(conformers, u)
    return conformers


def match_u(conformers: np.ndarray, u: np.ndarray) -> np.ndarray:
    """The same conformers, each atom's displacements mapped linearly to have its U.

    About the mean, which stays, by the symmetric matrix that changes them least:
    ``A^-1/2 (A^1/2 B A^1/2)^1/2 A^-1/2`` from covariance A to B. Atoms stay where
    they are whose wanted or present U is zero.
    """
    present, wanted = _matrices(ensemble_u(conformers)), _matrices(u)
    smallest = [np.linalg.eigvalsh(a)[:, 0] for a in (present, wanted)]
    moving = np.flatnonzero(np.minimum(*smallest) > _NO_MOTION)
    root, inverse = (_power(present[moving], p) for p in (0.5, -0.5))
    maps = inverse @ _power(root @ wanted[moving] @ root, 0.5) @ inverse
    matched = conformers.copy()
    mean = conformers[:, moving].mean(axis=0)
    displaced = conformers[:, moving] - mean
    matched[:, moving] = mean + np.einsum("jab,kjb->kja", maps, displaced)
    return matched


def length_changes(
    conformers: np.ndarray, coordinates: np.ndarray, bonds: np.ndarray
) -> np.ndarray:
    """(n_conformers, n) changes, Å, of the lengths of (n, 2) bonds."""
    before = distances(coordinates, bonds)
    return np.array([distances(x, bonds) - before for x in conformers])


def _matrices(u: np.ndarray) -> np.ndarray:
    """(N, 3, 3) symmetric matrices of (N, 6) components."""
    return u[:, [0, 3, 4, 3, 1, 5, 4, 5, 2]].reshape(-1, 3, 3)


def _power(matrices: np.ndarray, power: float) -> np.ndarray:
    """(n, 3, 3) powers of positive definite matrices."""
    values, axes = np.linalg.eigh(matrices)
    return (axes * values[:, None, :] ** power) @ axes.transpose(0, 2, 1)
