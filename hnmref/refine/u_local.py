"""U_local: mmtbx's individual isotropic B refinement, with U_group held.

The target is ``wx · T_xray + T_adp``, minimised by mmtbx's L-BFGS; T_adp are its
restraints on the B of atoms near each other, and the unit of wx is the ratio of
the two gradients' norms, both as in phenix.refine.

Where the weight is optimised, multiples of that ratio are tried, each from the
same start. phenix.refine tries twelve and judges by R_free, among those whose gap to
R_work is below a limit, and takes the smoothest where none is. A free set of a few
hundred reflections can hardly tell neighbouring weights, and is not free any more
after. Here one fifth of the working set is kept apart and judges: it is larger, and of
the trials that it cannot tell from the best the strongest restraint is taken. (With all
fifths in turn it would be weaker, and U_eq further from the truth: on 1exr at 2.5 A a
correlation of 0.85 instead of 0.88.) With that weight U_local is refined against all of
the working set. Trials begin with one B for all atoms: the B before the step know the
reflections kept apart, and weights that change little would look good.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import mmtbx
import mmtbx.refinement.refinement_flags
import numpy as np
import scitbx.lbfgs
from cctbx.array_family import flex
from libtbx import group_args
from mmtbx.refinement import adp_refinement, minimization, weights

from hnmref.refine.cross_validation import Choice, Trial, compared, kept_apart
from hnmref.refine.processes import map_in_order

#: Multiples of the ratio of gradients that are tried first, in rising order. More
#: follow by factors of two, within LIMITS, see :func:`search`.
FIRST_SCALES = (0.25, 0.5, 1.0)
LIMITS = (1 / 32, 32.0)


def refine_u_local(
    fmodel,
    model,
    params,
    *,
    rng: np.random.Generator,
    nproc: int,
    on_trial: Callable[[], None] = lambda: None,
) -> tuple[int, list[Choice]]:
    """Refine u_iso of every atom.

    The structure of ``fmodel`` and ``model`` is one object, changed in place.

    :param model: mmtbx model with a restraints manager.
    :param params: the extracted ``u_local`` scope.
    :param rng: for the reflections kept apart.
    :param nproc: processes for the trial weights.
    :param on_trial: called at the beginning of each, in its process, and of the
        refinement with the weight that was found.
    :returns: the number of parameters, and the choice of the weight, if there was one.
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

    def refine(data, scale: float, from_flat: bool) -> None:
        """Against the working set of an f_model."""
        on_trial()
        structure.replace_scatterers(start.deep_copy())
        if from_flat:
            _flatten(structure)
        # The error model (alpha, beta) is that of the start, not of the last trial.
        data.update_xray_structure(xray_structure=structure, update_f_calc=True)
        _minimise(data, model, restraints, scale * ratio, params.max_iterations)

    choices = []
    if params.optimize_weight:
        judge = _FreeSet(fmodel) if fmodel.twin_law else kept_apart(fmodel, rng)[0]

        def try_scale(scale: float) -> np.ndarray:
            refine(judge.others(), scale, from_flat=True)
            return judge.residuals(structure)

        choices = [search(lambda scales: map_in_order(try_scale, scales, nproc))]
    refine(fmodel, choices[0].value if choices else 1.0, from_flat=False)
    model.set_xray_structure(structure)
    return everyone.size(), choices


def _flatten(structure) -> None:
    """The same u_iso for all atoms, their mean; u_star as it is."""
    scatterers = structure.scatterers()
    u_star, u_iso = scatterers.extract_u_star(), scatterers.extract_u_iso()
    # set_u_iso also writes u_star, so it goes first.
    structure.set_u_iso(values=flex.double(u_iso.size(), flex.mean(u_iso)))
    scatterers.set_u_star(u_star)


class _FreeSet:
    """The judge of trials on twinned data, of which no part can be kept apart."""

    def __init__(self, fmodel) -> None:
        self._fmodel = fmodel

    def others(self):
        """The f_model itself: no trial is refined against the free set."""
        return self._fmodel

    def residuals(self, structure) -> np.ndarray:
        """R_free, as a sum of one: its error is not known, and the lowest is taken."""
        self._fmodel.update_xray_structure(
            xray_structure=structure, update_f_calc=True
        )
        return np.array([self._fmodel.r_free()])


def search(try_scales: Callable[[Sequence[float]], list[np.ndarray]]) -> Choice:
    """The strongest restraint of the weights that cannot be told from the best.

    The trials go on until the best has a neighbour on its upper side, and on the lower
    one that is worse by more than its standard error.

    :param try_scales: residuals of the trials with some weights, in their order, see
        :func:`hnmref.refine.cross_validation.residuals_of`.
    """
    residuals = dict(zip(FIRST_SCALES, try_scales(FIRST_SCALES)))
    while True:
        trials = _ranked(residuals)
        low, high = trials[0].value / 2, trials[-1].value * 2
        if trials[0].near_best and low >= LIMITS[0]:
            residuals[low] = try_scales([low])[0]
        elif trials[-1].above_best == 0.0 and high <= LIMITS[1]:
            residuals[high] = try_scales([high])[0]
        else:
            taken = next(trial for trial in trials if trial.near_best)
            return Choice("weight of U_local's X-ray target", taken.value, trials)


def _ranked(residuals: dict[float, np.ndarray]) -> list[Trial]:
    """Trials in rising order of weight."""
    scales = sorted(residuals)
    return compared(scales, np.array([residuals[scale] for scale in scales]))


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
    """mmtbx's L-BFGS on the isotropic part of every atom's U.

    It lets no B fall by more than 5 Å², and ends where its line search fails: from one
    B for all atoms after 4 or 5 iterations (docs/pitfalls.md).
    """
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
