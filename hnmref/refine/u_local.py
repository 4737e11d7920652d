"""U_local: mmtbx's individual isotropic B refinement, with U_group held.

The target is ``wx · T_xray + T_adp``, minimised by mmtbx's L-BFGS; T_adp are its
restraints on the B of atoms near each other, and the unit of wx is the ratio of
the two gradients' norms, both as in phenix.refine.

Where the weight is optimised, multiples of that ratio are tried, each from the
same start. phenix.refine tries twelve, takes only those whose gap between R_free
and R_work is below a limit, and the smoothest where none is. A model whose gap is
wider before the step then gets the strongest restraints there are, and R_free goes
up by points. Here the lowest R_free decides, and among trials that differ by less
than matters, the strongest restraint; the trials stop where R_free does not fall
any more.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import mmtbx
import mmtbx.refinement.refinement_flags
import scitbx.lbfgs
from cctbx.array_family import flex
from libtbx import group_args
from mmtbx.refinement import adp_refinement, minimization, weights

from hnmref.refine.processes import map_in_order

#: Multiples of the ratio of gradients that are tried first, in rising order. More
#: follow by factors of two where R_free falls towards an end, within LIMITS.
FIRST_SCALES = (0.5, 1.0, 2.0)
LIMITS = (1 / 32, 32.0)
#: Trials whose R_free differs by no more than this (a fraction) are equally good.
EQUAL_R_FREE = 0.001


class Trial(NamedTuple):
    """What one weight gave: R-factors are fractions.

    :ivar roughness: rms difference of B between bonded atoms, Å².
    :ivar u_iso: flex array of U_local, Å²; ``u_star``: of the rest, which mmtbx
        may have tidied where it is not held.
    """

    scale: float
    r_work: float
    r_free: float
    roughness: float
    u_iso: Any
    u_star: Any


def refine_u_local(
    fmodel, model, params, *, nproc: int, on_trial: Callable[[], None] = lambda: None
) -> tuple[int, list[str]]:
    """Refine u_iso of every atom.

    The structure of ``fmodel`` and ``model`` is one object, changed in place.

    :param model: mmtbx model with a restraints manager.
    :param params: the extracted ``u_local`` scope.
    :param nproc: processes for the trial weights.
    :param on_trial: called at the beginning of each, in its process.
    :returns: the number of parameters, and lines for the log.
    """
    structure = fmodel.xray_structure
    everyone = flex.bool(structure.scatterers().size(), True)
    model.set_refinement_flags(
        mmtbx.refinement.refinement_flags.manager(
            individual_adp=True, adp_individual_iso=everyone
        )
    )
    restraints = _restraints(params)
    ratio = _gradient_ratio(fmodel, model, restraints)
    start = structure.deep_copy_scatterers().scatterers()
    before = _trial(fmodel, model, scale=0.0)

    def try_scale(scale: float) -> Trial:
        on_trial()
        structure.replace_scatterers(start.deep_copy())
        # The error model (alpha, beta) is that of the start, not of the last trial.
        fmodel.update_xray_structure(xray_structure=structure, update_f_calc=True)
        _minimise(fmodel, model, restraints, scale * ratio, params.max_iterations)
        return _trial(fmodel, model, scale)

    if params.optimize_weight:
        trials = search(lambda scales: map_in_order(try_scale, scales, nproc))
    else:
        trials = [try_scale(1.0)]
    best = best_trial(trials)
    structure.replace_scatterers(start)
    # set_u_iso also writes u_star, so it goes first.
    structure.set_u_iso(values=best.u_iso)
    structure.scatterers().set_u_star(best.u_star)
    fmodel.update_xray_structure(xray_structure=structure, update_f_calc=True)
    model.set_xray_structure(structure)
    lines = [f"weight of the X-ray target in units of {ratio:.4g}"]
    lines += [
        _line(trial) + (" *" if trial is best else "") for trial in [before, *trials]
    ]
    return everyone.size(), lines


def search(try_scales: Callable[[Sequence[float]], list[Trial]]) -> list[Trial]:
    """Trials in rising order of weight, until R_free does not fall at either end.

    :param try_scales: trials of some weights, in their order.
    """
    trials = try_scales(FIRST_SCALES)
    while True:
        low, high = trials[0].scale / 2, trials[-1].scale * 2
        if high <= LIMITS[1] and _falls(trials[-2], trials[-1]):
            trials = trials + try_scales([high])
        elif low >= LIMITS[0] and _falls(trials[1], trials[0]):
            trials = try_scales([low]) + trials
        else:
            return trials


def _falls(inner: Trial, end: Trial) -> bool:
    """Whether R_free falls by more than a trifle towards the end."""
    return end.r_free < inner.r_free - EQUAL_R_FREE


def best_trial(trials: Sequence[Trial]) -> Trial:
    """The strongest restraint of those as good as the lowest R_free."""
    lowest = min(trial.r_free for trial in trials)
    good = [trial for trial in trials if trial.r_free <= lowest + EQUAL_R_FREE]
    return min(good, key=lambda trial: trial.scale)


def _restraints(params):
    """mmtbx's parameters of the restraints on B."""
    result = adp_refinement.adp_restraints_master_params.extract().iso
    result.use_u_local_only = params.restrain == "local"
    return result


def _gradient_ratio(fmodel, model, restraints) -> float:
    """‖∂T_adp/∂U‖ / ‖∂T_xray/∂U‖, as mmtbx has it."""
    return weights.weight(
        fmodel=fmodel,
        model=model,
        correct_special_position_tolerance=1.0,
        target_weights_params=weights.master_params.extract(),
        macro_cycle=1,
        iso_restraints=restraints,
        log=io.StringIO(),
        show_summary=False,
    ).adp_weights_result.wx


def _minimise(fmodel, model, restraints, weight: float, max_iterations: int) -> None:
    """mmtbx's L-BFGS on the isotropic part of every atom's U."""
    model.set_refine_individual_adp()
    minimization.lbfgs(
        fmodels=mmtbx.fmodels(fmodel_xray=fmodel),
        restraints_manager=model.restraints_manager,
        model=model,
        target_weights=group_args(
            adp_weights_result=weights.weights(wx=weight, wx_scale=1.0, w=1.0)
        ),
        refine_adp=True,
        lbfgs_termination_params=scitbx.lbfgs.termination_parameters(
            max_iterations=max_iterations
        ),
        iso_restraints=restraints,
        # Hydrogens are restrained as all other atoms are.
        h_params=group_args(refine="individual"),
        collect_monitor=False,
    )


def _trial(fmodel, model, scale: float) -> Trial:
    scatterers = fmodel.xray_structure.scatterers()
    return Trial(
        scale=scale,
        r_work=fmodel.r_work(),
        r_free=fmodel.r_free(),
        roughness=model.rms_b_iso_or_b_equiv_bonded(),
        u_iso=scatterers.extract_u_iso(),
        u_star=scatterers.extract_u_star(),
    )


def _line(trial: Trial) -> str:
    name = f"weight {trial.scale:g}" if trial.scale else "start"
    return (
        f"{name}: R_work {trial.r_work:.4f}, R_free {trial.r_free:.4f}, "
        f"B of bonded atoms differs by {trial.roughness:.1f} A**2"
    )
