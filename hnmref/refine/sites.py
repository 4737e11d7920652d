"""Coordinates against X-ray data and geometry restraints, as phenix.refine does.

The target is ``wx · T_xray + T_geometry``, minimised by mmtbx's L-BFGS. The unit
of wx is the ratio of the two gradients' norms at coordinates that a short run of
molecular dynamics has shaken: after a refinement the geometry's own gradient is
spent, and the ratio would be far too small. Displacements are held.

Where the weight is optimised, multiples of that ratio are tried, each from the
same start, and the one of lowest R_free is taken among those with good geometry
(limits by resolution: mmtbx's ``weights_params``). Its limit to R_free − R_work has no
part in it: R_free rises itself where sites are overfitted, and with few free reflections
chance decides on which side of a limit the gap is.
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
from mmtbx.dynamics import cartesian_dynamics
from mmtbx.refinement import minimization, weights, weights_params

from hnmref.errors import InputError
from hnmref.refine.geometry import Rmsd, rmsd_from_ideal
from hnmref.refine.processes import map_in_order

#: Multiples of the ratio of gradients that are tried. phenix.refine tries twice
#: as many; R_free changes little between these.
TRIAL_SCALES = (0.03, 0.125, 0.5, 1.0, 2.0, 4.0)


class Trial(NamedTuple):
    """What one weight gave: R-factors are fractions, sites flex, Å."""

    scale: float
    r_work: float
    r_free: float
    rmsd: Rmsd
    sites_cart: Any


def refine_sites(
    fmodel,
    model,
    params,
    *,
    nproc: int,
    macro_cycle: int,
    random_seed: int,
    on_trial: Callable[[], None] = lambda: None,
) -> tuple[int, list[str]]:
    """Refine the coordinates of all atoms; displacements stay to the bit.

    Hydrogens ride on their parents, except with neutron data. Atoms on special
    positions stay there. The structure of ``fmodel`` and ``model`` is one
    object, changed in place; structure factors and mask are those of the new
    coordinates. The same seed gives the same result.

    :param model: mmtbx model with the restraints of ``process_restraints``.
    :param params: the extracted ``sites`` scope.
    :param nproc: processes for the trial weights.
    :param macro_cycle: gives each cycle a shake of its own.
    :param on_trial: called at the beginning of each, in its process.
    :returns: the number of parameters, and lines for the log.
    :raises InputError: the model has no geometry restraints.
    """
    _require_geometry(model)
    lines = _let_hydrogens_ride(model)
    model.set_refinement_flags(
        mmtbx.refinement.refinement_flags.manager(
            individual_sites=True, sites_individual=flex.bool(model.size(), True)
        )
    )
    start = fmodel.xray_structure.sites_cart()
    set_sites(fmodel, model, start)
    ratio = _gradient_ratio(fmodel, model, seed=random_seed + macro_cycle)
    before = _trial(fmodel, model, scale=0.0)

    def try_scale(scale: float) -> Trial:
        on_trial()
        set_sites(fmodel, model, start)
        _minimise(fmodel, model, scale * ratio, params.max_iterations)
        _update(fmodel)
        return _trial(fmodel, model, scale)

    scales = TRIAL_SCALES if params.optimize_weight else (params.weight_scale,)
    trials = map_in_order(try_scale, scales, nproc)
    best = best_trial(trials, limits_at(fmodel.f_obs().d_min()))
    set_sites(fmodel, model, best.sites_cart)
    lines.append(f"weight of the X-ray target: {best.scale:g} times {ratio:.4g}")
    lines.append(_line("start", before))
    lines += [
        _line(f"weight {trial.scale:g}", trial) + (" *" if trial is best else "")
        for trial in trials
    ]
    return _n_parameters(model), lines


def _require_geometry(model) -> None:
    """The manager for ADPs alone knows no types of atoms."""
    manager = model.restraints_manager
    if manager is None or manager.geometry.nonbonded_types is None:
        raise InputError(
            "Sites cannot be refined without geometry restraints: use strategy=adp"
        )


def limits_at(d_min: float) -> Rmsd:
    """What a trial may deviate from ideal geometry: mmtbx's, for a resolution in Å."""
    criteria = weights_params.tw_customizations_params.extract()
    row = next(
        row
        for row in criteria.weight_selection_criteria
        if row.d_min <= d_min < row.d_max
    )
    return Rmsd(bonds=row.bonds_rmsd, angles=row.angles_rmsd)


def best_trial(trials: Sequence[Trial], limits: Rmsd) -> Trial:
    """The lowest R_free of the trials within the limits.

    Where no geometry is within them, the trial of the lowest weight is taken, so that
    no gain in R_free buys bad bonds.
    """
    sane = [
        trial
        for trial in trials
        if trial.rmsd.bonds <= limits.bonds and trial.rmsd.angles <= limits.angles
    ]
    if not sane:
        return min(trials, key=lambda trial: trial.scale)
    return min(sane, key=lambda trial: trial.r_free)


