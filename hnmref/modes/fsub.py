"""fSUB: modes of a complex from the modes of its substructures.

Each substructure's lowest modes in isolation (its rigid-body motions among
them) span a space, P, block-diagonal with orthonormal columns; the complex's
modes are sought in it: ``H_fSUB = P^T H P`` (thesis eqs. 3 to 6). This is
Rayleigh-Ritz: eigenvalues are upper bounds of the true ones and fall as more
substructure modes are kept.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from hnmref.errors import ModesError
from hnmref.modes.compute import solve
from hnmref.modes.mode_set import ModeSet
from hnmref.modes.problem import Problem, pose


def compute_fsub_modes(
    coordinates: np.ndarray,
    *,
    n_modes: int,
    substructures: np.ndarray | Sequence,
    n_substructure: int,
    **network,
) -> ModeSet:
    """Lowest modes of a complex in the space of its substructures' modes.

    Parameters
    ----------
    coordinates : (N, 3) array, Å.
    n_modes : modes wanted, the rigid-body ones counted.
    substructures : (N,) labels. No rigid block may reach into two of them.
    n_substructure : modes kept of each, its rigid-body ones counted; fewer
        where it has fewer degrees of freedom.
    network : all other settings of ``compute_modes``. Substructures are taken
        in isolation: only the complex has crystal contacts. Repairs within them
        are noted with the complex's.

    Raises
    ------
    ModesError : as ``compute_modes``; also blocks across substructures, and a
        space that holds fewer than n_modes.
    """
    problem = pose(coordinates, **network)
    labels = np.asarray(substructures)
    if labels.shape != (len(problem.coordinates),):
        raise ModesError(
            f"substructures must be {len(problem.coordinates)} labels, one an atom, "
            f"not an array of shape {labels.shape}"
        )
    if n_substructure < 6:
        raise ModesError(
            f"n_substructure={n_substructure} counts the rigid-body modes and must be "
            f"at least 6"
        )
    names, numbers = np.unique(labels, return_inverse=True)
    _check_blocks(problem, numbers.reshape(-1))
    parts, notes = [], []
    for number, name in enumerate(names):
        atoms = np.flatnonzero(numbers == number)
        part = problem.part(atoms)
        problem.progress(f"substructure {name}: {len(atoms)} atoms")
        modes = solve(part, min(n_substructure, part.reduction.n_coordinates))
        notes.extend(f"substructure {name}: {note}" for note in modes.notes)
        parts.append(_in_complex(problem, atoms, modes))
    complex_modes = solve(problem, n_modes, sparse.hstack(parts, format="csr"))
    complex_modes.notes = notes + complex_modes.notes
    complex_modes.provenance["n_substructures"] = len(names)
    complex_modes.provenance["n_substructure_modes"] = int(n_substructure)
    return complex_modes


def _check_blocks(problem: Problem, numbers: np.ndarray) -> None:
    """A rigid block belongs to one substructure."""
    bodies = problem.reduction.bodies
    owner = np.zeros(problem.reduction.n_bodies, dtype=np.intp)
    owner[bodies] = numbers
    astray = np.flatnonzero(owner[bodies] != numbers)
    if len(astray):
        raise ModesError(
            f"{len(astray)} atoms (the first is atom {astray[0]}) share a rigid block "
            f"with another substructure: choose substructures of whole blocks"
        )


def _in_complex(
    problem: Problem, atoms: np.ndarray, modes: ModeSet
) -> sparse.csr_matrix:
    """A substructure's modes as columns (n_coordinates, k) of the complex's."""
    part, rows = problem.reduction.part(atoms)
    q = part.project(modes.vectors, problem.masses[atoms])
    columns = np.broadcast_to(np.arange(modes.n_modes), q.shape)
    return sparse.csr_matrix(
        (q.ravel(), (np.repeat(rows, modes.n_modes), columns.ravel())),
        shape=(problem.reduction.n_coordinates, modes.n_modes),
    )
