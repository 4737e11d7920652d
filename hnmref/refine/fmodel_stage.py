"""A stage against an f_model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hnmref.adp.groups import GroupedModes
from hnmref.refine.curvature import target_metrics
from hnmref.refine.displacements import Displacements
from hnmref.refine.stages import LEAST_PRIOR, Restraint, StageResult, refine_stage
from hnmref.refine.target import XrayTarget


def refine_fmodel_stage(
    fmodel,
    modes: GroupedModes,
    omegas: list[np.ndarray],
    u_local: np.ndarray,
    hnm,
    *,
    rng: np.random.Generator,
    restraint: Restraint | None,
    prior_weight: float,
    tolerance: float,
    on_evaluation: Callable[[], None] = lambda: None,
) -> StageResult:
    """Refine Π against ``hnm.target``; the f_model has the result then.

    f_model has its own target again after. A twin's target is its own and stays.

    :param omegas: Ω of each group to start from.
    :param u_local: (N,) of every atom, Å²; it stays as it is.
    :param hnm: the extracted scope.
    :param restraint, prior_weight, tolerance, rng: as :func:`refine_stage` has them; the
        prior is never without its least weight.
    :param on_evaluation: called at each evaluation of the target.
    """
    target_name = fmodel.target_name
    if fmodel.twin_law is None:
        fmodel.update(target_name=hnm.target)
    result = refine_stage(
        XrayTarget(fmodel, on_evaluation),
        modes,
        omegas,
        curvature=target_metrics(fmodel),
        max_iterations=hnm.max_iterations,
        rng=rng,
        restraint=restraint,
        prior_weight=max(prior_weight, LEAST_PRIOR),
        tolerance=tolerance,
    )
    fmodel.update(target_name=target_name)
    give_u_group(fmodel, result.u_group, u_local)
    return result


def give_u_group(fmodel, u_group: np.ndarray, u_local: np.ndarray) -> None:
    """Put both parts of U into an f_model's structure."""
    structure = fmodel.xray_structure
    Displacements(u_group, u_local).put_into(structure)
    fmodel.update_xray_structure(xray_structure=structure, update_f_calc=True)
