"""How far the data leave U_group open, at the end of a refinement."""

from __future__ import annotations

import numpy as np

from hnmref.adp.metrics import B_PER_U
from hnmref.refine.curvature import target_metrics
from hnmref.refine.normal_modes import NormalModes
from hnmref.refine.stages import restrained, with_prior
from hnmref.refine.target import XrayTarget


def u_group_covariances(fmodel, modes: NormalModes, target_name: str) -> np.ndarray:
    """(N, 6, 6) covariance of the six components of each atom's U_group, Å⁴.

    Of stage two, restraint and prior included: from the curvature that its steps start
    from, at the U_group that it ended with. One evaluation of the target. U_local and
    the scales are taken as known, and what the model leaves unexplained as noise.

    :param fmodel: of the end of a refinement; it stays as it is.
    :param modes: after a stage two: its ``penalties`` are known.
    :param target_name: of the stages, ``hnm.target``.
    """
    fmodel = fmodel.deep_copy()
    if fmodel.twin_law is None:
        fmodel.update(target_name=target_name)
    metrics = target_metrics(fmodel)
    u_group, penalties = modes.parts.u(modes.omega_parts), modes.penalties
    value, gradient = XrayTarget(fmodel)(u_group)

    def here(u: np.ndarray) -> tuple[float, np.ndarray]:
        return value, gradient

    target, metrics = with_prior(here, metrics, penalties.prior_weight)
    target, metrics = restrained(target, metrics, modes.u_whole(), penalties.held_by)
    _, gradient = target(u_group)
    found = modes.parts.u_covariances(modes.omega_parts, gradient, metrics)
    return _variance(fmodel, value, modes.parts.n_parameters) * found


def standard_errors(covariances: np.ndarray) -> np.ndarray:
    """(N, 6) standard errors of the components of U, Å²."""
    return np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))


def b_eq_errors(covariances: np.ndarray) -> np.ndarray:
    """(N,) standard error of the equivalent B, Å²."""
    return B_PER_U / 3.0 * np.sqrt(covariances[:, :3, :3].sum(axis=(1, 2)))


def _variance(fmodel, value: float, n_parameters: int) -> float:
    """What one unit of the target's inverse curvature is worth.

    Maximum likelihood is −log of a probability, a reflection. Least squares are that
    too, divided by twice the variance of a residual, which they are the estimate of.
    """
    n_reflections = fmodel.f_obs_work().size()
    if fmodel.target_name == "ml":
        return 1.0 / n_reflections
    return 2.0 * value / max(n_reflections - n_parameters, 1)
