"""What modes are asked of, checked: each failure is one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hnmref.errors import ModesError
from hnmref.modes.crystal import Crystal
from hnmref.modes.factor import check_factorisation
from hnmref.modes.forcefield import ForceField
from hnmref.modes.mgr import MgrConstants, Topology
from hnmref.modes.progress import Progress, tell_nobody
from hnmref.modes.reduction import Reduction, reduce_atoms
from hnmref.modes.rigid import rigid_body_modes
from hnmref.modes.springs import HINSEN_RANGE, SpringLaw, Springs


@dataclass
class Problem:
    """Atoms, how they may move, and what joins them.

    coordinates (N, 3) in Å, masses (N,), rigid (N, 3, r) analytic rigid-body
    modes (in a crystal, translations that its symmetry allows); blocks (N,)
    0 .. n_blocks - 1, or None for free atoms; memory_limit in GiB, or None for
    what the machine has free; progress is told how far the work has come.
    """

    coordinates: np.ndarray
    masses: np.ndarray
    blocks: np.ndarray | None
    reduction: Reduction
    rigid: np.ndarray
    forcefield: ForceField
    repair: bool
    atom_labels: list[str] | None
    memory_limit: float | None
    progress: Progress = tell_nobody
    factorisation: str = "superlu"

    @property
    def n_rigid(self) -> int:
        return self.rigid.shape[2]

    def part(self, atoms: np.ndarray) -> Problem:
        """The same of some atoms (sorted indices) in isolation."""
        n_atoms = len(self.coordinates)
        coordinates, masses = self.coordinates[atoms], self.masses[atoms]
        blocks, labels = self.blocks, self.atom_labels
        if blocks is not None:
            blocks = np.unique(blocks[atoms], return_inverse=True)[1].reshape(-1)
        return replace(
            self,
            coordinates=coordinates,
            masses=masses,
            blocks=blocks,
            reduction=reduce_atoms(coordinates, masses, blocks),
            rigid=rigid_body_modes(coordinates, masses),
            forcefield=self.forcefield.within(atoms, n_atoms),
            atom_labels=None if labels is None else [labels[atom] for atom in atoms],
        )


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
    pair_springs: Springs | None = None,
    topology: Topology | None = None,
    mgr_constants: MgrConstants | None = None,
    crystal: Crystal | None = None,
    progress: Progress | None = None,
    factorisation: str = "superlu",
) -> Problem:
    """Check the input of ``compute_modes`` and prepare the coordinates.

    Raises
    ------
    ModesError : it cannot have modes.
    """
    coordinates = check_atoms(coordinates, atom_labels)
    n_atoms = len(coordinates)
    masses = _checked_masses(masses, n_atoms)
    blocks = _checked_blocks(blocks, n_atoms)
    forcefield = ForceField(
        cutoff=float(cutoff),
        law=SpringLaw(spring_law, power, hinsen_range),
        listed=pair_springs,
        topology=topology,
        constants=mgr_constants or MgrConstants(),
        crystal=crystal,
    )
    forcefield.check(n_atoms)
    check_factorisation(factorisation)
    return Problem(
        coordinates=coordinates,
        masses=masses,
        blocks=blocks,
        reduction=reduce_atoms(coordinates, masses, blocks),
        rigid=_free_motions(coordinates, masses, crystal),
        forcefield=forcefield,
        repair=repair,
        atom_labels=None if atom_labels is None else [str(a) for a in atom_labels],
        memory_limit=memory_limit,
        progress=progress or tell_nobody,
        factorisation=factorisation,
    )


def _free_motions(
    coordinates: np.ndarray, masses: np.ndarray, crystal: Crystal | None
) -> np.ndarray:
    """Motions (N, 3, r) that cost nothing, whatever the springs."""
    if crystal is None:
        return rigid_body_modes(coordinates, masses)
    directions = crystal.free_translations() / np.sqrt(masses.sum())
    return np.broadcast_to(directions, (len(coordinates), *directions.shape)).copy()


def check_atoms(
    coordinates: np.ndarray, atom_labels: Sequence[str] | None
) -> np.ndarray:
    """Coordinates as a new float array (N, 3), finite, with a label each or none.

    Raises
    ------
    ModesError : they are not that.
    """
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
    if atom_labels is not None and len(atom_labels) != len(array):
        raise ModesError(
            f"there are {len(atom_labels)} atom labels for {len(array)} atoms: give "
            f"one an atom"
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
