"""Loose parts of a network, found and held.

Zero modes beyond the rigid-body ones come from parts that touch nothing, from
atoms or blocks on too few springs, and from hinges between parts. They would
stand before the first true mode, and any scaling by 1/sqrt(eigenvalue) would
drown the others in them. The remedy is always the same: the cut-off is
extended, for the loose part alone, until it is held; the added springs are as
stiff as one of the cut-off's length.

What holds a body is measured by its *hold*: the stiffness of its softest
rigid motion against fixed surroundings, at a (mass-weighted) displacement of
1 Å r.m.s., in units of the weakest spring. Three springs at right angles hold
an atom by 1; of a mode it is the eigenvalue times the mass of all atoms.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from hnmref.modes.hessian import diagonal_blocks, spring_hessian
from hnmref.modes.network import Network
from hnmref.modes.reduction import Reduction
from hnmref.modes.rigid import body_motions
from hnmref.modes.springs import COINCIDENT, Springs

#: A body with less hold is loose: one in a plane or line of springs, within
#: rounding. Sound networks are not touched.
LOOSE = 1e-3

#: A loose body gets springs until it has this hold, where it can.
HELD = 0.1

#: Factor between one radius tried and the next.
_GROWTH = 1.1

#: Pairs looked at, at the most, while a radius grows.
_MAX_PAIRS = 4_000_000

#: A pair stiffens a free motion if that stretches it by this share of the
#: largest displacement.
_STRETCH = 0.05


def join_components(network: Network, bodies: np.ndarray) -> None:
    """Hold every connected part by its nearest neighbours, smallest first."""
    labels = network.components(bodies)
    hopeless: set[int] = set()
    while True:
        sizes = np.bincount(labels)
        order = [int(a) for a in np.argsort(sizes, kind="stable") if sizes[a]]
        small = [a for a in order[:-1] if a not in hopeless]
        if not small:
            return
        atoms = np.flatnonzero(labels == small[0])
        added = _held_by_neighbours(network, atoms, None)
        if added is None:
            hopeless.add(small[0])
            continue
        network.add(
            added, f"{network.name(atoms)} touched nothing: {_told(network, added)}"
        )
        touched = np.unique(labels[np.concatenate([added.first, added.second])])
        labels[np.isin(labels, touched)] = touched[0]


def hold_loose_bodies(
    network: Network, reduction: Reduction, hold: np.ndarray
) -> bool:
    """Hold each body (block, or free atom) whose hold is too small.

    Returns whether any spring was added.
    """
    any_added = False
    for body in np.flatnonzero(hold < LOOSE):
        atoms = np.flatnonzero(reduction.bodies == body)
        own = np.isin(network.springs.first, atoms) ^ np.isin(
            network.springs.second, atoms
        )
        added = _held_by_neighbours(network, atoms, network.springs.where(own))
        if added is not None:
            network.add(
                added, f"{network.name(atoms)} was loose: {_told(network, added)}"
            )
            any_added = True
    return any_added


def body_hold(
    network: Network,
    reduction: Reduction,
    hessian: sparse.bsr_matrix,
    masses: np.ndarray,
) -> np.ndarray:
    """Hold of every body (n_bodies,), from the Hessian in blocks."""
    present = reduction.present.reshape(reduction.n_bodies, -1)
    softest = _softest(diagonal_blocks(hessian), present)
    return softest * np.bincount(reduction.bodies, masses) / network.weakest


def stiffen(
    network: Network, bodies: np.ndarray, loose: np.ndarray, mass: float
) -> bool:
    """Extend the cut-off across hinges until every loose motion is held.

    Only pairs of atoms that a loose motion stretches get springs. Where not all
    can be held, the least radius that makes the fewest of them loose is taken.

    Parameters
    ----------
    loose : (N, 3, m) orthonormal displacements that cost (next to) no energy.
    mass : of all atoms.

    Returns
    -------
    Whether any spring was added: none can be where all atoms lie in a plane.
    """
    n_motions = loose.shape[2]
    least = _STRETCH * np.sqrt(np.einsum("jam,jam->jm", loose, loose)).max()
    added, most = None, 0
    for pairs in _wider_pairs(network):
        between = bodies[pairs[:, 0]] != bodies[pairs[:, 1]]
        springs = network.new_springs(*pairs[between].T)
        stretch = _stretch(network, springs, loose)
        resists = np.linalg.norm(stretch, axis=1) > least
        # All these springs have the weakest stiffness, the unit of hold.
        hold = mass * np.linalg.eigvalsh(stretch[resists].T @ stretch[resists])
        n_resisted = int(np.count_nonzero(hold > LOOSE))
        if n_resisted > most or hold[0] >= HELD:
            added, most = springs.where(resists), n_resisted
        if hold[0] >= HELD:
            break
    if added is None:
        return False
    network.add(
        added,
        f"connected parts moved against each other in {n_motions} "
        f"{'way' if n_motions == 1 else 'ways'} at next to no cost (the first at "
        f"{network.name(added.first[:1])} and {network.name(added.second[:1])}): "
        f"{_told(network, added)}",
    )
    return True


def _stretch(network: Network, springs: Springs, motions: np.ndarray) -> np.ndarray:
    """By how much each motion stretches each spring, (n_springs, m)."""
    e = springs.directions(network.coordinates)
    return np.einsum(
        "sa,sam->sm", e, motions[springs.first] - motions[springs.second]
    )


def _held_by_neighbours(
    network: Network, atoms: np.ndarray, present_springs: Springs | None
) -> Springs | None:
    """Springs from these atoms outwards, of the least radius that holds them.

    Springs to everything where that leaves them less than held but not loose
    (a distant atom sees all others in one direction); None where it does not.
    """
    coordinates = network.coordinates
    inside = np.zeros(len(coordinates), dtype=np.intp)
    inside[atoms] = 1
    basis, motions, _ = body_motions(coordinates, inside, np.ones(len(coordinates)))
    shortest = COINCIDENT if present_springs is None else network.cutoff
    radius, hold, added = network.cutoff, 0.0, None
    n_pairs = 0
    while hold < HELD and radius < network.diameter and n_pairs < _MAX_PAIRS:
        radius *= _GROWTH
        added = _outward_springs(network, atoms, inside, shortest, radius)
        n_pairs = len(added)
        if not n_pairs:
            continue
        every = added if present_springs is None else added.joined(present_springs)
        stiffness = diagonal_blocks(spring_hessian(coordinates, every, basis, inside))
        softest = _softest(stiffness, motions)[1]
        hold = softest * len(atoms) / network.weakest
    return added if hold >= LOOSE else None


def _outward_springs(
    network: Network,
    atoms: np.ndarray,
    inside: np.ndarray,
    shortest: float,
    longest: float,
) -> Springs:
    """New springs of these lengths from atoms to all that is outside."""
    coordinates = network.coordinates
    own = coordinates[atoms]
    low, high = own.min(axis=0) - longest, own.max(axis=0) + longest
    near = np.all((coordinates >= low) & (coordinates <= high), axis=1) & (inside == 0)
    others = np.flatnonzero(near)
    if not len(others):
        return network.new_springs(others, others)
    distances = cKDTree(own).sparse_distance_matrix(
        cKDTree(coordinates[others]), longest, output_type="ndarray"
    )
    distances = distances[distances["v"] > shortest]
    distances = distances[np.lexsort((distances["j"], distances["i"]))]
    return network.new_springs(atoms[distances["i"]], others[distances["j"]])


def _softest(stiffness: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Smallest eigenvalue of each (d, d) block over the motions it has."""
    size = stiffness.shape[-1]
    top = np.trace(stiffness, axis1=1, axis2=2)[:, None] + 1.0
    lifted = np.where(present, 0.0, top)
    return np.linalg.eigvalsh(stiffness + lifted[:, :, None] * np.eye(size))[:, 0]


