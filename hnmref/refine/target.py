"""The X-ray target as a function of U_group."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from cctbx import xray

from hnmref.errors import HnmrefError
from hnmref.refine import arrays
from hnmref.refine.displacements import u_star_of


class XrayTarget:
    """T(U_group) and ∂T/∂U_group of one f_model; U_local and the rest are held.

    The maximum-likelihood parameters are those at the time of creation, as in
    mmtbx's own minimisers.

    :param fmodel: mmtbx f_model whose structure has both ADP flags set.
    :param on_evaluation: called at the beginning of each.
    """

    def __init__(
        self, fmodel, on_evaluation: Callable[[], None] = lambda: None
    ) -> None:
        self._fmodel = fmodel
        self._structure = fmodel.xray_structure
        self._unit_cell = self._structure.unit_cell()
        scatterers = self._structure.scatterers()
        scatterers.flags_set_grads(state=False)
        xray.set_scatterer_grad_flags(scatterers=scatterers, u_aniso=True)
        self._functor = fmodel.target_functor()
        self._functor.prepare_for_minimization()
        self._on_evaluation = on_evaluation
        self.n_evaluations = 0

    def __call__(self, u_group: np.ndarray) -> tuple[float, np.ndarray]:
        """Target of the working set, and its gradient.

        :param u_group: (N, 6) Cartesian, Å².
        :returns: T and ∂T/∂U (N, 6), an off-diagonal component counted once for
            both of its places.
        :raises HnmrefError: when a displacement is not a finite number.
        """
        if not np.isfinite(u_group).all():
            atom = int(np.argwhere(~np.isfinite(u_group))[0, 0])
            raise HnmrefError(
                f"the collective displacement of atom {atom + 1} became infinite or "
                "undefined: use fewer modes or a shorter minimisation "
                "(hnm.n_whole, hnm.n_substructure, hnm.max_iterations)"
            )
        self.n_evaluations += 1
        self._on_evaluation()
        self._structure.scatterers().set_u_star(u_star_of(u_group, self._unit_cell))
        self._fmodel.update_xray_structure(
            xray_structure=self._structure, update_f_calc=True
        )
        result = self._functor(compute_gradients=True)
        gradient = result.gradients_wrt_atomic_parameters(u_aniso=True)
        return result.target_work(), arrays.sym_mat3_to_numpy(gradient)
