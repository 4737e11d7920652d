"""The elastic network of one structure, and what was repaired in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from hnmref.errors import ModesError
from hnmref.modes.springs import COINCIDENT, SpringLaw, Springs, springs_within


@dataclass
class Network:
    """Atoms (coordinates (N, 3) in Å) and the springs between them.

    ``notes`` has a sentence for everything that was changed.
    """

    coordinates: np.ndarray
    tree: cKDTree
    springs: Springs
    cutoff: float
    law: SpringLaw
    atom_labels: Sequence[str] | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def weakest(self) -> float:
        """Stiffness of a spring as long as the cut-off."""
        return float(self.law.stiffness(np.array([self.cutoff]))[0])

    @property
    def diameter(self) -> float:
        """Diagonal (Å) of the box around all atoms."""
        return float(np.linalg.norm(np.ptp(self.coordinates, axis=0)))

    def new_springs(self, first: np.ndarray, second: np.ndarray) -> Springs:
        """Springs longer than the cut-off, as stiff as one of its length.

        The law's own value would hardly hold what is far away (Hinsen's falls
        by 10^-7 within two ranges), and the motion of one loose part would
        come before every true mode of the structure.
        """
        return Springs(first, second, np.full(len(first), self.weakest))

    def add(self, springs: Springs, note: str) -> None:
        """Add springs, and say so."""
        self.springs = self.springs.joined(springs)
        self.notes.append(note)

    def name(self, atoms: np.ndarray) -> str:
        """A short text for a group of atoms (indices): how many, and which."""
        first, last = (self._name_of(int(atom)) for atom in (atoms[0], atoms[-1]))
        if len(atoms) == 1:
            return f"atom {first}"
        return f"{len(atoms)} atoms ({first} to {last})"

    def components(self, bodies: np.ndarray) -> np.ndarray:
        """(N,) label of the connected part each atom belongs to."""
        n_bodies = int(bodies.max()) + 1
        edges = (bodies[self.springs.first], bodies[self.springs.second])
        graph = sparse.coo_matrix(
            (np.ones(len(self.springs), dtype=np.int8), edges), shape=(n_bodies,) * 2
        )
        _, labels = connected_components(graph, directed=False)
        return labels[bodies]

    def _name_of(self, atom: int) -> str:
        return str(atom) if self.atom_labels is None else str(self.atom_labels[atom])


def build_network(
    coordinates: np.ndarray,
    cutoff: float,
    law: SpringLaw,
    *,
    allow_coincident: bool,
    atom_labels: Sequence[str] | None = None,
) -> Network:
    """A spring between any two atoms within the cut-off (Å).

    Coincident atoms (alternate conformers) get none between them, and a note;
    both are held by what surrounds them.

    Raises
    ------
    ModesError : coincident atoms where they are not allowed.
    """
    tree = cKDTree(coordinates)
    springs, coincident = springs_within(coordinates, tree, cutoff, law)
    network = Network(coordinates, tree, springs, cutoff, law, atom_labels)
    if len(coincident):
        text = (
            f"{len(coincident)} pairs of atoms are within {COINCIDENT} Å of each "
            f"other (the first: {network.name(coincident[0, :1])} and "
            f"{network.name(coincident[0, 1:])})"
        )
        if not allow_coincident:
            raise ModesError(f"{text}: keep one conformer, or allow repairs")
        network.notes.append(f"{text}: no spring joins them")
    return network
