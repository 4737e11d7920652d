"""f_model: bulk solvent, scales and outliers, as phenix.refine has them.

Every macro-cycle makes its f_model anew from all of the data, so that what a
cycle does depends on the structure alone and a restart repeats it exactly.
"""

from __future__ import annotations

import mmtbx.f_model
from cctbx import sgtbx
from mmtbx.twinning import twin_f_model

from hnmref.refine.data import Data


def scaled_fmodel(xray_structure, data: Data, params):
    """A new f_model with all scales fitted; the overall B goes to the atoms.

    :param xray_structure: changed in place by the trace of the overall B.
    :param params: all parameters, extracted.
    """
    if data.twin_law is None:
        fmodel = mmtbx.f_model.manager(
            f_obs=data.f_obs,
            r_free_flags=data.r_free_flags,
            xray_structure=xray_structure,
            target_name=params.main.target,
        )
    else:
        fmodel = _twinned_fmodel(xray_structure, data)
    fmodel.update_all_scales(
        # A twinned f_model gives the atoms the overall B without being told to.
        apply_back_trace=data.twin_law is None,
        remove_outliers=params.data.outliers_rejection,
    )
    return fmodel


def _twinned_fmodel(xray_structure, data: Data):
    """mmtbx's f_model of a twin, which has a least-squares target of its own."""
    return twin_f_model.twin_model_manager(
        f_obs=data.f_obs,
        r_free_flags=data.r_free_flags,
        xray_structure=xray_structure,
        twin_law=sgtbx.rt_mx(data.twin_law, r_den=12, t_den=144),
        twin_law_str=data.twin_law,
    )


def update_scales(fmodel, params) -> None:
    """Fit bulk solvent and scales again; the structure stays as it is.

    A twinned f_model keeps the scales of its beginning, since fitting them anew
    would change the structure.
    """
    if fmodel.twin_law is None:
        fmodel.update_all_scales(remove_outliers=params.data.outliers_rejection)


def refresh(fmodel, *, mask: bool = False) -> None:
    """Structure factors (and the solvent mask) of the structure as it is now."""
    fmodel.update_xray_structure(
        xray_structure=fmodel.xray_structure,
        update_f_calc=True,
        update_f_mask=mask,
        # Unforced, the mask stays as it was where atoms have moved little.
        force_update_f_mask=mask,
    )
