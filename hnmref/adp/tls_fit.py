"""TLS fitted to displacements by linear least squares, isotropic or anisotropic.

U = E Π Eᵀ is linear in Π, and Π is a sum of as many fixed motions as data can
tell apart: 20 where U is anisotropic (T, L, and S without its trace), 10 where
only U_iso = tr U / 3 is known (a translation, the antisymmetric part of S, and L;
Painter & Merritt 2006, J. Appl. Cryst. 39, 109). In the second case tr U is any
quadratic function of the coordinates.

The fit is not held to a semidefinite Π: it measures how far atoms move alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hnmref.adp.restraint import FROBENIUS_WEIGHTS
from hnmref.adp.tls import rigid_basis

_ROWS = np.array([0, 1, 2, 0, 0, 1])
_COLUMNS = np.array([0, 1, 2, 1, 2, 2])

#: An isotropic error of U counts as much as the same error of U_iso.
_COMPONENT_WEIGHTS = np.sqrt(FROBENIUS_WEIGHTS / 3)
#: Motions that a group's shape leaves undetermined are those below this part of
#: the best determined one.
_RANK_TOLERANCE = 1e-9


def _symmetric_motions(offset: int) -> list[np.ndarray]:
    """The six symmetric blocks on Π's diagonal that begin at a row."""
    motions = []
    for row, column in zip(_ROWS, _COLUMNS):
        pi = np.zeros((6, 6))
        pi[offset + row, offset + column] = pi[offset + column, offset + row] = 1.0
        motions.append(pi)
    return motions


def _screw_motion(screw: np.ndarray) -> np.ndarray:
    """Π with nothing but a screw S."""
    pi = np.zeros((6, 6))
    pi[3:, :3], pi[:3, 3:] = screw, screw.T
    return pi


def _unit(row: int, column: int) -> np.ndarray:
    """A 3 × 3 matrix with one 1."""
    matrix = np.zeros((3, 3))
    matrix[row, column] = 1.0
    return matrix


_PAIRS = ((1, 2), (0, 2), (0, 1))
#: (10, 6, 6) motions that U_iso can tell apart.
ISOTROPIC_MOTIONS = np.array(
    [np.diag([1.0, 1, 1, 0, 0, 0])]
    + [_screw_motion(_unit(i, j) - _unit(j, i)) for i, j in _PAIRS]
    + _symmetric_motions(3)
)
#: (20, 6, 6) motions that U can tell apart.
ANISOTROPIC_MOTIONS = np.array(
    _symmetric_motions(0)
    + [_screw_motion(_unit(i, i) - _unit(2, 2)) for i in range(2)]
    + [_screw_motion(_unit(*pair)) for i, j in _PAIRS for pair in ((i, j), (j, i))]
    + _symmetric_motions(3)
)


@dataclass(frozen=True)
class TlsFit:
    """TLS nearest to the displacements of a group of atoms.

    :ivar origin: (3,) the group's centroid, Å.
    :ivar pi: (6, 6) covariance in ``rigid_basis`` about the origin, Å and radian;
        ``tls_from_pi`` gives T, L and S. What the data do not determine is as
        small as can be. Not always semidefinite.
    :ivar residual: Σ_j ‖U_j − U_TLS,j‖²/3 or Σ_j (U_iso,j − tr U_TLS,j/3)², Å⁴.
    """

    origin: np.ndarray
    pi: np.ndarray
    residual: float


def motions(u: np.ndarray) -> np.ndarray:
    """(p, 6, 6) motions of which displacements (N,) or (N, 6) determine amounts."""
    return ISOTROPIC_MOTIONS if np.ndim(u) == 1 else ANISOTROPIC_MOTIONS


def linear_system(sites: np.ndarray, u: np.ndarray, origin: np.ndarray) -> np.ndarray:
    """What each motion does to each atom's U, and in the last column U itself.

    Rows are weighted so that sums of their squares are the residual of a fit.

    :param sites: (N, 3) Cartesian, Å.
    :param u: (N,) U_iso or (N, 6) U, Å².
    :returns: (N, c, p + 1); c = 1 and p = 10, or c = 6 and p = 20.
    """
    u = np.asarray(u, float)
    basis = rigid_basis(sites, origin)
    moved = np.einsum("nai,kij->nkaj", basis, motions(u))
    if u.ndim == 1:
        design = np.einsum("nkaj,naj->nk", moved, basis) / 3
        return np.concatenate([design, u[:, None]], axis=1)[:, None]
    tensors = np.einsum("nkaj,nbj->nabk", moved, basis)[:, _ROWS, _COLUMNS]
    system = np.concatenate([tensors, u[:, :, None]], axis=2)
    return system * _COMPONENT_WEIGHTS[:, None]


def fit_tls(sites: np.ndarray, u: np.ndarray) -> TlsFit:
    """The TLS tensors nearest to the displacements of some atoms.

    :param sites: (N, 3) Cartesian, Å.
    :param u: (N,) U_iso or (N, 6) U, Å².
    """
    origin = np.mean(sites, axis=0)
    system = linear_system(sites, u, origin)
    flat = system.reshape(-1, system.shape[-1])
    design, values = flat[:, :-1], flat[:, -1]
    scale = column_lengths(design)
    amounts = np.linalg.lstsq(design / scale, values, rcond=_RANK_TOLERANCE)[0]
    residual = float(np.sum((values - design @ (amounts / scale)) ** 2))
    pi = np.einsum("k,kij->ij", amounts / scale, motions(u))
    return TlsFit(origin, pi, residual)


def deviations(fit: TlsFit, sites: np.ndarray, u: np.ndarray) -> np.ndarray:
    """(N, c) weighted differences of displacements from a fit, Å².

    Their squares add up to the residual.
    """
    u = np.asarray(u, float)
    basis = rigid_basis(sites, fit.origin)
    tensors = basis @ fit.pi @ basis.transpose(0, 2, 1)
    if u.ndim == 1:
        return (u - np.trace(tensors, axis1=1, axis2=2) / 3)[:, None]
    return (u - tensors[:, _ROWS, _COLUMNS]) * _COMPONENT_WEIGHTS


def column_lengths(matrices: np.ndarray) -> np.ndarray:
    """Lengths of the columns of one or many matrices, 1 where they are zero."""
    lengths = np.linalg.norm(matrices, axis=-2)
    return np.where(lengths > 0, lengths, 1.0)


def squared_distance(factors: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Squares of the distances of vectors from the ranges of singular matrices.

    :param factors: (B, p, p).
    :param values: (B, p).
    """
    scaled = factors / column_lengths(factors)[:, None, :]
    left, sizes, _ = np.linalg.svd(scaled)
    kept = sizes > _RANK_TOLERANCE * sizes[:, :1]
    along = np.einsum("bij,bi->bj", left, values)
    return np.sum(np.where(kept, 0.0, along) ** 2, axis=1)


def is_singular(factors: np.ndarray) -> np.ndarray:
    """(B,) whether triangular matrices (B, p, p) may not have full rank."""
    diagonal = np.abs(np.diagonal(factors, axis1=1, axis2=2))
    return np.any(diagonal <= 10 * _RANK_TOLERANCE * column_lengths(factors), axis=1)
