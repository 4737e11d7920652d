"""A P 1 cell for a model that has no crystal of its own."""

from __future__ import annotations

import iotbx.pdb.hierarchy
import numpy as np
from cctbx import crystal
from scipy.spatial import cKDTree

from hnmref.refine.arrays import numpy_to_vec3, vec3_to_numpy


def put_in_box(
    hierarchy: iotbx.pdb.hierarchy.root, contact: float = 4.0
) -> crystal.symmetry:
    """Move the model to the middle of a P 1 cell with right angles; the cell.

    Each edge, the longest first, is shortened until a neighbour comes nearer
    than ``contact`` Å: cells as loosely packed as a bounding box hold more
    solvent, and more reflections, than crystals do.
    """
    atoms = hierarchy.atoms()
    sites = vec3_to_numpy(atoms.extract_xyz())
    edges = np.ceil(np.ptp(sites, axis=0) + contact)
    # Down to half, where only next neighbours can touch.
    shortest = 0.5 * edges
    for axis in np.argsort(-edges):
        shorter = edges - np.eye(3)[axis]
        while shorter[axis] >= shortest[axis] and not _touches_itself(
            sites, shorter, contact
        ):
            edges, shorter = shorter, shorter - np.eye(3)[axis]
    middle = 0.5 * (sites.min(axis=0) + sites.max(axis=0))
    # Whole thousandths, so that a PDB file holds the very same coordinates.
    atoms.set_xyz(numpy_to_vec3(sites + np.round(0.5 * edges - middle, 3)))
    return crystal.symmetry(
        unit_cell=(*edges, 90, 90, 90), space_group_symbol="P 1"
    )


def _touches_itself(sites: np.ndarray, edges: np.ndarray, contact: float) -> bool:
    """Whether lattice translations bring atoms nearer than ``contact``."""
    neighbours = np.array(np.meshgrid(*[[-1, 0, 1]] * 3)).reshape(3, -1).T
    tree = cKDTree(sites)
    # One of each pair of opposite translations: they make the same contacts.
    return any(
        tree.count_neighbors(cKDTree(sites + shift * edges), contact) > 0
        for shift in neighbours[14:]
    )
