"""How alike displacement tensors are, and how they change from atom to atom.

Tensors are (N, 6) in Å², Cartesian, in the order 11, 22, 33, 12, 13, 23. Pairs
of atoms are an (M, 2) array of indices, for example
``scipy.spatial.cKDTree(sites).query_pairs(NEIGHBOUR_DISTANCE,
output_type="ndarray")``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hnmref.adp.restraint import FROBENIUS_WEIGHTS
from hnmref.errors import InputError

#: B = 8π² U.
B_PER_U = 8.0 * np.pi**2

#: Atom pairs up to this distance (Å) enter P_KL's averages (thesis, eq. 21).
NEIGHBOUR_DISTANCE = 5.0

#: Where the six components stand in a 3 × 3 matrix.
_COMPONENTS = np.array([[0, 3, 4], [3, 1, 5], [4, 5, 2]])


def as_matrices(u: np.ndarray) -> np.ndarray:
    """(N, 3, 3) symmetric matrices of (N, 6) components."""
    return np.asarray(u, float)[:, _COMPONENTS]


def u_eq(u: np.ndarray) -> np.ndarray:
    """(N,) equivalent isotropic displacement: a third of the trace, Å²."""
    return np.asarray(u, float)[:, :3].mean(axis=1)


def isotropic_part(u: np.ndarray) -> np.ndarray:
    """(N, 6) tensors U_eq · 1."""
    result = np.zeros_like(u, dtype=float)
    result[:, :3] = u_eq(u)[:, None]
    return result


def add_isotropic(u: np.ndarray, u_iso: np.ndarray) -> np.ndarray:
    """(N, 6) of tensors (N, 6) with isotropic ones (N,) added."""
    total = u.copy()
    total[:, :3] += u_iso[:, None]
    return total


def deviatoric_part(u: np.ndarray) -> np.ndarray:
    """(N, 6) what is left of U without its isotropic part: of trace zero."""
    return u - isotropic_part(u)


def anisotropy(u: np.ndarray) -> np.ndarray:
    """(N,) smallest over largest eigenvalue: 1 is isotropic.

    Negative for a tensor that is not positive definite; not a number for U = 0.
    """
    eigenvalues = np.linalg.eigvalsh(as_matrices(u))
    with np.errstate(invalid="ignore"):
        return eigenvalues[:, 0] / eigenvalues[:, 2]


def kl_divergence(u_i: np.ndarray, u_j: np.ndarray) -> np.ndarray:
    """(N,) D_KL(i, j) of two Gaussians with the same mean (thesis, eq. 20).

    ``−3/2 + ½ ln(|U_j| / |U_i|) + ½ tr(U_j⁻¹ U_i)``; zero where they are equal.

    :raises InputError: where a tensor is not positive definite.
    """
    first, second = _positive_matrices(u_i), _positive_matrices(u_j)
    log_ratio = np.linalg.slogdet(second)[1] - np.linalg.slogdet(first)[1]
    return 0.5 * (log_ratio + _trace_of_ratio(first, second) - 3.0)


def symmetric_kl(u_i: np.ndarray, u_j: np.ndarray) -> np.ndarray:
    """(N,) D_KL(i, j) + D_KL(j, i), in which the logarithms cancel.

    :raises InputError: where a tensor is not positive definite.
    """
    first, second = _positive_matrices(u_i), _positive_matrices(u_j)
    traces = _trace_of_ratio(first, second) + _trace_of_ratio(second, first)
    return 0.5 * traces - 3.0


def pair_kl(u: np.ndarray, sites: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """(M,) P_KL, the symmetric divergence over twice the distance (thesis, eq. 19).

    :param sites: (N, 3) Å.
    :return: 1/Å.
    :raises InputError: where a tensor is not positive definite, or two atoms of
        a pair stand in one place.
    """
    _, distances = _directions_and_distances(sites, pairs)
    return symmetric_kl(u[pairs[:, 0]], u[pairs[:, 1]]) / (2.0 * distances)


@dataclass(frozen=True)
class BoundaryIndicator:
    """Mean P_KL (1/Å) inside groups and across their boundaries; ``b_kl``, the ratio.

    A mean without pairs, and a ratio of it, is not a number.
    """

    inside: float
    boundary: float
    n_inside: int
    n_boundary: int

    @property
    def b_kl(self) -> float:
        """B_KL (thesis, eq. 21): above 1 where U jumps from group to group."""
        return self.boundary / self.inside if self.inside else float("nan")


def boundary_indicator(
    u: np.ndarray, sites: np.ndarray, pairs: np.ndarray, groups: np.ndarray
) -> BoundaryIndicator:
    """B_KL of a partition into groups (thesis, eq. 21).

    :param sites: (N, 3) Å.
    :param pairs: (M, 2) neighbours, within ``NEIGHBOUR_DISTANCE`` by the thesis.
    :param groups: (N,) int labels; an atom with a negative one is in no group
        and its pairs do not count.
    :raises InputError: as for :func:`pair_kl`.
    """
    groups = np.asarray(groups)
    pairs = pairs[(groups[pairs] >= 0).all(axis=1)]
    return boundary_means(pair_kl(u, sites, pairs), pairs, groups)


def boundary_means(
    p_kl: np.ndarray, pairs: np.ndarray, groups: np.ndarray
) -> BoundaryIndicator:
    """As :func:`boundary_indicator`, of P_KL that is known already.

    :param p_kl: (M,) P_KL of each pair, 1/Å.
    """
    first, second = groups[pairs].T
    counted = (first >= 0) & (second >= 0)
    inside, across = counted & (first == second), counted & (first != second)
    return BoundaryIndicator(
        inside=_mean(p_kl[inside]),
        boundary=_mean(p_kl[across]),
        n_inside=int(inside.sum()),
        n_boundary=int(across.sum()),
    )


def rosenfield_difference(
    u: np.ndarray, sites: np.ndarray, pairs: np.ndarray
) -> np.ndarray:
    """(M,) |nᵀ(U_i − U_j)n|, Å²: zero for two atoms of one rigid body.

    n is the direction from atom to atom (Rosenfield, Trueblood & Dunitz 1978).

    :raises InputError: where two atoms of a pair stand in one place.
    """
    direction, _ = _directions_and_distances(sites, pairs)
    difference = as_matrices(u[pairs[:, 0]] - u[pairs[:, 1]])
    return np.abs(np.einsum("pa,pab,pb->p", direction, difference, direction))


def relative_difference(u: np.ndarray, reference: np.ndarray) -> float:
    """Frobenius norm of the difference of all tensors, over that of the reference's."""
    squares = [np.sum(FROBENIUS_WEIGHTS * x**2) for x in (u - reference, reference)]
    return float(np.sqrt(squares[0] / squares[1]))


