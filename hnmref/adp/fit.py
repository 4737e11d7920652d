"""Π from displacement tensors: a positive semidefinite least-squares fit."""

from __future__ import annotations

import numpy as np

from hnmref.adp.basis import ModeBasis, lower_factor
from hnmref.adp.groups import GroupedModes
from hnmref.adp.quadratic import quadratic_minimum
from hnmref.adp.restraint import FROBENIUS_WEIGHTS, e_nm
from hnmref.adp.symmetric import pack_symmetric, unpack_symmetric


def fit_pi(basis: ModeBasis, u: np.ndarray) -> np.ndarray:
    """The positive semidefinite Π (n, n) whose U_group is nearest to ``u``.

    Minimises Σ_j ‖E_j Π E_jᵀ − U_j‖² (Frobenius), which is convex.

    :param u: (N, 6) tensors in Å².
    :raises ValueError: when ``u`` holds a number that is not finite.
    """
    if not np.isfinite(u).all():
        raise ValueError("displacement tensors to fit hold a number that is not finite")
    _, gradient = e_nm(np.zeros_like(u), u)
    metrics = np.broadcast_to(2 * np.diag(FROBENIUS_WEIGHTS), (len(u), 6, 6))
    return unpack_symmetric(
        quadratic_minimum(
            pack_symmetric(basis.project(gradient)), basis.curvature(metrics)
        )
    )


def fit_omegas(modes: GroupedModes, u_group: np.ndarray) -> list[np.ndarray]:
    """Ω of every group that is nearest to a given U_group, (N, 6) of the model, Å²."""
    return [lower_factor(fit_pi(basis, u_group[basis.atoms])) for basis in modes.bases]


def isotropic_pi(basis: ModeBasis, u_iso: float) -> np.ndarray:
    """Π (n, n) that moves every atom by the same isotropic U (Å²).

    Translations hold it, so it is exact where the basis has them.
    """
    vectors = basis.vectors.reshape(-1, basis.n_modes)
    translations = np.tile(np.eye(3), (basis.n_atoms, 1))
    coefficients = np.linalg.lstsq(vectors, translations, rcond=None)[0]
    return u_iso * coefficients @ coefficients.T


def with_isotropic(basis: ModeBasis, omega: np.ndarray, u_iso: float) -> np.ndarray:
    """Ω of a group whose atoms all have ``u_iso`` (Å²) more."""
    if u_iso == 0.0:
        return omega
    return lower_factor(omega @ omega.T + isotropic_pi(basis, u_iso))
