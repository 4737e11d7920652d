"""The residues of a model: of a polymer, ligands or waters.

A residue of unknown name counts as polymer by its backbone and by what it is
bonded to, so that modified residues stay in their chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import iotbx.pdb
import numpy as np

from hnmref.refine.arrays import to_numpy, vec3_to_numpy

#: Non-hydrogen atoms nearer than this are bonded (Å); metals' ligands are not.
BOND_DISTANCE = 2.0

#: cctbx's classes of residue names.
AMINO_ACID_CLASSES = {"common_amino_acid", "modified_amino_acid", "d_amino_acid"}
_POLYMER_CLASSES = AMINO_ACID_CLASSES | {"common_rna_dna", "modified_rna_dna"}
#: What a peptide bond to either side needs.
PEPTIDE_BACKBONE = {"N", "CA", "C"}
#: Backbones by which a residue of an unknown name is seen to be of a polymer.
_BACKBONES = (PEPTIDE_BACKBONE, {"O5'", "C5'", "C4'", "C3'", "O3'"})
#: Distance of the only atoms of neighbours in a trace, with their names (Å).
_TRACE_DISTANCES = {"CA": 4.5, "P": 8.0}


class Kind(IntEnum):
    """What a residue is."""

    POLYMER = 0
    LIGAND = 1
    WATER = 2


@dataclass
class Residue:
    """A residue group: all its conformers and hydrogens.

    :ivar chain_index: which chain of the hierarchy, TER records parting them.
    """

    chain_id: str
    segid: str
    resid: str
    chain_index: int
    kind: Kind


@dataclass
class ResidueTable:
    """The model's residues, and what contacts need of its atoms.

    :ivar residue_of: (N,) index of each atom's residue.
    :ivar sites: (N, 3) Å, Cartesian.
    :ivar is_hydrogen: (N,) True for hydrogen and deuterium.
    :ivar conformer: (N,) number of each atom's altloc, 0 for blank.
    """

    residues: list[Residue]
    residue_of: np.ndarray
    sites: np.ndarray
    is_hydrogen: np.ndarray
    conformer: np.ndarray

    def atoms_of(self, residues: Sequence[int]) -> np.ndarray:
        """Sorted atoms of some residues."""
        chosen = np.zeros(len(self.residues), bool)
        chosen[np.asarray(residues, int)] = True
        return np.flatnonzero(chosen[self.residue_of])

    def atom_kinds(self) -> np.ndarray:
        """(N,) kind of each atom's residue."""
        return np.array([r.kind for r in self.residues])[self.residue_of]


def residue_table(model) -> ResidueTable:
    """The residues of a model (mmtbx.model.manager), in the order of the file."""
    residues: list[Residue] = []
    hierarchy = model.get_hierarchy()
    atoms = hierarchy.atoms()
    residue_of = np.zeros(atoms.size(), int)
    for chain_index, chain in enumerate(hierarchy.chains()):
        groups = list(chain.residue_groups())
        for i, group in enumerate(groups):
            indices = to_numpy(group.atoms().extract_i_seq()).astype(int)
            residue_of[indices] = len(residues)
            neighbours = groups[max(i - 1, 0) : i] + groups[i + 1 : i + 2]
            residues.append(
                Residue(
                    chain_id=chain.id,
                    segid=group.atoms()[0].segid.strip(),
                    resid=group.resid().strip(),
                    chain_index=chain_index,
                    kind=_kind(group, neighbours),
                )
            )
    return ResidueTable(
        residues=residues,
        residue_of=residue_of,
        sites=vec3_to_numpy(model.get_sites_cart()),
        is_hydrogen=to_numpy(model.get_hd_selection()),
        conformer=_conformer_numbers(hierarchy),
    )


def _conformer_numbers(hierarchy) -> np.ndarray:
    numbers = np.zeros(hierarchy.atoms().size(), int)
    for group in hierarchy.atom_groups():
        if group.altloc.strip():
            numbers[to_numpy(group.atoms().extract_i_seq()).astype(int)] = ord(
                group.altloc
            )
    return numbers


def _kind(group, neighbours: list) -> Kind:
    """Polymer, ligand or water.

    A HETATM amino acid or nucleotide, and a residue of unknown name with a
    backbone, is of the polymer where it is bonded to a neighbour in the file.
    """
    names = [atom_group.resname for atom_group in group.atom_groups()]
    classes = {iotbx.pdb.common_residue_names_get_class(name) for name in names}
    if classes == {"common_water"}:
        return Kind.WATER
    is_known = bool(classes & _POLYMER_CLASSES) or "UNK" in names
    if is_known and not group.atoms()[0].hetero:
        return Kind.POLYMER
    if not is_known and not _has_backbone(group):
        return Kind.LIGAND
    linked = any(_follow_each_other(group, other) for other in neighbours)
    return Kind.POLYMER if linked else Kind.LIGAND


def _has_backbone(group) -> bool:
    names = {atom.name.strip() for atom in group.atoms()}
    return any(backbone <= names for backbone in _BACKBONES)


def _follow_each_other(group, other) -> bool:
    """Whether two residues are bonded, or neighbours of a CA or P trace."""
    distances = np.linalg.norm(
        vec3_to_numpy(group.atoms().extract_xyz())[:, None]
        - vec3_to_numpy(other.atoms().extract_xyz())[None],
        axis=2,
    )
    if distances.min() < BOND_DISTANCE:
        return True
    names = {atom.name.strip() for g in (group, other) for atom in g.atoms()}
    name = names.pop() if len(names) == 1 else ""
    return distances.min() < _TRACE_DISTANCES.get(name, 0.0)
