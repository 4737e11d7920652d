"""Everything that a run starts from, read and checked."""

from __future__ import annotations

from dataclasses import dataclass

import mmtbx.model
import numpy as np
from cctbx import adptbx

from hnmref.refine.atoms import AtomGroups, group_atoms
from hnmref.refine.data import Data, read_data
from hnmref.refine.displacements import total_u_cart
from hnmref.refine.model import adopt_symmetry, check_symmetry, read_model
from hnmref.refine.residual_b import add_header_tls_if_residual
from hnmref.refine.sites_step import check_strategy


@dataclass
class Inputs:
    """A model with data, its atoms sorted into groups, and what was noticed.

    :ivar file_u: (N, 6) total U of the model's file, Å², whatever the start is.
    :ivar files: names by kind, for the report.
    :ivar notes: a sentence for each choice and repair.
    """

    model: mmtbx.model.manager
    data: Data
    groups: AtomGroups
    files: dict[str, str]
    restraint_files: list[str]
    notes: list[str]
    file_u: np.ndarray


def read_inputs(
    model_file: str, data_file: str, restraint_files: list[str], params
) -> Inputs:
    """Read, check and, where a rule says so, repair the inputs.

    :param params: all parameters of :mod:`hnmref.params`, extracted.
    :raises InputError: one sentence with the file or parameter and the way out.
    """
    check_strategy(params)
    model, notes = read_model(
        model_file,
        restraint_files=restraint_files,
        scattering_table=params.main.scattering_table,
    )
    data = read_data(
        data_file,
        params.data,
        random_seed=params.main.random_seed,
        model_crystal_symmetry=model.crystal_symmetry(),
    )
    notes += data.notes
    ignore = params.data.ignore_symmetry_mismatch
    notes += check_symmetry(
        model.crystal_symmetry(), data.f_obs.crystal_symmetry(), ignore_mismatch=ignore
    )
    if ignore:
        adopt_symmetry(model, data.f_obs.crystal_symmetry())
    if params.start.b_iso is None or params.tls.partition == "tlsmd":
        notes += add_header_tls_if_residual(
            model, model_file, data, params.model.residual_b
        )
    file_u = total_u_cart(model.get_xray_structure())
    if params.start.b_iso is not None:
        set_flat_b(model, params.start.b_iso)
    selections = [text for text in params.hnm.substructure if text is not None]
    groups = group_atoms(model, selections)
    return Inputs(
        model=model,
        data=data,
        groups=groups,
        files={"model": model_file, "data": data_file},
        restraint_files=list(restraint_files),
        notes=notes,
        file_u=file_u,
    )


def set_flat_b(model, b_iso: float) -> None:
    """Every atom isotropic with one B (Å²)."""
    structure = model.get_xray_structure()
    structure.convert_to_isotropic()
    structure.set_u_iso(value=adptbx.b_as_u(b_iso))
    model.set_xray_structure(structure)


def group_members(groups: AtomGroups) -> list[np.ndarray]:
    """Atom indices of every substructure."""
    return [substructure.atoms for substructure in groups.substructures]
