"""B columns that hold only what TLS leaves: add the header's TLS.

Some depositions give TLS tensors in the header and only the residual B of each
atom. A remark proves nothing: some entries with "RESIDUAL ONLY" carry the full
U. The data decide: the reading with the lower R_work is the right one.
"""

from __future__ import annotations

from dataclasses import dataclass

import mmtbx.f_model
import mmtbx.model
import numpy as np
from libtbx.utils import Sorry, null_out
from mmtbx.tls.tools import tlso, u_cart_from_tls

from hnmref.errors import InputError
from hnmref.refine.arrays import (
    numpy_to_sym_mat3,
    sym_mat3_to_numpy,
    to_bool,
    to_numpy,
    to_size_t,
)
from hnmref.refine.data import Data
from hnmref.refine.model import (
    SMALLEST_U,
    HeaderTls,
    floor_eigenvalues,
    header_tls,
)

#: R_work has to fall by this much (fraction) before B is called residual.
CLEAR_MARGIN = 0.002


@dataclass
class TotalU:
    """The structure with TLS added, and how it came out.

    :ivar structure: X-ray structure; the group's atoms anisotropic, total U.
    :ivar n_atoms: atoms that TLS was added to.
    :ivar n_repaired: totals that were not positive definite.
    """

    structure: object
    n_atoms: int
    n_repaired: int


def add_header_tls_if_residual(
    model: mmtbx.model.manager,
    model_file_name: str,
    data: Data,
    mode: str,
    log=None,
) -> list[str]:
    """Make the model's ADPs total where its B column is only the TLS residual.

    :param model: changed in place (its X-ray structure and hierarchy).
    :param mode: ``model.residual_b``. auto: TLS is added where the header has
        groups, none of their atoms has an ANISOU and R_work falls by more than
        :data:`CLEAR_MARGIN`; yes: added; no: not.
    :returns: notes with both R_work where they were compared.
    :raises InputError: mode yes, and the header has no TLS to add.
    """
    log = log or null_out()
    if mode == "no":
        return []
    groups = _groups_with_atoms(header_tls(model_file_name, model), model)
    if not groups:
        if mode == "yes":
            raise InputError(
                f"model.residual_b=yes, but the header of {model_file_name} has no "
                "TLS groups that can be read: give the model with total B"
            )
        return []
    if mode == "auto" and _any_anisotropic(model, groups):
        return ["The header's TLS is in the ANISOU already: nothing is added"]
    if all(_is_zero(group) for group, _ in groups):
        return ["The TLS tensors of the header are zero: nothing is added"]
    total = with_header_tls(model, groups)
    notes = []
    if mode == "auto":
        r_as_read = _r_work(data, model.get_xray_structure())
        r_total = _r_work(data, total.structure)
        is_residual = r_total < r_as_read - CLEAR_MARGIN
        verdict = "residual, TLS is added" if is_residual else "total, as it is read"
        notes.append(
            f"R_work {r_as_read:.4f} with B as read, {r_total:.4f} with the header's "
            f"TLS added: B is {verdict} (model.residual_b=yes or no overrides)"
        )
        print(notes[-1], file=log)
        if not is_residual:
            return notes
    table = model.get_xray_structure().scattering_type_registry_params.table
    model.adopt_xray_structure(total.structure)
    model.setup_scattering_dictionaries(scattering_table=table)
    notes.append(
        f"TLS of {len(groups)} header groups added to the B of {total.n_atoms} atoms"
    )
    if total.n_repaired:
        notes.append(
            f"{total.n_repaired} of these U were not positive definite: eigenvalues "
            f"raised to {SMALLEST_U} A**2"
        )
    return notes


def _groups_with_atoms(groups: list[HeaderTls], model) -> list[tuple]:
    """(group, sorted atom indices) of the groups that select something."""
    result = []
    for group in groups:
        try:
            indices = to_numpy(model.iselection(group.selection)).astype(int)
        except (Sorry, RuntimeError, ValueError):
            continue
        if len(indices):
            result.append((group, indices))
    return result


def _is_zero(group: HeaderTls) -> bool:
    return not np.any(np.concatenate([group.t, group.l, group.s]))


def _any_anisotropic(model, groups: list[tuple]) -> bool:
    anisotropic = to_numpy(model.get_xray_structure().use_u_aniso())
    return any(anisotropic[indices].any() for _, indices in groups)


def with_header_tls(model, groups: list[tuple]) -> TotalU:
    """A copy of the model's structure with U_TLS added to the groups' atoms.

    :param groups: (HeaderTls, atom indices) pairs.
    """
    structure = model.get_xray_structure().deep_copy_scatterers()
    in_group = np.zeros(model.size(), bool)
    for _, indices in groups:
        in_group[indices] = True
    u_tls = u_cart_from_tls(
        sites_cart=structure.sites_cart(),
        selections=[to_size_t(indices) for _, indices in groups],
        tlsos=[
            tlso(t=tuple(g.t), l=tuple(g.l), s=tuple(g.s), origin=tuple(g.origin))
            for g, _ in groups
        ],
    )
    structure.convert_to_anisotropic(selection=to_bool(in_group))
    unit_cell = structure.unit_cell()
    u = sym_mat3_to_numpy(structure.scatterers().extract_u_cart(unit_cell))
    u, bad = floor_eigenvalues(u + sym_mat3_to_numpy(u_tls))
    bad &= in_group
    structure.set_u_cart(
        numpy_to_sym_mat3(u), selection=to_size_t(np.flatnonzero(in_group))
    )
    structure.apply_symmetry_u_stars()
    return TotalU(structure, int(in_group.sum()), int(bad.sum()))


def _r_work(data: Data, structure) -> float:
    """R_work after bulk-solvent and anisotropic scaling, nothing else refined."""
    f_model = mmtbx.f_model.manager(
        f_obs=data.f_obs,
        r_free_flags=data.r_free_flags,
        xray_structure=structure,
    )
    f_model.update_all_scales(remove_outliers=False, log=null_out())
    return f_model.r_work()
