"""TLS: what is left of normal modes when only the six rigid-body ones are kept.

A group that moves as a rigid body displaces the atom at r (from the origin) by
t + ω × r. With the six amplitudes σ = (t, ω) and their covariance
Π = ⟨σ σᵀ⟩ the atom's tensor is U = E Π Eᵀ, and Π's 3 × 3 blocks are T = ⟨t tᵀ⟩,
S = ⟨ω tᵀ⟩ and L = ⟨ω ωᵀ⟩ (Schomaker & Trueblood 1968).

Conventions of T, L and S are those of ``mmtbx.tls``: T (6,) in Å² and L (6,) in
degree², both in the order 11, 22, 33, 12, 13, 23; S (9,) in Å degree, row after
row, rows belonging to the rotation. U does not depend on the trace of S, which
is zero here as it is there.
"""

from __future__ import annotations

import numpy as np

from hnmref.errors import InputError

#: Row and column of each of the six components.
_ROWS = np.array([0, 1, 2, 0, 0, 1])
_COLUMNS = np.array([0, 1, 2, 1, 2, 2])

_DEGREE = np.pi / 180.0


def rigid_basis(sites: np.ndarray, origin: np.ndarray) -> np.ndarray:
    """Displacements of a rigid body: translations along and rotations about x, y, z.

    The columns are neither normalised nor orthogonal: amplitudes are in Å for
    the translations and in radian for the rotations, whatever the group.

    :param sites: (N, 3) Cartesian, Å.
    :param origin: (3,) the point that rotations leave in place, Å.
    :return: (N, 3, 6).
    """
    x, y, z = (np.asarray(sites, float) - np.asarray(origin, float)).T
    basis = np.zeros((len(x), 3, 6))
    basis[:, [0, 1, 2], [0, 1, 2]] = 1.0
    basis[:, 1, 3], basis[:, 2, 3] = -z, y
    basis[:, 0, 4], basis[:, 2, 4] = z, -x
    basis[:, 0, 5], basis[:, 1, 5] = -y, x
    return basis


def rigid_covariance(
    vectors: np.ndarray, pi: np.ndarray, sites: np.ndarray, origin: np.ndarray
) -> np.ndarray:
    """Covariance in ``rigid_basis`` of a motion given in other rigid-body modes.

    :param vectors: (N, 3, n) modes that are rigid-body motions, for example the
        zero-frequency modes of an elastic network.
    :param pi: (n, n) covariance of their amplitudes.
    :param sites: (N, 3) Cartesian, Å.
    :param origin: (3,) Å.
    :return: (6, 6).
    :raises InputError: where the modes deform the group.
    """
    vectors = np.asarray(vectors, float)
    basis = rigid_basis(sites, origin).reshape(-1, 6)
    modes = vectors.reshape(len(basis), -1)
    change = np.linalg.lstsq(basis, modes, rcond=None)[0]
    misfit = np.linalg.norm(basis @ change - modes, axis=0)
    if np.any(misfit > 1e-6 * np.linalg.norm(modes, axis=0)):
        raise InputError(
            f"mode {int(np.argmax(misfit)) + 1} is not a rigid-body motion, so that "
            "there is no TLS for it: give the zero-frequency modes only"
        )
    return change @ pi @ change.T


def tls_from_pi(pi: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """T, L and S of a covariance in ``rigid_basis``, about that basis's origin.

    :param pi: (6, 6), symmetric; Å and radian.
    :return: T (6,) Å², L (6,) degree², S (9,) Å degree with trace zero.
    """
    pi = np.asarray(pi, float)
    libration = pi[3 + _ROWS, 3 + _COLUMNS]
    screw = pi[3:, :3] - np.eye(3) * np.trace(pi[3:, :3]) / 3
    return pi[_ROWS, _COLUMNS], libration / _DEGREE**2, screw.ravel() / _DEGREE


def pi_from_tls(
    translation: np.ndarray, libration: np.ndarray, screw: np.ndarray
) -> np.ndarray:
    """Covariance in ``rigid_basis`` of T, L and S about the same origin.

    Data do not determine the trace of S and it is taken as it comes, so that Π
    may have a negative eigenvalue although another trace would give none.

    :param translation: T (6,) Å².
    :param libration: L (6,) degree².
    :param screw: S (9,) Å degree.
    :return: (6, 6), symmetric; Å and radian.
    """
    pi = np.empty((6, 6))
    pi[_ROWS, _COLUMNS] = pi[_COLUMNS, _ROWS] = translation
    squares = np.asarray(libration, float) * _DEGREE**2
    pi[3 + _ROWS, 3 + _COLUMNS] = pi[3 + _COLUMNS, 3 + _ROWS] = squares
    mixed = np.asarray(screw, float).reshape(3, 3) * _DEGREE
    pi[3:, :3], pi[:3, 3:] = mixed, mixed.T
    return pi


def u_from_tls(
    sites: np.ndarray,
    translation: np.ndarray,
    libration: np.ndarray,
    screw: np.ndarray,
    origin: np.ndarray,
) -> np.ndarray:
    """Displacement tensors of a TLS group's atoms.

    :param sites: (N, 3) Cartesian, Å.
    :param translation: T (6,) Å².
    :param libration: L (6,) degree².
    :param screw: S (9,) Å degree.
    :param origin: (3,) Å.
    :return: (N, 6) Å², Cartesian.
    """
    basis = rigid_basis(sites, origin)
    u = basis @ pi_from_tls(translation, libration, screw) @ basis.transpose(0, 2, 1)
    return u[:, _ROWS, _COLUMNS]
