"""Π from displacement tensors: a positive semidefinite least-squares fit.

Minimises Σ_j ‖E_j Π E_jᵀ − U_j‖² (Frobenius) over positive semidefinite Π. The
problem is convex, so the accelerated projected gradient (Beck & Teboulle 2009,
with the gradient restart of O'Donoghue & Candès 2015) ends at its one minimum
from any start.
"""

from __future__ import annotations

import numpy as np

from hnmref.adp.basis import ModeBasis, lower_factor
from hnmref.adp.restraint import e_nm


def fit_pi(
    basis: ModeBasis,
    u: np.ndarray,
    *,
    max_iterations: int = 300,
    tolerance: float = 1e-7,
) -> np.ndarray:
    """The positive semidefinite Π (n, n) whose U_group is nearest to ``u``.

    :param u: (N, 6) tensors in Å².
    :param tolerance: ends when a step changes Π by less than this, relatively.
    :raises ValueError: when ``u`` holds a number that is not finite.
    """
    if not np.isfinite(u).all():
        raise ValueError("displacement tensors to fit hold a number that is not finite")
    n = basis.n_modes
    step = 1.0 / _largest_curvature(basis)
    pi = momentum_point = np.zeros((n, n))
    inertia = 1.0
    for _ in range(max_iterations):
        _, gradient_u = e_nm(_u_of_pi(basis, momentum_point), u)
        gradient = basis.project(gradient_u)
        new_pi = _nearest_semidefinite(momentum_point - step * gradient)
        change = new_pi - pi
        if np.sum((momentum_point - new_pi) * change) > 0:
            inertia = 1.0
        new_inertia = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * inertia**2))
        momentum_point = new_pi + (inertia - 1.0) / new_inertia * change
        pi, inertia = new_pi, new_inertia
        if np.linalg.norm(change) <= tolerance * np.linalg.norm(pi):
            break
    return pi


def isotropic_pi(basis: ModeBasis, u_iso: float) -> np.ndarray:
    """Π (n, n) that moves every atom by the same isotropic U (Å²).

    Translations hold it, so it is exact where the basis has them.
    """
    vectors = basis.vectors.reshape(-1, basis.n_modes)
    translations = np.tile(np.eye(3), (basis.n_atoms, 1))
    coefficients = np.linalg.lstsq(vectors, translations, rcond=None)[0]
    return u_iso * coefficients @ coefficients.T


def _u_of_pi(basis: ModeBasis, pi: np.ndarray) -> np.ndarray:
    """U_group of a symmetric Π that may be indefinite: the difference of two."""
    values, vectors = np.linalg.eigh(pi)
    root = vectors * np.sqrt(np.abs(values))
    u = basis.u(root[:, values > 0])
    if (values < 0).any():
        u = u - basis.u(root[:, values < 0])
    return u


def _nearest_semidefinite(pi: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(0.5 * (pi + pi.T))
    return (vectors * np.maximum(values, 0.0)) @ vectors.T


def _largest_curvature(basis: ModeBasis, n_iterations: int = 20) -> float:
    """Largest eigenvalue of Π → gradient, by power iteration, with a margin.

    The map takes semidefinite matrices to semidefinite ones, so its leading
    eigenvector is one, and the identity is never orthogonal to it.
    """
    pi = np.eye(basis.n_modes) / np.sqrt(basis.n_modes)
    curvature = 1.0
    nothing = np.zeros((basis.n_atoms, 6))
    for _ in range(n_iterations):
        _, gradient_u = e_nm(basis.u(lower_factor(pi)), nothing)
        image = basis.project(gradient_u)
        curvature = float(np.linalg.norm(image))
        pi = image / curvature
    return 1.05 * curvature
