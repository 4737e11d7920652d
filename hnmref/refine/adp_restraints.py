"""The restraints manager that ADP refinement needs, without a geometry library.

mmtbx restrains each isotropic ADP to those of its neighbours in space, and
judges weights by the difference of B along covalent bonds. Both follow from the
coordinates: neighbours by distance, bonds by covalent radii.
"""

from __future__ import annotations

import mmtbx.restraints
from cctbx import crystal, geometry_restraints
from cctbx.geometry_restraints import manager as geometry_manager

#: Neighbours within this distance are restrained to each other (mmtbx's default).
PLAIN_PAIRS_RADIUS = 5.0
#: Two atoms are bonded when nearer than their covalent radii and this (Å).
_BOND_TOLERANCE = 0.3
#: Covalent radii are looked up for pairs no further apart than this (Å).
_LONGEST_BOND = 3.5


class _Geometry(geometry_manager.manager):
    """A geometry manager whose selections keep their neighbours.

    mmtbx leaves hydrogens out when it determines the weight. cctbx then makes the
    table of neighbours anew only where there are non-bonded restraints as well.
    """

    def select(self, selection=None, iselection=None):
        selected = super().select(selection=selection, iselection=iselection)
        if iselection is None:
            iselection = selection.iselection()
        selected.plain_pair_sym_table = self.plain_pair_sym_table.proxy_select(
            iselection
        )
        return selected


def adp_restraints_manager(xray_structure) -> mmtbx.restraints.manager:
    """mmtbx's restraints manager with neighbours and covalent bonds only."""
    geometry = _Geometry(
        crystal_symmetry=xray_structure,
        site_symmetry_table=xray_structure.site_symmetry_table(),
        bond_params_table=_bond_params(xray_structure),
        shell_sym_tables=[_bonds(xray_structure)],
        plain_pairs_radius=PLAIN_PAIRS_RADIUS,
    )
    geometry.update_plain_pair_sym_table(sites_frac=xray_structure.sites_frac())
    return mmtbx.restraints.manager(geometry=geometry)


def _bonds(xray_structure):
    """Symmetry table of covalently bonded pairs."""
    mappings = xray_structure.asu_mappings(buffer_thickness=_LONGEST_BOND)
    pairs = crystal.pair_asu_table(asu_mappings=mappings)
    pairs.add_covalent_pairs(
        xray_structure.scatterers().extract_scattering_types(),
        tolerance=_BOND_TOLERANCE,
    )
    return pairs.extract_pair_sym_table()


def _bond_params(xray_structure):
    """An ideal length for every bond; only the list of pairs is ever used."""
    table = geometry_restraints.bond_params_table(xray_structure.scatterers().size())
    for i_seq, neighbours in enumerate(_bonds(xray_structure)):
        for j_seq in neighbours.keys():
            first, second = sorted((i_seq, j_seq))
            table[first][second] = geometry_restraints.bond_params(
                distance_ideal=1.5, weight=1.0
            )
    return table