def tensor_correlation(u_a: np.ndarray, u_b: np.ndarray) -> float:
    """Pearson's correlation over the six Cartesian components of all atoms.

    Each of the 6 N numbers counts once. Most of it comes from U_eq: the
    diagonal components stand far above the mean, the others far below.
    """
    return float(np.corrcoef(np.ravel(u_a), np.ravel(u_b))[0, 1])


def deviatoric_correlation(u_a: np.ndarray, u_b: np.ndarray) -> float:
    """How alike two sets of tensors are but for their isotropic parts.

    The cosine between them, ``⟨A, B⟩ / √(⟨A, A⟩⟨B, B⟩)``, with
    ``⟨A, B⟩ = Σ_j tr(A_j B_j)`` over the deviatoric parts: off-diagonal
    components count twice, so it does not depend on the choice of axes. Not a
    number where either set is isotropic throughout.
    """
    a, b = deviatoric_part(u_a), deviatoric_part(u_b)
    lengths = [np.sqrt(np.sum(FROBENIUS_WEIGHTS * x**2)) for x in (a, b)]
    # The trace of an isotropic tensor leaves rounding behind.
    if any(
        length <= 1e-12 * np.linalg.norm(u) for length, u in zip(lengths, (u_a, u_b))
    ):
        return float("nan")
    return float(np.sum(FROBENIUS_WEIGHTS * a * b) / (lengths[0] * lengths[1]))


def u_eq_correlation(u_a: np.ndarray, u_b: np.ndarray) -> float:
    """Pearson's correlation of the atoms' equivalent isotropic displacements."""
    return float(np.corrcoef(u_eq(u_a), u_eq(u_b))[0, 1])


def longest_axis_angle(u_a: np.ndarray, u_b: np.ndarray) -> np.ndarray:
    """(N,) angle between the longest principal axes, degrees, 0 to 90.

    Of no meaning for an atom that is nearly isotropic in either.
    """
    axes = [np.linalg.eigh(as_matrices(u))[1][:, :, 2] for u in (u_a, u_b)]
    cosine = np.abs(np.einsum("ja,ja->j", *axes))
    return np.degrees(np.arccos(np.minimum(cosine, 1.0)))


def match_mean_u_eq(u: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """``u`` with one isotropic constant added, so that ⟨U_eq⟩ is the reference's.

    For comparing sets of tensors that data determine up to that constant.
    """
    shift = u_eq(reference).mean() - u_eq(u).mean()
    return u + shift * np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0])


def _positive_matrices(u: np.ndarray) -> np.ndarray:
    matrices = as_matrices(u)
    # Written so that a number that is not finite counts as bad.
    bad = np.flatnonzero(~np.isfinite(matrices).all(axis=(1, 2)))
    if not len(bad):
        bad = np.flatnonzero(~(np.linalg.eigvalsh(matrices)[:, 0] > 0))
    if len(bad):
        raise InputError(
            f"{len(bad)} displacement tensors, the first at position {bad[0] + 1}, "
            "are not positive definite: they are no Gaussians to compare"
        )
    return matrices


def _directions_and_distances(
    sites: np.ndarray, pairs: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(M, 3) unit vectors and (M,) distances between the atoms of pairs."""
    separation = sites[pairs[:, 0]] - sites[pairs[:, 1]]
    distances = np.linalg.norm(separation, axis=1)
    if (distances == 0).any():
        i, j = pairs[np.argmin(distances)]
        raise InputError(
            f"atoms {i + 1} and {j + 1} stand in one place and have no direction "
            "between them: leave such pairs (of alternate conformers) out"
        )
    return separation / distances[:, None], distances


def _trace_of_ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """(N,) tr(denominator⁻¹ numerator)."""
    return np.trace(np.linalg.solve(denominator, numerator), axis1=1, axis2=2)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")
