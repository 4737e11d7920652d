"""How alike motions are: of two sets of modes, and of a mode and a transition.

Vectors are (N, 3, n) or, a single one, (N, 3), Cartesian displacements of the
same atoms. With masses the inner product is ``sum_j m_j a_j . b_j``, in which
modes with these masses are orthonormal and ΔΔPT's (mass-weighted) eigenvectors
have their plain one; without, all atoms count the same.
"""

from __future__ import annotations

import numpy as np

from hnmref.errors import ModesError
from hnmref.modes.superpose import superpose

#: Numbers in the largest temporary array.
_MOST_NUMBERS = 2**23


def overlaps(
    first: np.ndarray, second: np.ndarray, masses: np.ndarray | None = None
) -> np.ndarray:
    """Cosines between all motions of both, (n_first, n_second), -1 to 1.

    Signs are those of the vectors, which modes have at will.

    Raises
    ------
    ModesError : other atoms in one than in the other, or a motion without any
        displacement.
    """
    a, b = _unit_pair(first, second, masses)
    return a.T @ b


def per_atom_overlaps(
    first: np.ndarray, second: np.ndarray, masses: np.ndarray | None = None
) -> np.ndarray:
    """ΔΔPT's OVERLAP (equation 13), (n_first, n_second), 0 to 1.

    ``sum_j |a_j . b_j| / sqrt(sum_j |a_j|^2 sum_j |b_j|^2)``: atoms that move
    against each other do not cancel, so it is never less than the cosine.

    Raises
    ------
    ModesError : as for ``overlaps``.
    """
    a, b = _unit_pair(first, second, masses)
    a, b = a.reshape(-1, 3, a.shape[1]), b.reshape(-1, 3, b.shape[1])
    n_atoms, n_pairs = len(a), a.shape[2] * b.shape[2]
    result = np.zeros((a.shape[2], b.shape[2]))
    step = max(1, _MOST_NUMBERS // n_pairs)
    for start in range(0, n_atoms, step):
        some = slice(start, start + step)
        result += np.abs(a[some].transpose(0, 2, 1) @ b[some]).sum(axis=0)
    return result


def cumulative_overlaps(
    modes: np.ndarray, motions: np.ndarray, masses: np.ndarray | None = None
) -> np.ndarray:
    """How much of each motion the first modes hold together, (n_modes, n_motions).

    Row k is the length of the projection of the (unit) motion on the space of
    modes 0 to k: the root of the summed square overlaps where modes are
    orthonormal, and never above 1 where, as on some of the atoms, they are not.

    Raises
    ------
    ModesError : as for ``overlaps``; more than 3N modes.
    """
    a, b = _unit_pair(modes, motions, masses)
    return np.minimum(np.sqrt(np.cumsum((_basis(a).T @ b) ** 2, axis=0)), 1.0)


def rmsip(
    first: np.ndarray, second: np.ndarray, masses: np.ndarray | None = None
) -> float:
    """Root mean square inner product of two spaces, 0 to 1 (Amadei et al. 1999).

    1 where the smaller space lies within the larger one.

    Raises
    ------
    ModesError : as for ``overlaps``; more than 3N modes in one of them.
    """
    a, b = (_basis(x) for x in _unit_pair(first, second, masses))
    size = min(a.shape[1], b.shape[1])
    return float(min(np.sqrt(np.sum((a.T @ b) ** 2) / size), 1.0))


def structural_difference(
    start: np.ndarray, target: np.ndarray, masses: np.ndarray | None = None
) -> np.ndarray:
    """Displacements from one structure to the other, superposed, (N, 3) Å.

    The target is laid on the start by least squares, with masses where they are
    given, so that the difference holds no rigid-body motion of the whole.

    Raises
    ------
    ModesError : different numbers of atoms, or fewer than three.
    """
    if len(start) < 3:
        raise ModesError(
            f"{len(start)} atoms are too few for a structural difference: at least "
            f"three are needed"
        )
    return superpose(target, start, masses).apply(target) - np.asarray(start)


def _unit_pair(
    first: np.ndarray, second: np.ndarray, masses: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Both as unit columns (3N, n), with masses times their roots.

    Raises
    ------
    ModesError : different atoms, or a column without displacement.
    """
    columns = []
    for vectors in (first, second):
        vectors = np.asarray(vectors, dtype=float)
        vectors = vectors[:, :, None] if vectors.ndim == 2 else vectors
        if masses is not None and len(masses) == len(vectors):
            vectors = vectors * np.sqrt(np.asarray(masses))[:, None, None]
        columns.append(vectors.reshape(-1, vectors.shape[2]))
    n_atoms = [len(x) // 3 for x in columns]
    if n_atoms[0] != n_atoms[1] or (masses is not None and len(masses) != n_atoms[0]):
        with_masses = "" if masses is None else f" and {len(masses)} masses"
        raise ModesError(
            f"motions of {n_atoms[0]} and of {n_atoms[1]} atoms{with_masses} cannot be "
            f"compared: give those of the same atoms"
        )
    unit = []
    for x in columns:
        length = np.linalg.norm(x, axis=0)
        if not (length > 0).all():
            raise ModesError(
                "a motion without any displacement has no direction: are the two "
                "structures the same?"
            )
        unit.append(x / length)
    return unit[0], unit[1]


def _basis(x: np.ndarray) -> np.ndarray:
    """Orthonormal columns; the first k span what the first k of x do.

    Raises
    ------
    ModesError : more columns than rows.
    """
    if x.shape[1] > x.shape[0]:
        raise ModesError(
            f"{x.shape[1]} motions of {x.shape[0] // 3} atoms are more than these "
            f"atoms can have: compare fewer, or more atoms"
        )
    q, r = np.linalg.qr(x)
    # A vector that depends on those before it adds no direction.
    size = np.abs(np.diag(r))
    return q * (size > 1e-10 * size.max())
