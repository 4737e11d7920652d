"""U_group and U_local of every atom, and how they stand in a cctbx structure.

cctbx adds u_star and u_iso where both flags are set. Its own tidying clips the
anisotropy of u_star, so the truth is kept here and put back after every step of
mmtbx's.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import numpy as np
from cctbx import adptbx

from hnmref.adp.metrics import add_isotropic
from hnmref.refine import arrays

#: The part of an isotropic U that always stays local at a split (5 Å² in B), as
#: in mmtbx's tls/tools.py split_u.
LOCAL_RESERVE = adptbx.b_as_u(5.0)
#: No atom's U_local falls below this (Å²).
LOCAL_FLOOR = adptbx.b_as_u(0.5)


@dataclass
class Displacements:
    """The two parts of every atom's U, Cartesian, in Å².

    :param u_group: (N, 6) collective part; zero for atoms in no group.
    :param u_local: (N,) isotropic part.
    """

    u_group: np.ndarray
    u_local: np.ndarray

    def total(self) -> np.ndarray:
        """(N, 6) total U."""
        return add_isotropic(self.u_group, self.u_local)

    def put_into(self, xray_structure) -> None:
        """Set u_iso and u_star of a structure whose atoms have both flags."""
        scatterers = xray_structure.scatterers()
        # set_u_iso also writes u_star, so it goes first.
        xray_structure.set_u_iso(values=arrays.to_double(self.u_local))
        scatterers.set_u_star(u_star_of(self.u_group, xray_structure.unit_cell()))

    @classmethod
    def of(cls, xray_structure) -> Displacements:
        """The parts as they stand in a structure, with any mixture of flags."""
        total = total_u_cart(xray_structure)
        isotropic = arrays.to_numpy(xray_structure.use_u_iso())
        u_iso = arrays.to_numpy(xray_structure.scatterers().extract_u_iso())
        u_local = np.where(isotropic, u_iso, 0.0)
        total[:, :3] -= u_local[:, None]
        return cls(total, u_local)

    def take_local(self, u_iso: np.ndarray) -> None:
        """U_local as mmtbx has changed it (Å²), never below its floor."""
        self.u_local = np.maximum(u_iso, LOCAL_FLOOR)


def u_star_of(u_cart: np.ndarray, unit_cell):
    """flex array of u_star from Cartesian U (N, 6)."""
    return arrays.numpy_to_sym_mat3(u_cart @ arrays.u_cart_to_u_star(unit_cell).T)


def total_u_cart(xray_structure) -> np.ndarray:
    """(N, 6) total Cartesian U of a structure with any mixture of flags."""
    return arrays.sym_mat3_to_numpy(
        xray_structure.scatterers().extract_u_cart_plus_u_iso(
            xray_structure.unit_cell()
        )
    )


def use_both_parts(xray_structure, atoms: np.ndarray | None = None) -> None:
    """Set both ADP flags of atoms, keeping their total U as u_iso + u_star.

    :param atoms: indices; None for every atom.
    """
    scatterers = xray_structure.scatterers()
    for i_seq in range(scatterers.size()) if atoms is None else atoms.tolist():
        scatterer = scatterers[i_seq]
        if not scatterer.flags.use_u_aniso():
            # An isotropic atom carries (-1, …) here, which would be added.
            scatterer.u_star = (0.0,) * 6
        if not scatterer.flags.use_u_iso():
            scatterer.u_iso = 0.0
        scatterer.flags.set_use_u_aniso(True)
        scatterer.flags.set_use_u_iso(True)


def site_averages(xray_structure) -> dict[int, np.ndarray]:
    """For each atom on a special position, the (6, 6) mean over its symmetry."""
    table = xray_structure.site_symmetry_table()
    unit_cell = xray_structure.unit_cell()
    orthogonalize = np.array(unit_cell.orthogonalization_matrix()).reshape(3, 3)
    fractionalize = np.array(unit_cell.fractionalization_matrix()).reshape(3, 3)
    averages = {}
    for i_seq in table.special_position_indices():
        rotations = [
            orthogonalize
            @ np.array(operation.r().as_double()).reshape(3, 3)
            @ fractionalize
            for operation in table.get(i_seq).matrices()
        ]
        averages[int(i_seq)] = arrays.site_symmetry_average(rotations)
    return averages


def split(total: np.ndarray, groups: list[np.ndarray]) -> Displacements:
    """Divide total U: a group's smallest isotropic U less 5 Å² becomes collective.

    As mmtbx's split_u does for isotropic atoms. An anisotropic atom keeps as
    local what its smallest principal value has above the group's part, and the
    rest of its tensor is collective. Atoms in no group are all local.

    :param total: (N, 6) total U in Å².
    :param groups: indices of each group's atoms.
    """
    smallest = np.linalg.eigvalsh(_as_matrices(total))[:, 0]
    u_local = total[:, :3].mean(axis=1)
    u_group = np.zeros_like(total)
    for atoms in groups:
        shared = max(smallest[atoms].min() - LOCAL_RESERVE, 0.0)
        u_local[atoms] = np.maximum(smallest[atoms] - shared, LOCAL_FLOOR)
        u_group[atoms] = total[atoms]
        u_group[atoms, :3] -= u_local[atoms, None]
    return Displacements(u_group, u_local)


def _as_matrices(u: np.ndarray) -> np.ndarray:
    """(N, 3, 3) of (N, 6)."""
    return u[:, [0, 3, 4, 3, 1, 5, 4, 5, 2]].reshape(-1, 3, 3)


@contextlib.contextmanager
def held_anisotropy(xray_structure):
    """Within this context, tidying the structure leaves its u_star alone.

    mmtbx's individual-B refinement tidies at every weight that it tries, and
    would refine against clipped U_group.
    """
    tidy = type(xray_structure).tidy_us

    def tidy_u_iso_only(*args, **kwargs):
        u_star = xray_structure.scatterers().extract_u_star()
        tidy(xray_structure, *args, **kwargs)
        xray_structure.scatterers().set_u_star(u_star)

    xray_structure.tidy_us = tidy_u_iso_only
    try:
        yield
    finally:
        del xray_structure.tidy_us
