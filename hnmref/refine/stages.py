"""Stage one and stage two: Π = Ω Ωᵀ refined against the data (thesis, 3.4).

Stage one has one group, the whole complex. Stage two has one a substructure,
and adds w · E_nm, which holds its U_group to stage one's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from hnmref.adp.anisotropy_prior import PRIOR_METRIC, anisotropy_penalty
from hnmref.adp.basis import lower_factor
from hnmref.adp.groups import GroupedModes
from hnmref.adp.restraint import FROBENIUS_WEIGHTS, e_nm
from hnmref.adp.semidefinite import minimise
from hnmref.adp.symmetric import root

#: The prior's least weight. Without any, a loose end may be given an amplitude so large
#: that it does not scatter, where the data have no more say.
LEAST_PRIOR = 0.003

Target = Callable[[np.ndarray], tuple[float, np.ndarray]]

#: Share of the mean translation that a perturbed start gives to every mode.
_PERTURBATION = 0.01
#: The mean translation (Å²) is taken as this at the least: a group with an atom
#: of low B starts from U_group = 0.
_LEAST_TRANSLATION = 0.05
#: Least curvature of a direction in Π, as a share of the mean.
_FLOOR = 0.03
#: Contracted with a curvature by six components: its sum over the five directions of
#: unit Frobenius length and without a trace.
_WITHOUT_TRACE = np.diag([1.0, 1.0, 1.0, 0.5, 0.5, 0.5]) - np.pad(
    np.full((3, 3), 1.0 / 3.0), ((0, 3), (0, 3))
)
#: A step that promises less than this, relatively, is within the errors of the
#: structure factors and gradients, which are computed on grids.
TOLERANCE = 1e-5
#: The same for trials. On 4drw they take half the time, and R of the reflections kept
#: apart changes by a tenth of its standard errors at most.
TRIAL_TOLERANCE = 1e-3


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
    """Where a stage ended: Ω of each group, U_group (N, 6), and what it cost.

    :ivar held_by: the factor of E_nm in what was minimised, 0 without a restraint.
    """

    omegas: list[np.ndarray]
    u_group: np.ndarray
    value: float
    n_evaluations: int
    held_by: float = 0.0


def perturbed(omega: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Ω moved off the points where some modes have no amplitude.

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
    curvature: np.ndarray,
    max_iterations: int,
    rng: np.random.Generator,
    restraint: Restraint | None = None,
    prior_weight: float = 0.0,
    tolerance: float = TOLERANCE,
) -> StageResult:
    """Minimise the target over the covariance Π = Ω Ωᵀ of every group.

    :param target: U_group (N, 6) → value and ∂T/∂U (N, 6).
    :param start: Ω of each group.
    :param curvature: (N, 6, 6) model of the target's second derivatives by the U of
        each atom, for the first steps.
    :param rng: for the perturbed start at which the restraint's weight is found.
    :param restraint: None for stage one.
    :param prior_weight: of the prior on anisotropy, as a ratio of its curvature to the
        target's, for the mean atom.
    :param tolerance: ends when a step promises less, relatively.
    """
    if prior_weight > 0:
        target, curvature = with_prior(target, curvature, prior_weight)
    held_by = 0.0
    if restraint is not None and restraint.weight > 0:
        held_by = absolute_weight(target, model, start, restraint, rng)
        target, curvature = restrained(target, curvature, restraint.u_whole, held_by)
    result = minimise_target(
        target,
        model,
        start,
        curvature=curvature,
        max_iterations=max_iterations,
        tolerance=tolerance,
    )
    return replace(result, held_by=held_by)


def minimise_target(
    target: Target,
    model: GroupedModes,
    start: list[np.ndarray],
    *,
    curvature: np.ndarray,
    max_iterations: int,
    tolerance: float = TOLERANCE,
) -> StageResult:
    """The least value of a target; parameters as :func:`refine_stage` has them."""

    def function(pis: list[np.ndarray]) -> tuple[float, list[np.ndarray]]:
        value, gradient = target(model.u([root(pi) for pi in pis]))
        return value, model.project(gradient)

    minimum = minimise(
        function,
        [omega @ omega.T for omega in start],
        [_floored(c) for c in model.curvatures(curvature)],
        max_iterations=max_iterations,
        tolerance=tolerance,
    )
    omegas = [lower_factor(pi) for pi in minimum.matrices]
    return StageResult(omegas, model.u(omegas), minimum.value, minimum.n_evaluations)


def restrained(
    target: Target, curvature: np.ndarray, u_whole: np.ndarray, weight: float
) -> tuple[Target, np.ndarray]:
    """Target and curvature with weight · E_nm added."""

    def total(u: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = target(u)
        penalty, penalty_gradient = e_nm(u, u_whole)
        return value + weight * penalty, gradient + weight * penalty_gradient

    return total, curvature + 2 * weight * np.diag(FROBENIUS_WEIGHTS)


def with_prior(
    target: Target, curvature: np.ndarray, prior_weight: float
) -> tuple[Target, np.ndarray]:
    """Target and curvature with the prior on anisotropy added."""
    # The target's mean curvature in the five directions without a trace.
    mean = np.mean(np.einsum("jab,ab->j", curvature, _WITHOUT_TRACE)) / 5.0
    weight = prior_weight * mean / 2.0

    def total(u: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = target(u)
        penalty, penalty_gradient = anisotropy_penalty(u)
        return value + weight * penalty, gradient + weight * penalty_gradient

    return total, curvature + weight * PRIOR_METRIC


def absolute_weight(
    target: Target,
    model: GroupedModes,
    start: list[np.ndarray],
    restraint: Restraint,
    rng: np.random.Generator,
) -> float:
    """The w of w · E_nm: fixed for one minimisation, at the perturbed start."""
    u, pull_back = model.u_and_pullback([perturbed(omega, rng) for omega in start])
    lengths = [
        np.linalg.norm(model.pack(pull_back(gradient)))
        for gradient in (target(u)[1], e_nm(u, restraint.u_whole)[1])
    ]
    return restraint.weight * lengths[0] / lengths[1]


def _floored(curvature: np.ndarray) -> np.ndarray:
    """Curvature with a floor: motions that move nothing much have none of their own."""
    floor = _FLOOR * np.trace(curvature) / len(curvature)
    return curvature + floor * np.eye(len(curvature))
