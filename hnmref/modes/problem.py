"""What modes are asked of, checked: each failure is one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hnmref.errors import ModesError
from hnmref.modes.reduction import Reduction, reduce_atoms
from hnmref.modes.rigid import rigid_body_modes
from hnmref.modes.springs import COINCIDENT, HINSEN_RANGE, SpringLaw


@dataclass
class Problem:
    """Atoms, how they may move, and what joins them.

    coordinates (N, 3) in Å, masses (N,), rigid (N, 3, r) analytic rigid-body
    modes; blocks (N,) 0 .. n_blocks - 1, or None for free atoms; memory_limit
    in GiB, or None for what the machine has free.
    """

    coordinates: np.ndarray
    masses: np.ndarray
    blocks: np.ndarray | None
    reduction: Reduction
    rigid: np.ndarray
    cutoff: float
    law: SpringLaw
    repair: bool
    atom_labels: list[str] | None
    memory_limit: float | None

    @property
    def n_rigid(self) -> int:
        return self.rigid.shape[2]


def pose(
    coordinates: np.ndarray,
    *,
    cutoff: float = 8.0,
    spring_law: str = "constant",
    power: float = 2.0,
    hinsen_range: float = HINSEN_RANGE,
    masses: np.ndarray | None = None,
    blocks: np.ndarray | Sequence | None = None,
    repair: bool = True,
    atom_labels: Sequence[str] | None = None,
    memory_limit: float | None = None,
) -> Problem:
    """Check the input of ``compute_modes`` and prepare the coordinates.

    Raises
    ------
    ModesError : it cannot have modes.
    """
    coordinates = _checked_coordinates(coordinates)
    n_atoms = len(coordinates)
    masses = _checked_masses(masses, n_atoms)
    blocks = _checked_blocks(blocks, n_atoms)
    _check_labels(atom_labels, n_atoms)
    _check_cutoff(cutoff)
    return Problem(
        coordinates=coordinates,
        masses=masses,
        blocks=blocks,
        reduction=reduce_atoms(coordinates, masses, blocks),
        rigid=rigid_body_modes(coordinates, masses),
        cutoff=float(cutoff),
        law=SpringLaw(spring_law, power, hinsen_range),
        repair=repair,
        atom_labels=None if atom_labels is None else [str(a) for a in atom_labels],
        memory_limit=memory_limit,
    )


def _checked_coordinates(coordinates: np.ndarray) -> np.ndarray:
    """Coordinates as a new float array (N, 3), finite."""
    array = np.array(coordinates, dtype=float)
    if array.ndim != 2 or array.shape[1] != 3 or not len(array):
        raise ModesError(
            f"normal modes need the coordinates of at least one atom as an (N, 3) "
            f"array, not one of shape {array.shape}: is the selection empty?"
        )
    bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if len(bad):
        raise ModesError(
            f"{len(bad)} of {len(array)} atoms have coordinates that are not numbers "
            f"(the first is atom {bad[0]}): correct or leave them out"
        )
    return array


def _checked_masses(masses: np.ndarray | None, n_atoms: int) -> np.ndarray:
    """Masses (N,), positive; ones where none are given."""
    if masses is None:
        return np.ones(n_atoms)
    array = np.array(masses, dtype=float)
    if array.shape != (n_atoms,) or not (np.isfinite(array) & (array > 0)).all():
        raise ModesError(
            f"masses must be {n_atoms} positive numbers, one an atom: give them, or "
            f"None for unit masses"
        )
    return array


def _checked_blocks(
    blocks: np.ndarray | Sequence | None, n_atoms: int
) -> np.ndarray | None:
    """Block of each atom as 0 .. n_blocks - 1, in the order of the labels."""
    if blocks is None:
        return None
    labels = np.asarray(blocks)
    if labels.shape != (n_atoms,):
        raise ModesError(
            f"blocks must be {n_atoms} labels, one an atom, not an array of shape "
            f"{labels.shape}"
        )
    return np.unique(labels, return_inverse=True)[1].reshape(-1)


def _check_labels(atom_labels: Sequence[str] | None, n_atoms: int) -> None:
    """One label an atom, or none at all."""
    if atom_labels is not None and len(atom_labels) != n_atoms:
        raise ModesError(
            f"there are {len(atom_labels)} atom labels for {n_atoms} atoms: give one "
            f"an atom"
        )


def _check_cutoff(cutoff: float) -> None:
    """A length in Å."""
    if not (np.isfinite(cutoff) and cutoff > COINCIDENT):
        raise ModesError(f"the cut-off must be a positive length in Å, not {cutoff}")


def check_count(n_modes: int, n_rigid: int, n_coordinates: int) -> None:
    """The number of modes counts the rigid-body ones and has to hold them."""
    if n_modes < n_rigid:
        raise ModesError(
            f"n_modes={n_modes} counts the rigid-body modes and must be at least "
            f"{n_rigid}"
        )
    if n_modes > n_coordinates:
        raise ModesError(
            f"n_modes={n_modes} is more than the {n_coordinates} degrees of freedom: "
            f"ask for fewer modes, or use more atoms or smaller blocks"
        )
