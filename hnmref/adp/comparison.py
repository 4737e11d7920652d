"""Figures that set several models of the same atoms' displacements side by side.

Tensors are (N, 6) in Å², Cartesian, in the order 11, 22, 33, 12, 13, 23.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from hnmref.adp.metrics import (
    B_PER_U,
    anisotropy,
    as_matrices,
    boundary_indicator,
    deviatoric_correlation,
    pair_kl,
    rosenfield_difference,
    symmetric_kl,
    u_eq,
    u_eq_correlation,
)


@dataclass(frozen=True)
class Figures:
    """What the displacements of one model are like.

    :ivar mean_b: mean equivalent B, Å².
    :ivar anisotropy: median of the smallest over the largest eigenvalue.
    :ivar p_kl_bonded, p_kl_near: mean P_KL of bonded and of near atoms, 1/Å.
    :ivar b_kl: B_KL of the partition, or not a number without one.
    :ivar rigid_bond: root mean square difference of U along bonds, Å²
        (Rosenfield, Trueblood & Dunitz 1978).
    """

    n_atoms: int
    mean_b: float
    anisotropy: float
    p_kl_bonded: float
    p_kl_near: float
    b_kl: float
    rigid_bond: float

    def as_dict(self) -> dict:
        """For JSON; None where there is no number."""
        return {k: None if v != v else v for k, v in asdict(self).items()}


@dataclass(frozen=True)
class Likeness:
    """How alike two models' displacements are.

    :ivar median_kl: median symmetric Kullback–Leibler divergence of an atom.
    :ivar u_eq_correlation: Pearson's, of equivalent U.
    :ivar deviatoric_correlation: cosine between the parts without a trace; not a
        number where either is isotropic.
    """

    median_kl: float
    u_eq_correlation: float
    deviatoric_correlation: float

    def as_dict(self) -> dict:
        """For JSON; None where there is no number."""
        return {k: None if v != v else v for k, v in asdict(self).items()}


def positive_definite(u: np.ndarray) -> np.ndarray:
    """(N,) whether each tensor is one of a Gaussian."""
    finite = np.isfinite(u).all(axis=1)
    return finite & (np.linalg.eigvalsh(as_matrices(np.where(
        finite[:, None], u, 0.0
    )))[:, 0] > 0)


def figures(
    u: np.ndarray,
    sites: np.ndarray,
    bonds: np.ndarray,
    near: np.ndarray,
    groups: np.ndarray | None,
) -> Figures:
    """Figures of one model.

    :param sites: (N, 3) Å.
    :param bonds, near: (M, 2) pairs of atoms; the second within
        ``metrics.NEIGHBOUR_DISTANCE``.
    :param groups: (N,) partition for B_KL, negative for none; or None.
    :raises InputError: a tensor is not positive definite (see
        :func:`positive_definite`).
    """
    b_kl = np.nan
    if groups is not None:
        b_kl = boundary_indicator(u, sites, near, groups).b_kl
    along_bonds = rosenfield_difference(u, sites, bonds)
    return Figures(
        n_atoms=len(u),
        mean_b=float(B_PER_U * u_eq(u).mean()),
        anisotropy=float(np.median(anisotropy(u))),
        p_kl_bonded=_mean(pair_kl(u, sites, bonds)),
        p_kl_near=_mean(pair_kl(u, sites, near)),
        b_kl=b_kl,
        rigid_bond=float(np.sqrt(_mean(along_bonds**2))),
    )


def likeness(u: np.ndarray, reference: np.ndarray) -> Likeness:
    """How alike two models of the same atoms are; tensors positive definite."""
    return Likeness(
        median_kl=float(np.median(symmetric_kl(u, reference))),
        u_eq_correlation=u_eq_correlation(u, reference),
        deviatoric_correlation=deviatoric_correlation(u, reference),
    )


def residue_means(values: np.ndarray, residues: np.ndarray) -> np.ndarray:
    """Means over the atoms of each residue; ``residues`` numbers them from 0."""
    return np.bincount(residues, weights=values) / np.bincount(residues)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")