def _wider_pairs(network: Network) -> Iterator[np.ndarray]:
    """Pairs (n, 2) of atoms without a spring, within ever larger radii."""
    tree, coordinates = network.tree, network.coordinates
    n_atoms = len(coordinates)
    first, second = network.springs.first, network.springs.second
    known = np.minimum(first, second) * n_atoms + np.maximum(first, second)
    radius = network.cutoff
    while radius < network.diameter:
        radius *= _GROWTH
        if tree.count_neighbors(tree, radius) > 2 * _MAX_PAIRS + n_atoms:
            return
        pairs = tree.query_pairs(radius, output_type="ndarray")
        key = pairs[:, 0] * n_atoms + pairs[:, 1]
        pairs = pairs[np.argsort(key)][~np.isin(np.sort(key), known)]
        d = coordinates[pairs[:, 0]] - coordinates[pairs[:, 1]]
        yield pairs[np.einsum("sa,sa->s", d, d) > COINCIDENT**2]


def _told(network: Network, added: Springs) -> str:
    """What was added, in words."""
    lengths = np.linalg.norm(
        network.coordinates[added.first] - network.coordinates[added.second], axis=1
    )
    many = "spring" if len(added) == 1 else "springs"
    return (
        f"{len(added)} {many} of up to {lengths.max():.1f} Å added (cut-off "
        f"{network.cutoff:g} Å)"
    )
