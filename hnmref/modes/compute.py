"""From coordinates to normal modes: the one way through the package."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy
from scipy import sparse

from hnmref import __version__
from hnmref.modes.crystal import Crystal
from hnmref.modes.memory import (
    network_bytes,
    require_memory,
    solver_bytes,
    subspace_bytes,
)
from hnmref.modes.mgr import MgrConstants, Topology
from hnmref.modes.mode_set import ModeSet, with_fixed_signs
from hnmref.modes.network import Network, build_network
from hnmref.modes.problem import Problem, check_count, pose
from hnmref.modes.progress import Progress
from hnmref.modes.repair import (
    LOOSE,
    body_hold,
    hold_loose_bodies,
    join_components,
    stiffen,
)
from hnmref.modes.solver import ZERO, lowest_modes, mean_diagonal
from hnmref.modes.springs import HINSEN_RANGE, Springs

#: Solutions at the most: after each but the last, what moves freely is held.
_MAX_ROUNDS = 5


def compute_modes(
    coordinates: np.ndarray,
    *,
    n_modes: int,
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
) -> ModeSet:
    """Lowest normal modes of a network of springs, rigid-body modes first.

    The rigid-body modes are the analytic ones of ``rigid_body_modes``; all
    others are orthogonal to them. The cut never parts equal eigenvalues
    (relative difference 1e-6), so more modes than asked may come back: use
    ``ModeSet.n_modes``. The same input gives the same numbers.

    Parameters
    ----------
    coordinates : (N, 3) array, Å, Cartesian.
    n_modes : modes wanted, the rigid-body ones counted. With just those (six)
        no network is made.
    cutoff : longest spring, Å.
    spring_law, power, hinsen_range : see ``SpringLaw``.
    masses : (N,) array, positive, or None for unit masses.
    blocks : (N,) labels of rigid blocks (RTB), or None: every atom is free.
    repair : join parts that touch nothing and hold loose atoms and blocks by
        further springs, each repair a sentence in ``ModeSet.notes``. Without
        it the modes of the network as it stands: more than the rigid-body
        modes may be zero, and ``ModeSet.n_zero`` counts them; coincident atoms
        are then an error.
    atom_labels : (N,) texts that notes and files name atoms by.
    memory_limit : GiB that may be used; None: what the machine has free.
    pair_springs : springs that stand in the place of the law's for their pairs,
        whatever their length; stiffness 0 takes one away. With the law
        ``listed`` they are the only ones.
    topology, mgr_constants : geometry terms of Lu & Ma's MGR, and their
        constants; the law's springs then join only pairs that no term holds.
    crystal : contacts with symmetry mates; the modes are then the totally
        symmetric ones of the zone centre, and the translations that symmetry
        allows (three in P1) take the place of the rigid-body modes.
    progress : called with a short text as the work goes on.
    factorisation : ``superlu``, or ``cholmod`` where cvxopt is installed: less
        time and memory for large structures, the same modes to rounding.

    Raises
    ------
    ModesError : input that has no modes, or too few, or needs too much memory.
    """
    problem = pose(
        coordinates,
        cutoff=cutoff,
        spring_law=spring_law,
        power=power,
        hinsen_range=hinsen_range,
        masses=masses,
        blocks=blocks,
        repair=repair,
        atom_labels=atom_labels,
        memory_limit=memory_limit,
        pair_springs=pair_springs,
        topology=topology,
        mgr_constants=mgr_constants,
        crystal=crystal,
        progress=progress,
        factorisation=factorisation,
    )
    return solve(problem, n_modes)


def solve(
    problem: Problem, n_modes: int, subspace: sparse.csr_matrix | None = None
) -> ModeSet:
    """Modes of a problem, in a subspace of its coordinates where one is given.

    subspace : (n_coordinates, k) matrix with orthonormal columns whose span
        holds the rigid-body motions.
    """
    reduction = problem.reduction
    n_free_to_move = reduction.n_coordinates if subspace is None else subspace.shape[1]
    check_count(n_modes, problem.n_rigid, n_free_to_move)
    values, vectors, notes = np.zeros(0), np.zeros((*problem.coordinates.shape, 0)), []
    n_free = 0
    if n_modes > problem.n_rigid or not problem.repair:
        network, hessian = _sound_network(problem)
        needed = (
            solver_bytes(reduction, hessian.nnz, n_modes)
            if subspace is None
            else subspace_bytes(reduction, hessian.nnz, n_modes, subspace)
        )
        require_memory(
            needed,
            problem.memory_limit,
            f"{n_modes} modes of {reduction.n_coordinates} coordinates",
        )
        values, q, n_free = _internal_modes(
            problem, network, hessian, subspace, n_modes
        )
        vectors = with_fixed_signs(reduction.displacements(q))
        notes = network.notes
    return ModeSet(
        eigenvalues=np.concatenate([np.zeros(problem.n_rigid), values]),
        vectors=np.concatenate([problem.rigid, vectors], axis=2),
        n_zero=problem.n_rigid + n_free,
        coordinates=problem.coordinates,
        masses=problem.masses,
        atom_labels=problem.atom_labels,
        provenance=_provenance(problem, n_modes),
        notes=notes,
    )


def _sound_network(problem: Problem) -> tuple[Network, sparse.bsr_matrix]:
    """The network and its Hessian in blocks, loose parts and bodies held."""
    coordinates, reduction = problem.coordinates, problem.reduction
    cutoff = problem.forcefield.cutoff
    in_crystal = problem.forcefield.crystal is not None
    require_memory(
        network_bytes(coordinates, cutoff, in_crystal=in_crystal),
        problem.memory_limit,
        f"the springs of {len(coordinates)} atoms within {cutoff:g} Å",
    )
    problem.progress(f"springs of {len(coordinates)} atoms")
    network = build_network(
        coordinates,
        problem.forcefield,
        allow_coincident=problem.repair,
        atom_labels=problem.atom_labels,
    )
    if not problem.repair:
        return network, network.hessian(reduction)
    join_components(network, reduction.bodies)
    hessian = network.hessian(reduction)
    hold = body_hold(network, reduction, hessian, problem.masses)
    if hold_loose_bodies(network, reduction, hold):
        hessian = network.hessian(reduction)
    return network, hessian


def _internal_modes(
    problem: Problem,
    network: Network,
    hessian: sparse.bsr_matrix,
    subspace: sparse.csr_matrix | None,
    n_modes: int,
) -> tuple[np.ndarray, np.ndarray, int]:
    """Modes beyond the rigid-body ones: eigenvalues, vectors, number of zeros.

    Where repairs are allowed, motions that cost next to no energy, measured as
    the hold of bodies is, are resisted by further springs until there are none.
    """
    reduction = problem.reduction
    known = _into(subspace, reduction.project(problem.rigid, problem.masses))
    mass = problem.masses.sum()
    for round_left in reversed(range(_MAX_ROUNDS)):
        reduced = reduction.without_missing(hessian)
        if subspace is not None:
            reduced = (subspace.T @ reduced @ subspace).tocsr()
        values, q = lowest_modes(
            reduced,
            known,
            n_modes - problem.n_rigid,
            problem.progress,
            problem.factorisation,
        )
        hold = values * mass / network.weakest
        loose = _out_of(subspace, q[:, hold < LOOSE])
        if not (loose.size and problem.repair and round_left):
            break
        motions = reduction.displacements(loose)
        if not stiffen(network, reduction.bodies, motions, mass):
            break
        hessian = network.hessian(reduction)
    n_free = int(np.count_nonzero(values <= ZERO * mean_diagonal(reduced)))
    values[:n_free] = 0.0
    if n_free:
        network.notes.append(
            f"{n_free} modes beyond the rigid-body ones cost no energy and count as "
            f"zero modes"
        )
    return values, _out_of(subspace, q), n_free


def _into(subspace: sparse.csr_matrix | None, q: np.ndarray) -> np.ndarray:
    """Coordinates within the subspace of vectors in it."""
    return q if subspace is None else subspace.T @ q


def _out_of(subspace: sparse.csr_matrix | None, q: np.ndarray) -> np.ndarray:
    """The reduction's coordinates of vectors given in the subspace."""
    return q if subspace is None else subspace @ q


def _provenance(problem: Problem, n_modes: int) -> dict:
    """How the modes were made, for their file."""
    blocked = problem.blocks is not None
    return {
        **problem.forcefield.provenance(),
        "n_blocks": problem.reduction.n_bodies if blocked else None,
        "n_modes_asked": int(n_modes),
        "versions": {
            "hnmref": __version__,
            "numpy": np.__version__,
            "scipy": scipy.__version__,
        },
    }
