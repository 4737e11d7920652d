"""The network of one structure: what joins its atoms, and what was repaired."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from hnmref.errors import ModesError
from hnmref.modes.crystal import image_springs
from hnmref.modes.forcefield import ForceField
from hnmref.modes.mgr import mgr_terms
from hnmref.modes.reduction import Reduction
from hnmref.modes.springs import COINCIDENT, Springs, springs_within
from hnmref.modes.terms import Terms


@dataclass
class Network:
    """Atoms (coordinates (N, 3) in Å), springs between them, and other terms.

    ``weakest`` is the stiffness of a spring as long as the cut-off (Å).
    ``notes`` has a sentence for everything that was changed.
    """

    coordinates: np.ndarray
    tree: cKDTree
    springs: Springs
    terms: list[Terms]
    cutoff: float
    weakest: float
    atom_labels: Sequence[str] | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def diameter(self) -> float:
        """Diagonal (Å) of the box around all atoms."""
        return float(np.linalg.norm(np.ptp(self.coordinates, axis=0)))

    def hessian(self, reduction: Reduction) -> sparse.bsr_matrix:
        """Hessian of all that joins the atoms, in the reduction's d × d blocks."""
        hessian = reduction.hessian(self.coordinates, self.springs)
        if not self.terms:
            return hessian
        return (hessian + reduction.terms_hessian(self.terms)).tobsr(hessian.blocksize)

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
        links = [(self.springs.first, self.springs.second)]
        links += [group.links() for group in self.terms]
        first, second = (bodies[np.concatenate(ends)] for ends in zip(*links))
        graph = sparse.coo_matrix(
            (np.ones(len(first), dtype=np.int8), (first, second)),
            shape=(n_bodies,) * 2,
        )
        _, labels = connected_components(graph, directed=False)
        return labels[bodies]

    def _name_of(self, atom: int) -> str:
        return str(atom) if self.atom_labels is None else str(self.atom_labels[atom])


def build_network(
    coordinates: np.ndarray,
    forcefield: ForceField,
    *,
    allow_coincident: bool,
    atom_labels: Sequence[str] | None = None,
) -> Network:
    """All springs and terms of a force field.

    Coincident atoms (alternate conformers) get no spring between them, and a
    note; both are held by what surrounds them.

    Raises
    ------
    ModesError : coincident atoms where they are not allowed.
    """
    tree = cKDTree(coordinates)
    springs, coincident = springs_within(
        coordinates, tree, forcefield.cutoff, forcefield.law
    )
    springs, terms = _with_terms(coordinates, forcefield, springs)
    network = Network(
        coordinates,
        tree,
        springs,
        terms,
        forcefield.cutoff,
        forcefield.weakest,
        atom_labels,
    )
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


def _with_terms(
    coordinates: np.ndarray, forcefield: ForceField, springs: Springs
) -> tuple[Springs, list[Terms]]:
    """Springs less those that give way to others, and the force field's terms."""
    n_atoms = len(coordinates)
    terms: list[Terms] = []
    if forcefield.topology is not None:
        geometry, pairs = mgr_terms(
            coordinates, forcefield.topology, forcefield.constants
        )
        springs = springs.without_pairs(*pairs.T, n_atoms)
        terms += [group for group in geometry if len(group)]
    if forcefield.listed is not None:
        listed = forcefield.listed
        springs = springs.without_pairs(listed.first, listed.second, n_atoms)
        springs = springs.joined(_with_directions(coordinates, listed))
    if forcefield.crystal is not None:
        contacts = image_springs(
            coordinates, forcefield.crystal, forcefield.cutoff, forcefield.law
        )
        terms += [contacts] if len(contacts) else []
    return springs, terms


def _with_directions(coordinates: np.ndarray, listed: Springs) -> Springs:
    """Listed springs that have a stiffness and a direction."""
    d = coordinates[listed.first] - coordinates[listed.second]
    apart = np.einsum("sa,sa->s", d, d) > COINCIDENT**2
    return listed.where(apart & (listed.stiffness > 0))
