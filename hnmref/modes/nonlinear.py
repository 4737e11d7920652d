"""Nonlinear motion along modes: rigid blocks on screws (NOLB).

A mode gives every rigid block an instantaneous linear and angular velocity. Going
on along straight lines stretches the block; going on with both velocities kept
is a screw: a turn about an axis beside the block's centre, and a shift along that
axis (Hoffmann & Grudinin 2017, J. Chem. Theory Comput. 13, 2123). Blocks stay
rigid however far they go, and the start of the path is the linear mode.

The screw is written as the exponential of the velocities, which has a limit
where the turn vanishes and its axis lies at infinity:
``x' = c + R (x - c) + V v``, with R the rotation by the vector w and
``V = integral_0^1 exp(s [w]) ds``; v and w are the velocities times the amplitude.

Modes are joined before they move anything: a block's velocities along several
modes are summed and give one screw. Screws one after the other (NOLB's choice,
slow modes first) would depend on their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from hnmref.errors import ModesError

#: Moments of inertia per mass (Å²) below this belong to a block in one point.
_POINT_TOLERANCE = 1e-8

#: A moment below this share of a block's largest belongs to atoms on the axis.
_AXIS_TOLERANCE = 1e-8

#: Angles (radians) below this take the series of (x - sin x) / x^3, whose closed
#: form loses its digits.
_SMALL_ANGLE = 0.05


@dataclass(frozen=True)
class BlockMotions:
    """Velocities of rigid blocks along modes, a unit of amplitude per unit of time.

    blocks : (N,) int array, the block of each atom, 0 .. n_blocks - 1.
    origins : (n_blocks, 3) array, Å: each block's centre of mass.
    linear : (n_blocks, 3, n) array: velocity of the centre.
    angular : (n_blocks, 3, n) array, radians: angular velocity.
    rigid_share : (n,) array: share of each mode's kinetic energy that rigid
        blocks carry. 1 for modes that were computed with these blocks.
    """

    blocks: np.ndarray
    origins: np.ndarray
    linear: np.ndarray
    angular: np.ndarray
    rigid_share: np.ndarray


def block_motions(
    coordinates: np.ndarray,
    blocks: np.ndarray | Sequence,
    vectors: np.ndarray,
    masses: np.ndarray | None = None,
) -> BlockMotions:
    """The rigid motion of each block that is nearest to the atoms' displacements.

    By least squares, weighted with the masses: exact for modes of rigid blocks
    (RTB), whatever file they come from.

    Parameters
    ----------
    coordinates : (N, 3) array, Å.
    blocks : (N,) labels of the blocks, of any kind.
    vectors : (N, 3, n) array, Cartesian displacements as in ``ModeSet``.
    masses : (N,) array, or None for unit masses.

    Raises
    ------
    ModesError : arrays of different lengths.
    """
    x = np.asarray(coordinates, dtype=float)
    labels, masses = _checked(x, blocks, vectors, masses)
    n_blocks = int(labels.max()) + 1
    n_modes = vectors.shape[2]
    gather = sparse.csr_matrix((np.ones(len(x)), (labels, np.arange(len(x)))))
    total = gather @ masses
    origins = (gather @ (masses[:, None] * x)) / total[:, None]
    arms = x - origins[labels]
    momenta = masses[:, None, None] * vectors
    linear = (gather @ momenta.reshape(len(x), -1)).reshape(n_blocks, 3, n_modes)
    linear /= total[:, None, None]
    turning = np.cross(arms[:, :, None], momenta, axisa=1, axisb=1, axisc=1)
    turning = (gather @ turning.reshape(len(x), -1)).reshape(n_blocks, 3, n_modes)
    angular = _inverse_inertia(arms, masses, gather, total) @ turning
    motions = BlockMotions(labels, origins, linear, angular, np.ones(n_modes))
    left = vectors - block_displacements(motions, x)
    energy = np.einsum("j,jam->m", masses, vectors**2)
    missed = np.einsum("j,jam->m", masses, left**2)
    share = 1.0 - missed / np.where(energy > 0, energy, 1.0)
    return BlockMotions(labels, origins, linear, angular, share)


def block_displacements(
    motions: BlockMotions,
    coordinates: np.ndarray,
    atoms: np.ndarray | slice = slice(None),
) -> np.ndarray:
    """First-order displacements (M, 3, n) of some atoms at (N, 3) coordinates, Å."""
    blocks = motions.blocks[atoms]
    arms = coordinates[atoms] - motions.origins[blocks]
    turned = np.cross(
        motions.angular[blocks], arms[:, :, None], axisa=1, axisb=1, axisc=1
    )
    return motions.linear[blocks] + turned


def advance(
    motions: BlockMotions, coordinates: np.ndarray, amplitudes: np.ndarray
) -> tuple[np.ndarray, BlockMotions]:
    """Move the blocks along modes jointly; their velocities go and turn with them.

    A block that turned moves on along its own turned axes, so that a domain
    that opened swings about the hinge where the hinge is now.

    Parameters
    ----------
    motions : as at these coordinates.
    coordinates : (N, 3) array, Å.
    amplitudes : (n,) array.

    Returns
    -------
    The new coordinates, and the blocks' motions there.
    """
    rotation, shift = screw(motions.linear @ amplitudes, motions.angular @ amplitudes)
    origins = motions.origins + shift
    blocks = motions.blocks
    arms = coordinates - motions.origins[blocks]
    moved = np.einsum("jab,jb->ja", rotation[blocks], arms) + origins[blocks]
    turned = BlockMotions(
        blocks,
        origins,
        rotation @ motions.linear,
        rotation @ motions.angular,
        motions.rigid_share,
    )
    return moved, turned


def displace(
    coordinates: np.ndarray,
    blocks: np.ndarray | Sequence,
    vectors: np.ndarray,
    amplitudes: np.ndarray,
    masses: np.ndarray | None = None,
) -> np.ndarray:
    """Conformers along modes, each block on the screw of its joint velocities.

    Parameters
    ----------
    coordinates : (N, 3) array, Å.
    blocks : (N,) labels of the rigid blocks.
    vectors : (N, 3, n) array, Cartesian displacements as in ``ModeSet``.
    amplitudes : (n,) array for one conformer, or (k, n) for k of them: what the
        vectors are multiplied by.
    masses : (N,) array, or None for unit masses; they matter only where blocks
        do not move rigidly along the modes.

    Returns
    -------
    (N, 3) or (k, N, 3) array, Å.

    Raises
    ------
    ModesError : arrays of different lengths.
    """
    motions = block_motions(coordinates, blocks, vectors, masses)
    amplitudes = np.asarray(amplitudes, dtype=float)
    n_modes = vectors.shape[2]
    if amplitudes.ndim not in (1, 2) or amplitudes.shape[-1] != n_modes:
        raise ModesError(
            f"amplitudes must be {n_modes} numbers, one a mode, for each conformer, "
            f"not an array of shape {amplitudes.shape}"
        )
    x = np.asarray(coordinates, dtype=float)
    rows = np.atleast_2d(amplitudes)
    conformers = np.empty((len(rows), *x.shape))
    for conformer, row in zip(conformers, rows):
        conformer[:] = advance(motions, x, row)[0]
    return conformers if amplitudes.ndim == 2 else conformers[0]


def screw(linear: np.ndarray, angular: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The motion in unit time of bodies whose velocities turn with them.

    Parameters
    ----------
    linear, angular : (n, 3) arrays, Å and radians; velocity of a body's origin
        and angular velocity, both with respect to the body.

    Returns
    -------
    rotation : (n, 3, 3) array.
    shift : (n, 3) array, Å: displacement of the origin, V v.
    """
    angle = np.linalg.norm(angular, axis=1)
    square = angle**2
    sine = np.sinc(angle / np.pi)
    versine = 0.5 * np.sinc(angle / (2 * np.pi)) ** 2
    series = 1 / 6 - square / 120 + square**2 / 5040
    small = angle < _SMALL_ANGLE
    rest = np.where(small, series, (1 - sine) / np.where(small, 1.0, square))
    k = _cross_matrices(angular)
    k2 = k @ k
    rotation = np.eye(3) + sine[:, None, None] * k + versine[:, None, None] * k2
    path = np.eye(3) + versine[:, None, None] * k + rest[:, None, None] * k2
    return rotation, np.einsum("bij,bj->bi", path, linear)


