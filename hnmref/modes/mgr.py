"""Molecular geometry restraints (MGR): bonds, angles and dihedrals as springs.

Lu & Ma (2011), Arch. Biochem. Biophys. 508, 64: harmonic bond, angle and
dihedral terms that are at rest in the given structure, one constant a type,
and an elastic network between all atoms that no such term holds. Geometry
keeps what a network of distances alone would let swing (the "tip effect").
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from hnmref.errors import ModesError
from hnmref.modes.terms import Terms

#: Sine below which a bond angle counts as straight (0.6 degrees): the plane it
#: bends in, and every dihedral about its arms, is then unknown.
_STRAIGHT = 0.01

#: The same for dihedrals (6 degrees), whose gradients grow as its inverse.
_STRAIGHT_DIHEDRAL = 0.1


@dataclass(frozen=True)
class MgrConstants:
    """Stiffness of each type of term, in units of a network spring of stiffness 1.

    bond per Å², angle and dihedral per radian². A dihedral's constant is that
    of the rotation about its central bond: it is shared by all dihedrals about
    it, so that branching makes no bond stiffer. The defaults were fitted to
    anisotropic displacements at high resolution (docs/modes.md).
    """

    bond: float = 3000.0
    angle: float = 300.0
    dihedral: float = 100.0

    def __post_init__(self) -> None:
        for name in ("bond", "angle", "dihedral"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value >= 0):
                raise ModesError(
                    f"the MGR constant of a {name} must be a number that is not "
                    f"negative, not {value}"
                )


def _none(n_atoms: int) -> np.ndarray:
    return np.empty((0, n_atoms), dtype=np.intp)


@dataclass(frozen=True)
class Topology:
    """Which atoms the geometry binds: bonds (n, 2), angles (n, 3), dihedrals (n, 4).

    An angle's second atom is its apex; a dihedral turns about its second and
    third atoms.
    """

    bonds: np.ndarray = field(default_factory=lambda: _none(2))
    angles: np.ndarray = field(default_factory=lambda: _none(3))
    dihedrals: np.ndarray = field(default_factory=lambda: _none(4))

    def __post_init__(self) -> None:
        for size, name in enumerate(("bonds", "angles", "dihedrals"), 2):
            atoms = np.asarray(getattr(self, name), dtype=np.intp)
            if atoms.ndim != 2 or atoms.shape[1] != size:
                raise ModesError(
                    f"{name} must be an (n, {size}) array of atom numbers, not one of "
                    f"shape {atoms.shape}"
                )
            object.__setattr__(self, name, atoms)

    def check(self, n_atoms: int) -> None:
        """Raise ModesError where a term names an atom that is not there, or twice."""
        for name in ("bonds", "angles", "dihedrals"):
            atoms = getattr(self, name)
            ordered = np.sort(atoms, axis=1)
            repeated = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
            outside = ((atoms < 0) | (atoms >= n_atoms)).any(axis=1)
            bad = np.flatnonzero(repeated | outside)
            if len(bad):
                raise ModesError(
                    f"{len(bad)} of the {name} (the first: {atoms[bad[0]].tolist()}) "
                    f"do not name different atoms between 0 and {n_atoms - 1}"
                )

    def within(self, atoms: np.ndarray, n_atoms: int) -> Topology:
        """What lies within some atoms (sorted indices of n_atoms), by their order."""
        place = np.full(n_atoms, -1, dtype=np.intp)
        place[atoms] = np.arange(len(atoms))
        kept = []
        for members in (self.bonds, self.angles, self.dihedrals):
            moved = place[members]
            kept.append(moved[(moved >= 0).all(axis=1)])
        return Topology(*kept)


def topology_from_bonds(bonds: np.ndarray, n_atoms: int) -> Topology:
    """All angles and proper dihedrals of a graph of bonds.

    bonds : (n, 2) pairs of atoms, each once or more, in any order. Each angle
        and each dihedral comes once; rings of three have no dihedrals of their
        own.
    """
    bonds = np.unique(np.sort(np.asarray(bonds, dtype=np.intp), axis=1), axis=0)
    both = np.concatenate([bonds, bonds[:, ::-1]])
    both = both[np.argsort(both[:, 0], kind="stable")]
    degree = np.bincount(both[:, 0], minlength=n_atoms)
    starts = np.concatenate([[0], np.cumsum(degree)])

    def extended(paths: np.ndarray) -> np.ndarray:
        """Each path followed by every neighbour of its last atom."""
        counts = degree[paths[:, -1]]
        repeated = np.repeat(paths, counts, axis=0)
        first = np.repeat(np.cumsum(counts) - counts, counts)
        offset = np.arange(len(repeated)) - first
        neighbour = both[starts[repeated[:, -1]] + offset, 1]
        return np.column_stack([repeated, neighbour])

    angles = extended(both)
    angles = angles[angles[:, 0] < angles[:, 2]]
    ends = np.concatenate([angles, angles[:, ::-1]])
    dihedrals = extended(ends)
    distinct = (dihedrals[:, 3] != dihedrals[:, 1]) & (
        dihedrals[:, 3] != dihedrals[:, 0]
    )
    dihedrals = dihedrals[distinct & (dihedrals[:, 1] < dihedrals[:, 2])]
    return Topology(bonds, angles, dihedrals)


def mgr_terms(
    coordinates: np.ndarray, topology: Topology, constants: MgrConstants
) -> tuple[list[Terms], np.ndarray]:
    """The terms, and the pairs (n, 2) of atoms that they hold.

    Angles that are straight, and dihedrals about a straight angle, have no
    gradient: they give no term, and hold no pair.

    Returns
    -------
    Terms of bonds, angles and dihedrals; pairs in the order first < second: the
    ends of each bond, angle and dihedral.
    """
    groups = (
        (topology.bonds, *bond_gradients(coordinates, topology.bonds)),
        (topology.angles, *angle_gradients(coordinates, topology.angles)),
        (topology.dihedrals, *dihedral_gradients(coordinates, topology.dihedrals)),
    )
    stiffness = (
        np.full(len(topology.bonds), constants.bond),
        np.full(len(topology.angles), constants.angle),
        constants.dihedral * _share_of_central_bond(topology.dihedrals),
    )
    terms, pairs = [], []
    for (atoms, gradients, known), k in zip(groups, stiffness):
        terms.append(Terms(atoms[known], gradients[known], k[known]))
        pairs.append(np.sort(atoms[known][:, [0, -1]], axis=1))
    return terms, np.unique(np.concatenate(pairs), axis=0)


def bond_gradients(
    coordinates: np.ndarray, bonds: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Gradients (n, 2, 3) of bond lengths, and which have one (n,)."""
    d = coordinates[bonds[:, 0]] - coordinates[bonds[:, 1]]
    length = np.linalg.norm(d, axis=1)
    known = length > 0
    e = d / np.where(known, length, 1.0)[:, None]
    return np.stack([e, -e], axis=1), known