def _let_hydrogens_ride(model) -> list[str]:
    """Hydrogens at their places; neutrons see where they really are.

    Set up anew each time, so that the result depends on the structure alone.
    """
    if not model.has_hd():
        return []
    if model.is_neutron():
        return ["hydrogens are refined one by one"]
    model.unset_riding_h_manager()
    model.setup_riding_h_manager()
    return ["hydrogens ride on their parents"]


def set_sites(fmodel, model, sites_cart) -> None:
    """Put coordinates into model and f_model, and forget all that depends on them.

    The lists of contacts and the mask are kept while atoms move little: made
    anew, a trial does not depend on those before it.

    :param sites_cart: flex.vec3_double of all atoms, Å.
    """
    model.set_sites_cart(sites_cart)
    geometry = model.restraints_manager.geometry
    geometry.reset_internals()
    geometry.pair_proxies(sites_cart=sites_cart)
    _update(fmodel)


def _update(fmodel) -> None:
    fmodel.update_xray_structure(
        xray_structure=fmodel.xray_structure,
        update_f_calc=True,
        update_f_mask=True,
        force_update_f_mask=True,
    )


def _gradient_ratio(fmodel, model, *, seed: int) -> float:
    """‖∂T_geometry/∂x‖ / ‖∂T_xray/∂x‖ at shaken coordinates, as mmtbx has it."""
    shaken = fmodel.deep_copy()
    _shake(shaken.xray_structure, model.restraints_manager, seed)
    _update(shaken)
    twp = weights.master_params.extract()
    # mmtbx's own shake needs a package that is not open.
    twp.shake_sites = False
    # After the first cycle mmtbx takes another scale at 3.5 to 4.5 Å, from the
    # angle between the gradients, which has no meaning for shaken coordinates.
    first_cycle = 1
    return weights.weight(
        fmodel=shaken,
        model=model,
        correct_special_position_tolerance=1.0,
        target_weights_params=twp,
        macro_cycle=first_cycle,
        log=io.StringIO(),
        show_summary=False,
    ).xyz_weights_result.wx


def _shake(structure, restraints_manager, seed: int) -> None:
    """Molecular dynamics at 300 K for 0.1 ps, without data: some 0.4 Å."""
    params = cartesian_dynamics.master_params.extract()
    cartesian_dynamics.run(
        xray_structure=structure,
        gradients_calculator=(
            cartesian_dynamics.gradients_calculator_geometry_restraints(
                restraints_manager=restraints_manager
            )
        ),
        temperature=params.temperature,
        n_steps=params.number_of_steps,
        time_step=params.time_step,
        stop_cm_motion=params.stop_cm_motion,
        random_seed=seed,
    )


def _minimise(fmodel, model, weight: float, max_iterations: int) -> None:
    """mmtbx's L-BFGS on the coordinates; nothing else of the structure changes."""
    scatterers = fmodel.xray_structure.scatterers()
    scatterers.flags_set_grads(state=False)
    scatterers.flags_set_grad_site(
        iselection=model.refinement_flags.sites_individual.iselection()
    )
    minimization.lbfgs(
        fmodels=mmtbx.fmodels(fmodel_xray=fmodel),
        restraints_manager=model.restraints_manager,
        model=model,
        is_neutron_scat_table=model.is_neutron(),
        target_weights=group_args(
            xyz_weights_result=weights.weights(wx=weight, wx_scale=1.0, w=1.0)
        ),
        refine_xyz=True,
        lbfgs_termination_params=scitbx.lbfgs.termination_parameters(
            max_iterations=max_iterations
        ),
        collect_monitor=False,
        log=io.StringIO(),
    )


def _trial(fmodel, model, scale: float) -> Trial:
    sites_cart = fmodel.xray_structure.sites_cart()
    return Trial(
        scale=scale,
        r_work=fmodel.r_work(),
        r_free=fmodel.r_free(),
        rmsd=rmsd_from_ideal(model, sites_cart),
        sites_cart=sites_cart,
    )


def _line(name: str, trial: Trial) -> str:
    return (
        f"{name}: R_work {trial.r_work:.4f}, R_free {trial.r_free:.4f}, "
        f"bonds {trial.rmsd.bonds:.3f} A, angles {trial.rmsd.angles:.2f} degrees"
    )


def _n_parameters(model) -> int:
    """Coordinates that are free to move, by site symmetry and riding hydrogens."""
    free = model.refinement_flags.sites_individual.deep_copy()
    if model.riding_h_manager is not None:
        free &= ~model.get_hd_selection()
    table = model.get_xray_structure().site_symmetry_table()
    bound = sum(
        3 - table.get(i_seq).site_constraints().n_independent_params()
        for i_seq in table.special_position_indices()
        if free[i_seq]
    )
    return 3 * free.count(True) - bound
