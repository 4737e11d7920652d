"""Side chains that may be turned without harm to anything else."""

from __future__ import annotations

from typing import NamedTuple

import iotbx.pdb
import numpy as np

from hnmref.refine.arrays import to_numpy

#: Atoms of an amino acid that a turned side chain leaves where they are.
_BACKBONE = {"N", "CA", "C", "O", "OXT"}


class SideChain(NamedTuple):
    """A residue: its name, ``CHAIN RESID NAME``, and all its atoms' indices."""

    name: str
    label: str
    atoms: np.ndarray


def movable_side_chains(model) -> list[SideChain]:
    """Amino acids whose side chains may be turned.

    They have one conformer, no atom of zero occupancy, none on a special position, and
    no bond of the side chain with another residue (disulphides, glycans, metals).

    :param model: mmtbx model with the restraints of ``process_restraints``.
    """
    structure = model.get_xray_structure()
    fixed = to_numpy(structure.scatterers().extract_occupancies()) <= 0
    fixed[to_numpy(structure.special_position_indices()).astype(int)] = True
    fixed[_linked_atoms(model)] = True
    result = []
    for group in model.get_hierarchy().residue_groups():
        (first, *others) = group.atom_groups()
        name = first.resname.strip()
        atoms = to_numpy(group.atoms().extract_i_seq()).astype(int)
        if others or first.altloc.strip() or fixed[atoms].any():
            continue
        if iotbx.pdb.common_residue_names_get_class(name) == "common_amino_acid":
            chain = group.parent().id.strip()
            label = " ".join(filter(None, (chain, group.resid().strip(), name)))
            result.append(SideChain(name, label, atoms))
    return result


def _linked_atoms(model) -> list[int]:
    """Atoms off the backbone that are bonded to another residue."""
    geometry = model.restraints_manager.geometry
    simple, asu = geometry.get_all_bond_proxies(model.get_sites_cart())
    pairs = [proxy.i_seqs for proxy in simple]
    # A bond with a symmetry mate is one with another residue, whatever its name.
    across = [i_seq for proxy in asu for i_seq in (proxy.i_seq, proxy.j_seq)]
    atoms = model.get_hierarchy().atoms()
    residue = [atom.parent().parent().memory_id() for atom in atoms]
    linked = {i for pair in pairs if residue[pair[0]] != residue[pair[1]] for i in pair}
    linked.update(across)
    return [i for i in sorted(linked) if atoms[i].name.strip() not in _BACKBONE]
