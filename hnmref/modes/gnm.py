"""The Gaussian network: how much each node moves, without a direction.

Bahar, Atilgan & Erman (1997), Haliloglu, Bahar & Erman (1997): displacements
cost ``1/2 sum_s k_s |u_i - u_j|^2``, the same in x, y and z, so the modes are
those of the N × N Kirchhoff matrix, and ``<u_i . u_j> = 3 kT (Gamma^-1)_ij``.
Every connected part of the network has one zero mode.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from hnmref import __version__
from hnmref.errors import ModesError
from hnmref.modes.crystal import Crystal
from hnmref.modes.forcefield import ForceField
from hnmref.modes.memory import network_bytes, require_memory
from hnmref.modes.mode_set import read_arrays, with_fixed_signs, write_arrays
from hnmref.modes.network import build_network
from hnmref.modes.problem import check_atoms
from hnmref.modes.progress import Progress, tell_nobody
from hnmref.modes.solver import lowest_modes
from hnmref.modes.springs import HINSEN_RANGE, SpringLaw, Springs
from hnmref.modes.terms import Terms

#: Written into every file; a reader refuses others.
FILE_FORMAT = "hnmref-gaussian-modes-1"


@dataclass
class GaussianModes:
    """Modes of a Gaussian network, zero modes first.

    eigenvalues : (n,) array, ascending, in the units of the springs.
    vectors : (N, n) array, orthonormal columns.
    n_zero : zero modes among the n: one a connected part.
    coordinates : (N, 3) array, Å.
    atom_labels : one text a node, or None.
    provenance, notes : how the modes were made.
    """

    eigenvalues: np.ndarray
    vectors: np.ndarray
    n_zero: int
    coordinates: np.ndarray
    atom_labels: Sequence[str] | None = None
    provenance: dict = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def n_modes(self) -> int:
        return len(self.eigenvalues)

    @property
    def n_atoms(self) -> int:
        return len(self.coordinates)

    def square_displacements(self) -> np.ndarray:
        """Mean square displacement (N,) of each node, zero modes left out.

        In units of 3 kT over the stiffness of a spring of 1; from the modes that
        are here, so too small where modes were left out.
        """
        inner = slice(self.n_zero, None)
        return np.sum(self.vectors[:, inner] ** 2 / self.eigenvalues[inner], axis=1)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a .npz file, whole or not at all; an existing one is replaced."""
        write_arrays(path, FILE_FORMAT, self)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> GaussianModes:
        """Read a file that ``save`` wrote.

        Raises
        ------
        ModesError : the file is missing, or is no such file.
        """
        return cls(**read_arrays(path, FILE_FORMAT))


def compute_gaussian_modes(
    coordinates: np.ndarray,
    *,
    n_modes: int,
    cutoff: float = 10.0,
    spring_law: str = "constant",
    power: float = 2.0,
    hinsen_range: float = HINSEN_RANGE,
    pair_springs: Springs | None = None,
    crystal: Crystal | None = None,
    atom_labels: Sequence[str] | None = None,
    memory_limit: float | None = None,
    progress: Progress | None = None,
) -> GaussianModes:
    """Lowest modes of the Gaussian network, zero modes first.

    The cut never parts equal eigenvalues. Parts that touch nothing stay apart,
    each with its zero mode, and a note says so.

    Parameters
    ----------
    n_modes : modes wanted, the zero ones counted.
    crystal : contacts with symmetry mates, which move as their originals do: the
        modes of the zone centre.
    others : as for ``compute_modes``.

    Raises
    ------
    ModesError : input that has no modes, or too few, or needs too much memory.
    """
    coordinates = check_atoms(coordinates, atom_labels)
    n_atoms = len(coordinates)
    forcefield = ForceField(
        float(cutoff),
        SpringLaw(spring_law, power, hinsen_range),
        pair_springs,
        crystal=crystal,
    )
    forcefield.check(n_atoms)
    if not 1 <= n_modes <= n_atoms:
        raise ModesError(
            f"n_modes={n_modes}: a Gaussian network of {n_atoms} nodes has 1 to "
            f"{n_atoms} modes"
        )
    require_memory(
        network_bytes(coordinates, cutoff, in_crystal=crystal is not None),
        memory_limit,
        f"the springs of {n_atoms} nodes within {cutoff:g} Å",
    )
    network = build_network(
        coordinates, forcefield, allow_coincident=False, atom_labels=atom_labels
    )
    springs = network.springs
    for contacts in network.terms:
        springs = springs.joined(_as_springs(contacts))
    matrix = kirchhoff(springs, n_atoms)
    zero, notes = _zero_modes(matrix)
    values, vectors = np.empty(0), np.empty((n_atoms, 0))
    if n_modes > zero.shape[1]:
        values, vectors = lowest_modes(
            matrix, zero, n_modes - zero.shape[1], progress or tell_nobody
        )
    return GaussianModes(
        eigenvalues=np.concatenate([np.zeros(zero.shape[1]), values]),
        vectors=np.concatenate([zero, with_fixed_signs(vectors)], axis=1),
        n_zero=zero.shape[1],
        coordinates=coordinates,
        atom_labels=None if atom_labels is None else [str(a) for a in atom_labels],
        provenance={
            **forcefield.provenance(),
            "model": "Gaussian network",
            "n_modes_asked": int(n_modes),
            "versions": {
                "hnmref": __version__,
                "numpy": np.__version__,
                "scipy": scipy.__version__,
            },
        },
        notes=notes,
    )


def _as_springs(contacts: Terms) -> Springs:
    """Contacts with images, between originals; with its own, a node has no spring."""
    first, second = contacts.atoms.T
    return Springs(first, second, contacts.stiffness).where(first != second)


def kirchhoff(springs: Springs, n_atoms: int) -> sparse.csr_matrix:
    """Kirchhoff matrix (N, N): minus the stiffness of each pair, rows sum to 0."""
    i, j, k = springs.first, springs.second, springs.stiffness
    rows = np.concatenate([i, j, i, j])
    columns = np.concatenate([j, i, i, j])
    values = np.concatenate([-k, -k, k, k])
    return sparse.coo_matrix((values, (rows, columns)), shape=(n_atoms,) * 2).tocsr()


def _zero_modes(matrix: sparse.csr_matrix) -> tuple[np.ndarray, list[str]]:
    """Uniform motion (N, z) of each connected part, and a note if there are more."""
    n_parts, labels = connected_components(matrix, directed=False)
    members = labels[:, None] == np.arange(n_parts)
    notes = []
    if n_parts > 1:
        notes.append(
            f"the network is in {n_parts} parts that touch nothing, each with a zero "
            f"mode: a larger cut-off would join them"
        )
    return members / np.sqrt(members.sum(axis=0)), notes

