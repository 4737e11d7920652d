"""Crystal surroundings: springs from the asymmetric unit to its symmetry mates.

At the centre of the Brillouin zone all cells move alike, and in its totally
symmetric modes a mate made by ``x' = R x + t`` moves by ``u' = R u``. A spring
from atom i to the image of atom j is then a term ``k/2 (e . (u_i - R u_j))^2``,
with e its direction, and the energy of an asymmetric unit is half the sum over
all springs that begin in it (every spring ends in some asymmetric unit too).

In P1 the three translations are the only motions that cost nothing: rank
3N - 3. With rotations in the group only translations along its axes are free;
the other modes of the cell's zone centre are those of the cell in P1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from hnmref.errors import ModesError
from hnmref.modes.springs import COINCIDENT, SpringLaw
from hnmref.modes.terms import Terms

#: How far a Cartesian rotation may be from orthogonal: cells of real files have
#: three decimals.
_ROTATION_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Crystal:
    """The unit cell and the operators of its space group, all Cartesian.

    axes : (3, 3) array, a cell axis in each row, Å.
    rotations : (m, 3, 3) array; None, with translations None: P1.
    translations : (m, 3) array, Å. Operators that differ by a lattice
        translation are the same; the identity is among them.
    """

    axes: np.ndarray
    rotations: np.ndarray | None = None
    translations: np.ndarray | None = None

    def __post_init__(self) -> None:
        rotations = np.eye(3)[None] if self.rotations is None else self.rotations
        shifts = np.zeros((1, 3)) if self.translations is None else self.translations
        arrays = {
            "axes": np.array(self.axes, dtype=float),
            "rotations": np.array(rotations, dtype=float),
            "translations": np.array(shifts, dtype=float),
        }
        for name, array in arrays.items():
            object.__setattr__(self, name, array)
        n = len(self.rotations)
        if (
            self.axes.shape != (3, 3)
            or self.rotations.shape != (n, 3, 3)
            or self.translations.shape != (n, 3)
            or not all(np.isfinite(array).all() for array in arrays.values())
        ):
            raise ModesError(
                "a crystal is three cell axes (3, 3) in Å, and as many rotations "
                "(m, 3, 3) as translations (m, 3), all numbers"
            )
        if abs(np.linalg.det(self.axes)) < 1.0:
            raise ModesError(
                "the cell has no volume: correct it, or leave crystal contacts out"
            )
        off = self.rotations @ self.rotations.transpose(0, 2, 1) - np.eye(3)
        if abs(off).max() > _ROTATION_TOLERANCE:
            raise ModesError(
                "a symmetry operator is no Cartesian rotation: do cell and space "
                "group agree?"
            )

    def free_translations(self) -> np.ndarray:
        """Directions (3, r) that all operators leave as they are: r is 3 in P1."""
        change = (self.rotations - np.eye(3)).reshape(-1, 3)
        _, size, directions = np.linalg.svd(change)
        kept = directions[size < _ROTATION_TOLERANCE]
        # Along the axes in P1, whatever the SVD would choose.
        return np.eye(3) if len(kept) == 3 else kept.T

    def images(self, low: np.ndarray, high: np.ndarray) -> list[tuple[int, np.ndarray]]:
        """Operators and lattice translations (Å) that bring a box near itself.

        low, high : corners (3,) of the box that images of points in it must
            reach.
        """
        corners = np.stack(np.meshgrid(*np.stack([low, high], axis=1)), axis=-1)
        corners = corners.reshape(-1, 3)
        to_fractional = np.linalg.inv(self.axes)
        own = corners @ to_fractional
        found = []
        for number, (rotation, shift) in enumerate(
            zip(self.rotations, self.translations)
        ):
            moved = (corners @ rotation.T + shift) @ to_fractional
            first = np.ceil(own.min(axis=0) - moved.max(axis=0) - 1e-9).astype(int)
            last = np.floor(own.max(axis=0) - moved.min(axis=0) + 1e-9).astype(int)
            cells = np.stack(
                np.meshgrid(
                    *(np.arange(a, b + 1) for a, b in zip(first, last)), indexing="ij"
                ),
                axis=-1,
            ).reshape(-1, 3)
            found.extend((number, shift + cell @ self.axes) for cell in cells)
        return found


def image_springs(
    coordinates: np.ndarray, crystal: Crystal, cutoff: float, law: SpringLaw
) -> Terms:
    """Springs from atoms to images of atoms within the cut-off (Å).

    Each begins at an atom and ends at an image; one that is seen from both of
    its ends comes twice, so each has half the law's stiffness. An image that
    coincides with an atom (a special position) gets none.
    """
    # A box widened by half the cut-off meets the image of such a box wherever
    # a spring does.
    low = coordinates.min(axis=0) - cutoff / 2
    high = coordinates.max(axis=0) + cutoff / 2
    tree = cKDTree(coordinates)
    atoms, gradients, lengths = [], [], []
    for number, shift in crystal.images(low, high):
        rotation = crystal.rotations[number]
        moved = coordinates @ rotation.T + shift
        if np.abs(moved - coordinates).max() < COINCIDENT:
            continue
        near = np.flatnonzero(
            ((moved > low - cutoff / 2) & (moved < high + cutoff / 2)).all(axis=1)
        )
        if not len(near):
            continue
        pairs = tree.sparse_distance_matrix(
            cKDTree(moved[near]), cutoff, output_type="ndarray"
        )
        pairs = pairs[pairs["v"] > COINCIDENT]
        pairs = pairs[np.lexsort((pairs["j"], pairs["i"]))]
        i, j = pairs["i"], near[pairs["j"]]
        e = (coordinates[i] - moved[j]) / pairs["v"][:, None]
        atoms.append(np.stack([i, j], axis=1))
        gradients.append(np.stack([e, -e @ rotation], axis=1))
        lengths.append(pairs["v"])
    if not atoms:
        return Terms(np.empty((0, 2), np.intp), np.empty((0, 2, 3)), np.empty(0))
    return Terms(
        np.concatenate(atoms),
        np.concatenate(gradients),
        0.5 * law.stiffness(np.concatenate(lengths)),
    )
