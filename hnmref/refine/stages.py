"""Stage one and stage two: Ω refined against the data (thesis, 3.4).

Stage one has one group, the whole complex. Stage two has one a substructure,
and adds w · E_nm, which holds its U_group to stage one's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hnmref.adp.basis import lower_factor
from hnmref.adp.groups import GroupedModes
from hnmref.adp.restraint import e_nm
from hnmref.refine.minimiser import minimise

Target = Callable[[np.ndarray], tuple[float, np.ndarray]]

#: Share of the mean translation that a perturbed start gives to every mode.
_PERTURBATION = 0.01
#: The mean translation (Å²) is taken as this at the least: a group with an atom
#: of low B starts from U_group = 0.
_LEAST_TRANSLATION = 0.05
#: Length of the minimiser's first step in Ω (Å).
_FIRST_STEP = 0.05


@dataclass(frozen=True)
class Restraint:
    """What stage two is held to.

    :param u_whole: (N, 6) U_group of stage one, Å².
    :param weight: ratio of the two gradients' lengths at the start.
    """

    u_whole: np.ndarray
    weight: float


@dataclass(frozen=True)
class StageResult:
    """Where a stage ended: Ω of each group, U_group (N, 6), and what it cost."""

    omegas: list[np.ndarray]
    u_group: np.ndarray
    value: float
    n_evaluations: int


def perturbed(omega: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Ω moved off the stationary points where some modes have no amplitude.

    A column of zeros has zero gradient. The perturbation is a random covariance
    with a small share of the mean variance of the six rigid-body modes.
    """
    n = len(omega)
    pi = omega @ omega.T
    scale = _PERTURBATION * max(np.trace(pi[:6, :6]) / 6.0, _LEAST_TRANSLATION)
    noise = np.tril(rng.normal(size=(n, n)))
    return lower_factor(pi + scale / n * noise @ noise.T)


def refine_stage(
    target: Target,
    model: GroupedModes,
    start: list[np.ndarray],
    *,
    max_iterations: int,
    rng: np.random.Generator,
    restraint: Restraint | None = None,
) -> StageResult:
    """Minimise the target over the Ω of every group.

    :param target: U_group (N, 6) → value and ∂T/∂U (N, 6).
    :param start: Ω of each group; perturbed here.
    :param restraint: None for stage one.
    """
    omegas = [perturbed(omega, rng) for omega in start]
    if restraint is not None:
        target = _restrained(target, model, omegas, restraint)

    def function(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        u, pull_back = model.u_and_pullback(model.unpack(parameters))
        value, gradient = target(u)
        return value, model.pack(pull_back(gradient))

    minimum = minimise(
        function,
        model.pack(omegas),
        max_iterations=max_iterations,
        first_step=_FIRST_STEP,
    )
    omegas = model.unpack(minimum.parameters)
    return StageResult(omegas, model.u(omegas), minimum.value, minimum.n_evaluations)


def _restrained(
    target: Target,
    model: GroupedModes,
    omegas: list[np.ndarray],
    restraint: Restraint,
) -> Target:
    """The target with w · E_nm added; w is fixed here, at the perturbed start."""
    if restraint.weight == 0:
        return target
    u, pull_back = model.u_and_pullback(omegas)
    _, target_gradient = target(u)
    _, restraint_gradient = e_nm(u, restraint.u_whole)
    weight = (
        restraint.weight
        * np.linalg.norm(model.pack(pull_back(target_gradient)))
        / np.linalg.norm(model.pack(pull_back(restraint_gradient)))
    )

    def restrained(u: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = target(u)
        penalty, penalty_gradient = e_nm(u, restraint.u_whole)
        return value + weight * penalty, gradient + weight * penalty_gradient

    return restrained
