"""Torsion-angle restraints between like chains (NCS), as phenix.refine has them.

mmtbx finds the related chains and restrains their torsions to be alike, less the
further they differ (Headd et al., Acta Cryst. D70, 1346, 2014), so that true
differences stay.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import iotbx.ncs
from libtbx.utils import null_out
from mmtbx.geometry_restraints.torsion_restraints.torsion_ncs import (
    torsion_ncs_params,
)


@contextmanager
def torsion_ncs_restraints(model) -> Iterator[list[list[str]]]:
    """NCS restraints in the model's geometry, for as long as the context lasts.

    They depend on the model's coordinates alone. ``use_rotarama_data`` comes first:
    rotamer and Ramachandran outliers are not restrained to each other.

    :param model: mmtbx model with the restraints of ``process_restraints``.
    :returns: of each group the atom selections of the parts that are restrained to
        each other; none where no chains are alike.
    """
    geometry = model.restraints_manager.geometry
    try:
        model.search_for_ncs(params=iotbx.ncs.input.get_default_params().ncs_search)
        model.setup_torsion_ncs_restraints(
            fmodel=None,
            ncs_torsion_params=torsion_ncs_params.extract(),
            sites_individual=None,
            log=null_out(),
        )
        groups = model.get_ncs_groups().get_array_of_str_selections()
        restrained = geometry.ncs_dihedral_manager is not None
        yield [list(group) for group in groups] if restrained else []
    finally:
        geometry.ncs_dihedral_manager = None
        # mmtbx's refinement of B takes groups that are set for constraints.
        model.unset_ncs_constraints_groups()
