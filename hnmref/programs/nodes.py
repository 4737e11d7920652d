"""The nodes of a network: which atoms of a model, their masses, names and blocks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from cctbx.eltbx import tiny_pse
from libtbx.utils import Sorry

from hnmref.errors import InputError
from hnmref.modes import AtomNames

#: Atoms that each choice of nodes keeps of the selection.
KINDS = {
    "all": "all",
    "ca": "(protein and name CA) or (nucleotide and name P)",
    "backbone": (
        "(protein and (name N or name CA or name C or name O)) or (nucleotide and "
        "(name P or name O5' or name C5' or name C4' or name C3' or name O3'))"
    ),
}


@dataclass
class Nodes:
    """Atoms (with labels) of the network, in the order of the file.

    indices : (N,) ascending numbers of the atoms in the hierarchy.
    residues, chains : (N,) numbers of each one's residue and chain, counted as
        they come, since chain names may repeat.
    residue_masses : (N,) masses of the whole residues in daltons, shared by the
        residue's nodes; NaN where an element is not known.
    notes : what was left out.
    """

    atoms: list
    indices: np.ndarray
    residues: np.ndarray
    chains: np.ndarray
    residue_masses: np.ndarray
    notes: list[str]

    def coordinates(self) -> np.ndarray:
        """(N, 3) array, Å."""
        return np.array([atom.xyz for atom in self.atoms])

    def labels(self) -> list[str]:
        """A name that a reader finds each atom by."""
        return [label(atom) for atom in self.atoms]

    def molecules(self) -> np.ndarray:
        """(N,) segment and chain of each atom."""
        return np.array([f"{a.segid.strip()} {a.chain_id}".strip() for a in self.atoms])

    def masses(self, kind: str) -> np.ndarray | None:
        """Masses in daltons: of the ``element``, of the ``residue``, or None (unit).

        Raises
        ------
        InputError : an atom without a known element.
        """
        if kind == "unit":
            return None
        for atom in self.atoms:
            if np.isnan(mass(atom)):
                raise InputError(
                    f"atom {label(atom)} has no known element "
                    f"({atom.element.strip()!r}): correct the model or use masses=unit"
                )
        if kind == "element":
            return np.array([mass(atom) for atom in self.atoms])
        unknown = np.flatnonzero(np.isnan(self.residue_masses))
        if len(unknown):
            raise InputError(
                f"the residue of {label(self.atoms[unknown[0]])} has an atom without a "
                f"known element: correct the model or use masses=unit"
            )
        return self.residue_masses

    def names(self) -> AtomNames:
        """What an NMD file says of the atoms."""
        return AtomNames(
            atoms=np.array([atom.name.strip() for atom in self.atoms]),
            residues=np.array([atom.resname.strip() for atom in self.atoms]),
            residue_numbers=np.array([atom.resseq_as_int() for atom in self.atoms]),
            chains=np.array([atom.chain_id.strip() for atom in self.atoms]),
            b_factors=np.array([atom.b for atom in self.atoms]),
        )


def network_nodes(hierarchy, selection: str, kind: str, file_name: str) -> Nodes:
    """The selected atoms of the first model, one conformer a residue.

    That is the conformer of the highest mean occupancy, the first of equals.

    Raises
    ------
    InputError : the selection cannot be read or selects nothing.
    """
    notes = []
    models = hierarchy.models()
    if len(models) > 1:
        notes.append(f"{file_name} has {len(models)} models: only the first is used")
    chosen = selected(hierarchy, selection, file_name)
    chosen &= selected(hierarchy, KINDS[kind], file_name)
    kept: list[int] = []
    residues: list[int] = []
    chains: list[int] = []
    masses: list[float] = []
    n_left_out = n_residues = 0
    for chain_number, chain in enumerate(models[0].chains()):
        for residue in chain.residue_groups():
            main, others = _main_conformer(residue, chosen)
            kept.extend(main)
            residues.extend([n_residues] * len(main))
            chains.extend([chain_number] * len(main))
            if main:
                masses.extend([_residue_mass(residue) / len(main)] * len(main))
            n_residues += 1
            n_left_out += len(others)
    if not kept:
        of_kind = "" if kind == "all" else f" that nodes={kind} keeps"
        raise InputError(
            f"the selection {selection!r} has no atom{of_kind} in {file_name}: change "
            f"selection"
        )
    if n_left_out:
        notes.append(
            f"{n_left_out} atoms of alternate conformers are left out: each residue "
            f"keeps the conformer of the highest occupancy, the first of equals"
        )
    labelled = list(hierarchy.atoms_with_labels())
    return Nodes(
        atoms=[labelled[i] for i in kept],
        indices=np.array(kept),
        residues=np.array(residues),
        chains=np.array(chains),
        residue_masses=np.array(masses),
        notes=notes,
    )


def selected(hierarchy, selection: str, file_name: str) -> np.ndarray:
    """Mask of the selected atoms.

    Raises
    ------
    InputError : the selection cannot be read.
    """
    cache = hierarchy.atom_selection_cache()
    try:
        return cache.selection(selection).as_numpy_array()
    except (Sorry, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"the selection {selection!r} for {file_name} cannot be read: {reason}"
        ) from None


def label(atom) -> str:
    """A name a reader finds the atom by."""
    words = (atom.segid, atom.chain_id, atom.resname, atom.resid(), atom.name)
    return " ".join(word.strip() for word in words if word.strip())


def mass(atom) -> float:
    """Mass of the atom's element in daltons; NaN where it is not known."""
    try:
        return tiny_pse.table(atom.element.strip()).weight()
    except (RuntimeError, ValueError):
        return float("nan")


def _main_conformer(residue, chosen: np.ndarray) -> tuple[list[int], list[int]]:
    """Chosen atoms of a residue (i_seq): in its main conformer, and the others."""
    main, by_altloc = [], {}
    for atom_group in residue.atom_groups():
        atoms = [atom for atom in atom_group.atoms() if chosen[atom.i_seq]]
        if not atoms:
            continue
        if atom_group.altloc.strip():
            by_altloc.setdefault(atom_group.altloc, []).extend(atoms)
        else:
            main.extend(atoms)
    if by_altloc:
        main.extend(by_altloc.pop(_best(by_altloc)))
    others = [atom for atoms in by_altloc.values() for atom in atoms]
    return sorted(atom.i_seq for atom in main), [atom.i_seq for atom in others]


def _residue_mass(residue) -> float:
    """Mass of all atoms of a residue's main conformer, as far as the model goes."""
    by_altloc: dict[str, list] = {}
    total = 0.0
    for atom_group in residue.atom_groups():
        if atom_group.altloc.strip():
            by_altloc.setdefault(atom_group.altloc, []).extend(atom_group.atoms())
        else:
            total += sum(mass(atom) for atom in atom_group.atoms())
    if by_altloc:
        total += sum(mass(atom) for atom in by_altloc[_best(by_altloc)])
    return total


def _best(by_altloc: dict[str, list]) -> str:
    """The conformer of the highest mean occupancy, the first of equals."""
    return max(by_altloc, key=lambda a: np.mean([atom.occ for atom in by_altloc[a]]))
