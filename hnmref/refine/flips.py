"""Flips of Asn, Gln and His, decided by mmtbx's reduce2.

The map cannot tell the two ends of these side chains apart; contacts and hydrogen
bonds can (Word et al., J. Mol. Biol. 285, 1735, 1999). Hydrogens are placed on a copy
of the model, of which only the decisions are kept.
"""

from __future__ import annotations

import iotbx.phil
import mmtbx.model
import numpy as np
from iotbx.pdb import common_residue_names_get_class
from libtbx.utils import Sorry, null_out
from mmtbx.hydrogens import reduce_hydrogen
from mmtbx.probe.Helpers import probe_phil_parameters
from mmtbx.reduce.Optimizers import Optimizer
from mmtbx.refinement.flip_peptide_side_chain import flip_residue

from hnmref.errors import InputError
from hnmref.refine.residues import AMINO_ACID_CLASSES
from hnmref.refine.side_chains import SideChain, movable_side_chains

#: An atom of each side chain, and the one whose place it takes in a flip.
_ENDS = {"ASN": ("OD1", "ND2"), "GLN": ("OE1", "NE2"), "HIS": ("ND1", "CD2")}


def flipped_side_chains(model) -> list[tuple[SideChain, np.ndarray]]:
    """Asn, Gln and His that are better turned round; the model stays as it is.

    Decided by contacts within the model; symmetry mates have no part in it. The first
    conformer of each residue counts. Only side chains of one conformer, off special
    positions, bonded to nothing else and without atoms of zero occupancy are flipped.

    :param model: mmtbx model with the restraints of ``process_restraints``.
    :returns: side chains, and the (n, 3) sites of their atoms, Å, once the end is
        turned by 180 degrees about the bond before it.
    :raises InputError: reduce2 cannot place hydrogens on this model.
    """
    candidates = {
        side_chain.atoms[0]: side_chain
        for side_chain in movable_side_chains(model)
        if side_chain.name in _ENDS
    }
    if not candidates:
        return []
    before = model.get_hierarchy().deep_copy()
    before.atoms().reset_i_seq()
    after = _optimised(model)
    result = []
    for group, optimised in zip(
        before.residue_groups(), after.residue_groups(), strict=True
    ):
        side_chain = candidates.get(group.atoms()[0].i_seq)
        if side_chain is not None and _is_flipped(group, optimised):
            flip_residue(group.conformers()[0].only_residue(), model.get_mon_lib_srv())
            result.append((side_chain, np.array(group.atoms().extract_xyz())))
    return result


def _optimised(model):
    """The hierarchy of a copy with hydrogens and flips, as reduce2 would have it."""
    copy = mmtbx.model.manager(
        model_input=None,
        pdb_hierarchy=model.get_hierarchy().deep_copy(),
        crystal_symmetry=model.crystal_symmetry(),
        restraint_objects=list(model.get_restraint_objects() or []),
        log=null_out(),
    )
    try:
        placed = _PlaceHydrogens(model=copy, n_terminal_charge="no_charge")
        placed.run()
        copy = placed.get_model()
        copy.get_hierarchy().sort_atoms_in_place()
        copy.get_hierarchy().atoms().reset_serial()
        interpretation = reduce_hydrogen.get_reduce_pdb_interpretation_params(False)
        interpretation.pdb_interpretation.flip_symmetric_amino_acids = False
        copy.process(pdb_interpretation_params=interpretation, make_restraints=True)
        Optimizer(
            iotbx.phil.parse(probe_phil_parameters).extract().probe,
            True,
            copy,
            altID="",
            skipBondFixup=True,
            fillAtomDump=False,
        )
    except (
        *(Sorry, RuntimeError, ValueError, KeyError, AttributeError),
        # Of a residue that the monomer library has not, it asks RDKit.
        ImportError,
    ) as error:
        # What a model lacks for hydrogens comes out of reduce2 as any of these.
        raise InputError(
            f"sites.flip_nqh: mmtbx's reduce2 cannot place hydrogens on this model "
            f"({type(error).__name__}: {error}): refine without it"
        ) from error
    return copy.get_hierarchy()


class _PlaceHydrogens(reduce_hydrogen.place_hydrogens):
    """Hydrogens of amino acids as they are in a chain, and none of ions.

    CCP4's monomer library has free amino acids with NH3+, where mmtbx expects GeoStd's
    with NH2, and would give every residue a hydrogen too many. Its CD is a nucleotide:
    of cadmium mmtbx would ask RDKit.
    """

    def add_missing_H_atoms_at_bogus_position(self):
        """The hierarchy with hydrogens that are still to be moved to their places."""
        ions = _take_out_ions(self.model.get_hierarchy())
        hierarchy = super().add_missing_H_atoms_at_bogus_position()
        for chain, index, ion in ions:
            chain.insert_residue_group(index, ion)
        for group in hierarchy.atom_groups():
            if _is_amino_acid(group):
                for name in ("H2", "H3"):
                    atom = group.get_atom(name)
                    if atom:
                        group.remove_atom(atom)
        return hierarchy


def _take_out_ions(hierarchy) -> list:
    """Remove ions from their chains: chain, index in it and residue group of each.

    In this order they can be put back.
    """
    ions = [
        (chain, index, group)
        for chain in hierarchy.chains()
        for index, group in enumerate(chain.residue_groups())
        if {_residue_class(part) for part in group.atom_groups()} == {"common_element"}
    ]
    for chain, _, ion in ions:
        chain.remove_residue_group(ion)
    return ions


def _is_amino_acid(group) -> bool:
    """By its name, whatever of it is in this atom group, or else by its atoms."""
    if _residue_class(group) in AMINO_ACID_CLASSES:
        return True
    return bool(group.get_atom("CA") and group.get_atom("N"))


def _residue_class(group) -> str:
    return common_residue_names_get_class(group.resname.strip())


def _is_flipped(before, after) -> bool:
    """Whether one end of a residue group has taken the other's place."""
    ends = _ENDS[before.atom_groups()[0].resname.strip()]
    here = [before.atom_groups()[0].get_atom(name) for name in ends]
    there = after.atom_groups()[0].get_atom(ends[0])
    if there is None or None in here:
        return False
    kept, swapped = (atom.distance(there) for atom in here)
    return swapped < kept
