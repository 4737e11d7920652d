"""U_local: mmtbx's individual isotropic B refinement, with U_group held."""

from __future__ import annotations

import io

import mmtbx
import mmtbx.refinement.refinement_flags
from cctbx.array_family import flex
from libtbx import group_args
from mmtbx.refinement import adp_refinement, weights


def refine_u_local(fmodel, model, params, *, nproc: int) -> int:
    """Refine u_iso of every atom; returns the number of parameters.

    The structure of ``fmodel`` and ``model`` is one object, changed in place.
    mmtbx's own weights, minimiser and choice of the weight by R_free are used.

    :param model: mmtbx model with a restraints manager.
    :param params: the extracted ``u_local`` scope.
    """
    structure = fmodel.xray_structure
    everyone = flex.bool(structure.scatterers().size(), True)
    model.set_refinement_flags(
        mmtbx.refinement.refinement_flags.manager(
            individual_adp=True, adp_individual_iso=everyone
        )
    )
    log = io.StringIO()
    fmodels = mmtbx.fmodels(fmodel_xray=fmodel)
    adp_refinement.refine_adp(
        model=model,
        fmodels=fmodels,
        target_weights=_target_weights(fmodel, model, params, log),
        individual_adp_params=_individual_adp_params(params),
        adp_restraints_params=_restraints_params(params),
        h_params=group_args(refine="individual"),
        log=log,
        all_params=_all_params(nproc),
        nproc=nproc,
    )
    return everyone.size()


def _target_weights(fmodel, model, params, log):
    twp = weights.master_params.extract()
    twp.shake_sites = False
    twp.optimize_adp_weight = params.optimize_weight
    return weights.weight(
        fmodel=fmodel,
        model=model,
        correct_special_position_tolerance=1.0,
        target_weights_params=twp,
        macro_cycle=1,
        iso_restraints=_restraints_params(params).iso,
        log=log,
        show_summary=False,
    )


def _individual_adp_params(params):
    result = adp_refinement.individual_adp_master_params.extract()
    result.iso.max_number_of_iterations = params.max_iterations
    return result


def _restraints_params(params):
    result = adp_refinement.adp_restraints_master_params.extract()
    result.iso.use_u_local_only = params.restrain == "local"
    return result


def _all_params(nproc: int):
    """What refine_adp reads of phenix.refine's parameters."""
    return group_args(
        main=group_args(nproc=nproc, scattering_table="n_gaussian"),
        target_weights=weights.master_params.extract(),
        ncs=group_args(
            constraints=group_args(apply_to_adp=False, apply_to_coordinates=False)
        ),
    )