def angle_gradients(
    coordinates: np.ndarray, angles: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Gradients (n, 3, 3) of angles in radians per Å, and which have one (n,)."""
    first, apex, last = (coordinates[angles[:, i]] for i in range(3))
    u, length_u = _unit(first - apex)
    v, length_v = _unit(last - apex)
    cosine = np.einsum("ta,ta->t", u, v)[:, None]
    sine = np.linalg.norm(np.cross(u, v), axis=1)[:, None]
    known = sine[:, 0] > _STRAIGHT
    sine = np.where(known[:, None], sine, 1.0)
    by_first = (cosine * u - v) / (sine * length_u)
    by_last = (cosine * v - u) / (sine * length_v)
    return np.stack([by_first, -by_first - by_last, by_last], axis=1), known


def dihedral_gradients(
    coordinates: np.ndarray, dihedrals: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Gradients (n, 4, 3) of dihedrals in radians per Å, and which have one (n,).

    Blondel & Karplus (1996), eq. 27.
    """
    a, b, c, d = (coordinates[dihedrals[:, i]] for i in range(4))
    f, g, h = a - b, b - c, d - c
    normal_first, normal_last = np.cross(f, g), np.cross(h, g)
    length = np.linalg.norm(g, axis=1)
    sine_first = _sine(normal_first, f, length)
    sine_last = _sine(normal_last, h, length)
    known = np.minimum(sine_first, sine_last) > _STRAIGHT_DIHEDRAL
    square_first = np.where(known, np.einsum("ta,ta->t", normal_first, normal_first), 1)
    square_last = np.where(known, np.einsum("ta,ta->t", normal_last, normal_last), 1)
    length = np.where(known, length, 1.0)
    by_a = -(length / square_first)[:, None] * normal_first
    by_d = (length / square_last)[:, None] * normal_last
    shift = -(
        (np.einsum("ta,ta->t", f, g) / length**2)[:, None] * by_a
        + (np.einsum("ta,ta->t", h, g) / length**2)[:, None] * by_d
    )
    return np.stack([by_a, -by_a + shift, -by_d - shift, by_d], axis=1), known


def _unit(d: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors (n, 3) and lengths (n, 1); zero vectors stay as they are."""
    length = np.linalg.norm(d, axis=1)[:, None]
    length = np.where(length > 0, length, 1.0)
    return d / length, length


def _sine(normal: np.ndarray, arm: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Sine of the angle between an arm and a central bond of this length."""
    product = np.linalg.norm(arm, axis=1) * length
    return np.linalg.norm(normal, axis=1) / np.where(product > 0, product, 1.0)


def _share_of_central_bond(dihedrals: np.ndarray) -> np.ndarray:
    """One over the number of dihedrals about the same central bond, (n,)."""
    if not len(dihedrals):
        return np.zeros(0)
    central = np.sort(dihedrals[:, 1:3], axis=1)
    _, which, counts = np.unique(
        central, axis=0, return_inverse=True, return_counts=True
    )
    return 1.0 / counts[which.reshape(-1)]
