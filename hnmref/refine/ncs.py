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
    torsion_ncs,
    torsion_ncs_params,
)

from hnmref.refine.residues import PEPTIDE_BACKBONE


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
        manager = None
        if model.get_ncs_obj().number_of_ncs_groups > 0:
            manager = _TorsionNcs(
                model=model, params=torsion_ncs_params.extract(), log=null_out()
            )
        if manager is None or manager.get_n_proxies() == 0:
            yield []
        else:
            geometry.ncs_dihedral_manager = manager
            groups = model.get_ncs_groups().get_array_of_str_selections()
            yield [list(group) for group in groups]
    finally:
        geometry.ncs_dihedral_manager = None
        # mmtbx's refinement of B takes groups that are set for constraints.
        model.unset_ncs_constraints_groups()


class _TorsionNcs(torsion_ncs):
    """mmtbx's restraints, for models with residues that lack backbone atoms too."""

    def get_omega_outliers(self, pdb_hierarchy):
        """Peptide bonds that are neither cis nor trans.

        mmtbx stops at a residue without the atoms of a peptide bond; it has no such
        bond, and is left out.
        """
        copy = pdb_hierarchy.deep_copy()
        for chain in copy.chains():
            for group in chain.residue_groups():
                if not _has_backbone(group):
                    chain.remove_residue_group(group)
        return super().get_omega_outliers(copy)


def _has_backbone(group) -> bool:
    """Whether every conformer of a residue group has the atoms of a peptide bond."""
    return all(
        PEPTIDE_BACKBONE <= {atom.name.strip() for atom in conformer.atoms()}
        for conformer in group.conformers()
    )
