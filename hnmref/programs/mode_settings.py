"""From the parameters of hnmref.modes to the arrays that hnmref.modes takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hnmref.errors import InputError
from hnmref.modes import Crystal, MgrConstants, Springs
from hnmref.programs.nodes import Nodes, label, selected
from hnmref.refine.geometry import process_restraints
from hnmref.refine.topology import distance_bonds, restraint_bonds, topology_of


def network_settings(model, nodes: Nodes, params) -> dict:
    """Keyword arguments of ``compute_modes`` for the springs and the geometry.

    Raises
    ------
    InputError : a file of springs that cannot be read, or a model without what
        the parameters ask for.
    """
    law = "constant" if params.forcefield == "mgr" else params.forcefield
    settings = dict(
        cutoff=params.cutoff,
        spring_law=law,
        power=params.power,
        hinsen_range=params.hinsen_range,
    )
    if params.springs_file is not None:
        settings["pair_springs"] = read_springs(params.springs_file, nodes)
    if params.forcefield == "mgr":
        settings["topology"] = _topology(model, nodes, params.mgr.bonds)
        settings["mgr_constants"] = _constants(params.mgr)
    if params.contacts == "crystal":
        settings["crystal"] = crystal_of(model.crystal_symmetry())
    return settings


def block_labels(model, nodes: Nodes, params, file_name: str) -> np.ndarray | None:
    """(N,) rigid block of each node, or None where every node is free.

    Blocks of the secondary structure or of selections; whatever is in none of
    them is in blocks of residues_per_block residues of its chain.

    Raises
    ------
    InputError : a selection that cannot be read, selects nothing or overlaps
        another; no secondary structure in the file.
    """
    # PHIL makes None of a choice called none.
    if params.blocks is None:
        return None
    selections = []
    if params.blocks == "secondary_structure":
        selections = _secondary_structure(model, file_name)
    elif params.blocks == "selections":
        selections = _given(params.block)
    labels = -np.ones(len(nodes.atoms), dtype=np.intp)
    for number, selection in enumerate(selections):
        mask = selected(model.get_hierarchy(), selection, file_name)[nodes.indices]
        if params.blocks == "secondary_structure":
            # A strand may stand in two sheets.
            mask &= labels < 0
        elif not mask.any():
            raise InputError(f"block={selection!r} has no node in {file_name}")
        elif (labels[mask] >= 0).any():
            first = nodes.atoms[np.flatnonzero(mask & (labels >= 0))[0]]
            raise InputError(
                f"atom {label(first)} is in block={selection!r} and in another: let "
                f"blocks not overlap"
            )
        labels[mask] = number
    rest = labels < 0
    labels[rest] = len(selections) + _runs(nodes, params.residues_per_block)[rest]
    return labels


def substructure_labels(model, nodes: Nodes, params, file_name: str) -> np.ndarray:
    """(N,) substructure of each node: the selections', or its chain.

    Raises
    ------
    InputError : nodes in none of the selections, or in two of them.
    """
    if not params.fsub.substructure:
        return nodes.molecules()
    masks = np.array(
        [
            selected(model.get_hierarchy(), selection, file_name)[nodes.indices]
            for selection in params.fsub.substructure
        ]
    )
    astray = np.flatnonzero(masks.sum(axis=0) != 1)
    if len(astray):
        raise InputError(
            f"{len(astray)} nodes (the first: {label(nodes.atoms[astray[0]])}) are not "
            f"in just one fsub.substructure: let each be in one"
        )
    return np.argmax(masks, axis=0)


def read_springs(file_name: str, nodes: Nodes) -> Springs:
    """Springs of given pairs from a text file; later lines win.

    A line joins two atoms, ``chain residue atom chain residue atom stiffness``,
    or all nodes of two residues, ``chain residue chain residue stiffness``.
    Residues are numbers with their insertion code. Text after # is skipped.

    Raises
    ------
    InputError : the file cannot be read, a line is neither, or names what is
        not there.
    """
    try:
        lines = Path(file_name).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"the springs in {file_name} cannot be read: {error}"
        ) from None
    places = _places(nodes)
    stiffness: dict[tuple[int, int], float] = {}
    for number, line in enumerate(lines, 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        where = f"line {number} of {file_name}"
        if len(words) not in (5, 7):
            raise InputError(
                f"{where} has {len(words)} words: give chain, residue (and atom) of "
                f"both ends and a stiffness"
            )
        half = len(words) // 2
        ends = [_found(places, tuple(w), where) for w in (words[:half], words[half:-1])]
        value = _number(words[-1], where)
        for i in ends[0]:
            for j in ends[1]:
                if i != j:
                    stiffness[min(i, j), max(i, j)] = value
    if not stiffness:
        raise InputError(f"{file_name} lists no spring")
    pairs = np.array(list(stiffness))
    return Springs(pairs[:, 0], pairs[:, 1], np.array(list(stiffness.values())))


def crystal_of(symmetry) -> Crystal:
    """Cell and operators of a cctbx crystal symmetry, in Cartesian coordinates.

    Raises
    ------
    InputError : there is none.
    """
    if symmetry is None or symmetry.is_nonsense():
        raise InputError(
            "contacts=crystal needs the model's cell and space group: add a CRYST1 "
            "record, or use contacts=none"
        )
    matrix = symmetry.unit_cell().orthogonalization_matrix()
    to_cartesian = np.array(matrix).reshape(3, 3)
    to_fractional = np.linalg.inv(to_cartesian)
    rotations, translations = [], []
    for operator in symmetry.space_group():
        rotation = np.array(operator.r().as_double()).reshape(3, 3)
        rotations.append(to_cartesian @ rotation @ to_fractional)
        translations.append(to_cartesian @ np.array(operator.t().as_double()))
    return Crystal(to_cartesian.T, np.array(rotations), np.array(translations))


def _constants(mgr) -> MgrConstants:
    """The constants that were typed, and the fitted ones for the rest."""
    names = ("bond", "angle", "dihedral")
    typed = {name: getattr(mgr, name) for name in names}
    return MgrConstants(**{name: k for name, k in typed.items() if k is not None})


def _topology(model, nodes: Nodes, source: str):
    """Bonds, angles and dihedrals of the nodes."""
    n_atoms = model.get_number_of_atoms()
    if source == "restraints":
        process_restraints(model)
        bonds = restraint_bonds(model)
    else:
        bonds = distance_bonds(model.get_hierarchy(), nodes.indices)
    return topology_of(bonds, nodes.indices, n_atoms)


def _given(selections: list) -> list[str]:
    """The selections of blocks that were typed."""
    given = [selection for selection in selections if selection]
    if not given:
        raise InputError("blocks=selections needs at least one block='...'")
    return given


def _secondary_structure(model, file_name: str) -> list[str]:
    """A selection for each helix and each strand of the file's records."""
    annotation = model.get_ss_annotation()
    if annotation is None or annotation.is_empty():
        raise InputError(
            f"{file_name} has no records of helices and sheets: add them, or use "
            f"another choice of blocks"
        )
    return [
        text
        for part in (*annotation.helices, *annotation.sheets)
        for text in part.as_atom_selections()
    ]


