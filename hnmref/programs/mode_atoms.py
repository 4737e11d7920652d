"""Atoms of a modes file and those of models: read, matched, chosen, named."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Sequence

import numpy as np

from hnmref.errors import InputError
from hnmref.modes import GaussianModes, ModeSet, match_atoms
from hnmref.modes.gnm import FILE_FORMAT as GAUSSIAN_FORMAT
from hnmref.programs.frames import atom_labels
from hnmref.programs.nodes import network_nodes, selected

#: How far a model may lie from the coordinates of a modes file (Å, rms).
MODEL_TOLERANCE = 2.0

#: Atoms that stand for their residues.
_REPRESENTATIVES = ("CA", "P", "C1'")


def read_modes(file_name: str) -> ModeSet | GaussianModes:
    """Modes of any kind that hnmref.modes writes.

    Raises
    ------
    ModesError : the file is missing, or is no modes file.
    """
    try:
        with np.load(file_name, allow_pickle=False) as stored:
            gaussian = str(stored["format"]) == GAUSSIAN_FORMAT
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, TypeError):
        # ModeSet says what is wrong with it.
        gaussian = False
    return GaussianModes.load(file_name) if gaussian else ModeSet.load(file_name)


def matched_atoms(
    modes: ModeSet | GaussianModes, hierarchy, file_name: str, modes_name: str
) -> list:
    """Atoms of a model that are those of the modes, in their order.

    By label (chain, residue, atom; a label that repeats by its turn), in the
    conformer that hnmref.modes takes.

    Raises
    ------
    InputError : the model lacks some of them.
    """
    nodes = network_nodes(hierarchy, "all", "all", file_name)
    if modes.atom_labels is None:
        if len(nodes.atoms) != modes.n_atoms:
            raise InputError(
                f"{modes_name} holds {modes.n_atoms} atoms without names and "
                f"{file_name} has {len(nodes.atoms)}: make the modes from this model "
                f"with hnmref.modes"
            )
        return nodes.atoms
    at = dict(zip(_numbered(nodes.labels()), nodes.atoms))
    wanted = _numbered(modes.atom_labels)
    missing = [name for name, _ in (key for key in wanted if key not in at)]
    if missing:
        raise InputError(
            f"{len(missing)} of the {modes.n_atoms} atoms of {modes_name} are not "
            f"in {file_name} (the first is {missing[0]}): give the structure that the "
            f"modes were made from, or one with the same chains, residues and atoms"
        )
    return [at[key] for key in wanted]


def target_coordinates(
    modes: ModeSet | GaussianModes,
    target,
    names: tuple[str, str],
    model=None,
    model_name: str = "",
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Atoms of the modes that a second structure has, and where it has them.

    By label where it has them all; else, with the model that the modes were made
    from, by numbering and sequence (hnmref.modes.match_atoms).

    target : hierarchy of the second structure; names : its file's and the modes'.
    model : hierarchy of the model of the modes, or None.

    Returns
    -------
    indices (M,), coordinates (M, 3) in Å, and sentences on what has no counterpart.

    Raises
    ------
    InputError : atoms are missing and there is no model to match by, or none match.
    """
    target_name, modes_name = names
    try:
        atoms = matched_atoms(modes, target, target_name, modes_name)
    except InputError as error:
        if model is None:
            raise InputError(
                f"{error}; or give the model of the modes as well, so that residues "
                f"are matched by numbering and sequence"
            ) from None
    else:
        return np.arange(len(atoms)), np.array([atom.xyz for atom in atoms]), []
    ours = matched_atoms(modes, model, model_name, modes_name)
    theirs = network_nodes(target, "all", "all", target_name).atoms
    match = match_atoms(
        atom_labels(ours), atom_labels(theirs), names=(model_name, target_name)
    )
    found = np.array([theirs[i].xyz for i in match.index_b])
    notes = [
        *match.notes,
        f"{len(found)} of {len(ours)} atoms are in {target_name} too",
        *(f"not in {target_name}: {part}" for part in match.unmatched_a),
    ]
    return match.index_a, found, notes


