"""f_model: bulk solvent, scales and outliers, as phenix.refine has them.

Every macro-cycle makes its f_model anew from all of the data, so that what a
cycle does depends on the structure alone and a restart repeats it exactly.
"""

from __future__ import annotations

import mmtbx.f_model

from hnmref.refine.data import Data

#: Target of the stages and of TLS, as in mmtbx's TLS refinement: least squares
#: moves far from a poor start, where maximum likelihood holds still.
GROUP_TARGET = "ls_wunit_k1"


def scaled_fmodel(xray_structure, data: Data, params):
    """A new f_model with all scales fitted; the overall B goes to the atoms.

    :param xray_structure: changed in place by the trace of the overall B.
    :param params: all parameters, extracted.
    """
    fmodel = mmtbx.f_model.manager(
        f_obs=data.f_obs,
        r_free_flags=data.r_free_flags,
        xray_structure=xray_structure,
        target_name=params.main.target,
        twin_law=data.twin_law,
    )
    update_scales(fmodel, params, back_trace=True)
    return fmodel


def update_scales(fmodel, params, *, back_trace: bool = False) -> None:
    """Fit bulk solvent and scales again; the structure stays but for back_trace."""
    fmodel.update_all_scales(
        apply_back_trace=back_trace and fmodel.twin_law is None,
        remove_outliers=params.data.outliers_rejection,
    )


def refresh(fmodel, *, mask: bool = False) -> None:
    """Structure factors (and the solvent mask) of the structure as it is now."""
    fmodel.update_xray_structure(
        xray_structure=fmodel.xray_structure, update_f_calc=True, update_f_mask=mask
    )