def _cross_matrices(w: np.ndarray) -> np.ndarray:
    """(n, 3, 3) matrices [w] with [w] x = w × x."""
    k = np.zeros((len(w), 3, 3))
    k[:, 2, 1], k[:, 0, 2], k[:, 1, 0] = w.T
    return k - k.transpose(0, 2, 1)


def _inverse_inertia(
    arms: np.ndarray, masses: np.ndarray, gather: sparse.csr_matrix, total: np.ndarray
) -> np.ndarray:
    """(n_blocks, 3, 3) inverses; zero about axes that a block cannot turn about."""
    outer = masses[:, None, None] * arms[:, :, None] * arms[:, None, :]
    moments = (gather @ outer.reshape(len(arms), 9)).reshape(-1, 3, 3)
    trace = np.trace(moments, axis1=1, axis2=2)
    inertia = trace[:, None, None] * np.eye(3) - moments
    # In one point there is only the rounding of the centre to divide by.
    inertia[trace < _POINT_TOLERANCE * total] = 0.0
    return np.linalg.pinv(inertia, rcond=_AXIS_TOLERANCE, hermitian=True)


def _checked(
    x: np.ndarray, blocks: Sequence, vectors: np.ndarray, masses: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Blocks as 0 .. n_blocks - 1, and masses; raise ModesError on odd shapes."""
    n_atoms = len(x)
    labels = np.asarray(blocks)
    given = np.ones(n_atoms) if masses is None else np.asarray(masses, dtype=float)
    sound = x.ndim == 2 and x.shape[1] == 3 and n_atoms and np.ndim(vectors) == 3
    if not sound or vectors.shape[:2] != (n_atoms, 3):
        raise ModesError(
            f"the modes have vectors of shape {np.shape(vectors)} and the structure "
            f"coordinates of shape {x.shape}: use the modes of this structure"
        )
    if labels.shape != (n_atoms,) or given.shape != (n_atoms,):
        raise ModesError(
            f"blocks and masses must be {n_atoms} values, one an atom, not arrays of "
            f"shapes {labels.shape} and {given.shape}"
        )
    return np.unique(labels, return_inverse=True)[1].reshape(-1), given