def model_b_factors(
    modes: ModeSet | GaussianModes, hierarchy, file_name: str, modes_name: str
) -> np.ndarray:
    """(N,) B of the model that the modes were made from, Å².

    Raises
    ------
    InputError : the model lacks atoms of the modes, or lies elsewhere.
    """
    atoms = matched_atoms(modes, hierarchy, file_name, modes_name)
    shift = np.array([atom.xyz for atom in atoms]) - modes.coordinates
    rms = np.sqrt(np.mean(np.sum(shift**2, axis=1)))
    if rms > MODEL_TOLERANCE:
        raise InputError(
            f"{modes_name} was made for coordinates {rms:.1f} A away from those of "
            f"{file_name} (rms): give the model that the modes were made from, or "
            f"make them anew with hnmref.modes"
        )
    return np.array([atom.b for atom in atoms])


def require_same_atoms(first, second, first_name: str, second_name: str) -> None:
    """Raise InputError where two modes files are not of the same atoms."""
    if first.n_atoms != second.n_atoms:
        raise InputError(
            f"{first_name} holds {first.n_atoms} atoms and {second_name} "
            f"{second.n_atoms}: overlaps need modes of the same atoms"
        )
    if first.atom_labels is None or second.atom_labels is None:
        return
    for one, other in zip(first.atom_labels, second.atom_labels):
        if one != other:
            raise InputError(
                f"{first_name} and {second_name} are not of the same atoms (the first "
                f"that differ are {one} and {other}): make both with the same "
                f"selection and nodes"
            )


def chosen_atoms(
    modes: ModeSet | GaussianModes,
    kind: str,
    selection: str | None,
    hierarchy,
    file_name: str,
    modes_name: str,
) -> np.ndarray:
    """Indices of the modes' atoms that the matrices are of.

    Parameters
    ----------
    kind : ``all``, or ``representative``: CA, P or C1' of each residue, else its
        first atom.
    selection : only atoms of the model that it selects; None for no such bound.
    hierarchy : the model, used with a selection alone.

    Raises
    ------
    InputError : nothing is left; the selection cannot be read.
    """
    kept = np.ones(modes.n_atoms, dtype=bool)
    if kind == "representative" and modes.atom_labels is not None:
        kept[:] = False
        kept[_representatives(modes.atom_labels)] = True
    if selection is not None:
        atoms = matched_atoms(modes, hierarchy, file_name, modes_name)
        mask = selected(hierarchy, selection, file_name)
        kept &= mask[[atom.i_seq for atom in atoms]]
    if not kept.any():
        raise InputError(
            f"the selection {selection!r} holds no atom of {modes_name} that "
            f"atoms={kind} keeps: change selection, or use atoms=all"
        )
    return np.flatnonzero(kept)


def atom_names(modes: ModeSet | GaussianModes) -> list[str]:
    """A label for each atom, by its number where it has no other."""
    if modes.atom_labels is None:
        return [f"atom {i + 1}" for i in range(modes.n_atoms)]
    return list(modes.atom_labels)


def short_names(labels: Sequence[str]) -> list[str]:
    """Chain and residue number of labels such as ``A ALA 3 CA``."""
    short = []
    for label in labels:
        words = label.split()
        short.append(f"{words[-4]} {words[-2]}" if len(words) >= 4 else label)
    return short


def _numbered(labels: Sequence[str]) -> list[tuple[str, int]]:
    """Labels with how often each has come before."""
    seen: Counter = Counter()
    result = []
    for label in labels:
        result.append((label, seen[label]))
        seen[label] += 1
    return result


def _representatives(labels: Sequence[str]) -> list[int]:
    """One atom of each run of atoms of the same residue."""
    result: list[int] = []
    best, last = len(_REPRESENTATIVES), None
    for i, label in enumerate(labels):
        residue, _, name = label.rpartition(" ")
        rank = _REPRESENTATIVES.index(name) if name in _REPRESENTATIVES else best
        if residue != last:
            result.append(i)
            last, lowest = residue, rank
        elif rank < lowest:
            result[-1], lowest = i, rank
    return result
