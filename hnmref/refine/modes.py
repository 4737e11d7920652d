"""The modes of each group of atoms, scaled for refinement."""

from __future__ import annotations

import numpy as np
from libtbx import Auto

from hnmref.adp.basis import ModeBasis
from hnmref.errors import InputError
from hnmref.modes import ModeSet, compute_modes

#: Numbers of modes that are tried where it is Auto.
MODE_NUMBERS = (6, 10, 20, 30, 40, 50)

#: How far a model may have moved from the coordinates of a modes file (Å, rms).
_MODES_FILE_TOLERANCE = 2.0


def group_modes(
    sites: np.ndarray, atoms: np.ndarray, blocks: np.ndarray, n_modes, network
) -> ModeSet:
    """Modes of one group in isolation, the six rigid-body ones first.

    A group with fewer degrees of freedom than modes gets what it has, which
    ``notes`` of the result says.

    :param sites: (N, 3) Cartesian coordinates of the whole model, Å.
    :param atoms: indices of the group's atoms.
    :param blocks: (N,) RTB block of each atom of the model.
    :param n_modes: Auto: as many as may be tried.
    :param network: the extracted ``hnm.network`` scope.
    """
    labels = blocks[atoms] if network.blocks == "residue" else np.arange(len(atoms))
    available = degrees_of_freedom(labels)
    if n_modes is Auto:
        n_modes = min(MODE_NUMBERS[-1], available)
    modes = compute_modes(
        sites[atoms],
        n_modes=min(n_modes, available),
        cutoff=network.cutoff,
        spring_law=network.spring_law,
        blocks=labels if network.blocks == "residue" else None,
    )
    if available < n_modes:
        modes.notes.append(
            f"{available} modes are all that {len(atoms)} atoms in "
            f"{len(np.unique(labels))} rigid blocks have; {n_modes} were asked for"
        )
    return modes


def degrees_of_freedom(blocks: np.ndarray) -> int:
    """Degrees of freedom of rigid blocks: 3 for one atom, 5 for two, else 6."""
    _, sizes = np.unique(blocks, return_counts=True)
    return int(np.select([sizes == 1, sizes == 2], [3, 5], 6).sum())


def read_group_modes(
    file_name: str, sites: np.ndarray, atoms: np.ndarray, n_modes
) -> ModeSet:
    """Modes of one group from a file of hnmref.modes.

    :param n_modes: Auto: as many as may be tried.
    :raises InputError: the file has other atoms, other coordinates or too few
        modes.
    """
    modes = ModeSet.load(file_name)
    if modes.n_atoms != len(atoms):
        raise InputError(
            f"hnm.modes_file={file_name} holds {modes.n_atoms} atoms, but "
            f"{len(atoms)} atoms of the model are in substructures: make it with "
            "hnmref.modes from this model"
        )
    shift = np.sqrt(np.mean(np.sum((modes.coordinates - sites[atoms]) ** 2, axis=1)))
    if shift > _MODES_FILE_TOLERANCE:
        raise InputError(
            f"hnm.modes_file={file_name} was made for coordinates {shift:.1f} Å away "
            "from the model's (rms): make it with hnmref.modes from this model"
        )
    if n_modes is Auto:
        n_modes = min(MODE_NUMBERS[-1], modes.n_modes)
    if modes.n_modes < n_modes:
        raise InputError(
            f"hnm.modes_file={file_name} holds {modes.n_modes} modes, fewer than "
            f"hnm.n_whole={n_modes}: make it with more, or ask for fewer"
        )
    return modes.truncate(n_modes)


def scaled_basis(modes: ModeSet, atoms: np.ndarray) -> ModeBasis:
    """Modes as columns of E that move the atoms by 1 Å, root mean square.

    The model of U does not depend on the scale of a column; the floor that the stages
    give to the curvature does.
    """
    return ModeBasis(modes.vectors * np.sqrt(modes.n_atoms), atoms)