def _runs(nodes: Nodes, n_residues: int) -> np.ndarray:
    """(N,) number of the run of n residues of a chain that a node is in."""
    place = np.empty(len(nodes.residues), dtype=np.intp)
    for chain in np.unique(nodes.chains):
        own = nodes.chains == chain
        order = np.unique(nodes.residues[own], return_inverse=True)[1].reshape(-1)
        place[own] = order // n_residues
    keys = np.stack([nodes.chains, place], axis=1)
    return np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1)


def _places(nodes: Nodes) -> dict[tuple[str, ...], list[int]]:
    """Nodes by chain and residue, and by chain, residue and atom."""
    places: dict[tuple[str, ...], list[int]] = {}
    for number, atom in enumerate(nodes.atoms):
        residue = (atom.chain_id.strip(), atom.resid().strip())
        places.setdefault(residue, []).append(number)
        places.setdefault((*residue, atom.name.strip()), []).append(number)
    return places


def _found(places: dict, key: tuple[str, ...], where: str) -> list[int]:
    """The nodes of a name."""
    if key not in places:
        raise InputError(f"{where} names {' '.join(key)}, which is no node")
    return places[key]


def _number(word: str, where: str) -> float:
    """A stiffness."""
    try:
        return float(word)
    except ValueError:
        raise InputError(f"{where} ends in {word!r}, not in a stiffness") from None
