"""Memory a computation will need, told before it starts."""

from __future__ import annotations

import os

import numpy as np
from scipy.spatial import cKDTree

from hnmref.errors import ModesError
from hnmref.modes.reduction import Reduction
from hnmref.modes.solver import is_dense

#: Bytes a spring takes while pairs are found, sorted and summed.
_PER_SPRING = 300

#: Atoms whose neighbours are counted to estimate the number of springs.
_SAMPLE = 200

#: Entries of the LU factors per entry of the Hessian and cube root of the
#: number of bodies: 0.3 to 0.61 in packed proteins, 5 and 8 Å, with and
#: without blocks.
_FILL = 0.7

#: Bytes of an entry of a sparse matrix: value and index.
_PER_ENTRY = 12


def available_memory() -> float | None:
    """Bytes free on this machine, or None where it does not say."""
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return 1024.0 * int(line.split()[1])
    except OSError:
        pass
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        return None


def require_memory(needed: float, limit: float | None, what: str) -> None:
    """Raise ModesError where ``needed`` bytes are not there.

    limit : GiB that may be used, or None for what the machine has free.
    """
    free = available_memory() if limit is None else limit * 2**30
    if free is not None and needed > free:
        raise ModesError(
            f"{what} would need about {needed / 2**30:.1f} GiB and "
            f"{free / 2**30:.1f} GiB are free: use larger blocks, fewer modes or a "
            f"smaller cut-off"
        )


def network_bytes(
    coordinates: np.ndarray, cutoff: float, *, in_crystal: bool = False
) -> float:
    """Bytes the springs within the cut-off (Å) take, from sampled atoms.

    in_crystal : mates surround every atom, as its own structure does the innermost;
        a spring to an image comes twice.
    """
    n_atoms = len(coordinates)
    sample = np.unique(np.linspace(0, n_atoms - 1, _SAMPLE).astype(int))
    neighbours = cKDTree(coordinates).query_ball_point(
        coordinates[sample], cutoff, return_length=True
    )
    own = float(neighbours.mean() - 1)
    images = float(neighbours.max() - 1) - own if in_crystal else 0.0
    return _PER_SPRING * n_atoms * (0.5 * own + images)


def solver_bytes(reduction: Reduction, n_entries: int, n_modes: int) -> float:
    """Bytes the solver takes for a Hessian with that many entries, at the most."""
    n = reduction.n_coordinates
    vectors = 8.0 * n_modes * (2 * 3 * len(reduction.bodies) + 4 * n)
    if is_dense(n, n_modes):
        return vectors + 3 * 8.0 * n**2
    fill = _FILL * n_entries * reduction.n_bodies ** (1 / 3)
    return vectors + _PER_ENTRY * (3 * n_entries + fill)


def subspace_bytes(
    reduction: Reduction, n_entries: int, n_modes: int, subspace
) -> float:
    """The same in the space of a sparse matrix's columns (n_coordinates, k)."""
    vectors = 8.0 * n_modes * (2 * 3 * len(reduction.bodies) + 4 * subspace.shape[0])
    # The Hessian in two forms; the subspace, its transpose and the product of both.
    products = _PER_ENTRY * (2 * n_entries + 4 * subspace.nnz)
    return vectors + products + 4 * 8.0 * subspace.shape[1] ** 2
