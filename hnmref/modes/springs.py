"""The elastic network: which atoms are joined, and how stiffly.

A spring between atoms i and j at distance r has its rest length in the given
structure (Tirion 1996), so its energy for small displacements is
``k(r)/2 (e . (u_i - u_j))^2`` with e the unit vector between them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from hnmref.errors import ModesError

#: Names of the laws ``spring_stiffness`` knows.
SPRING_LAWS = ("constant", "distance_power", "hinsen", "hinsen_fitted")

#: Closer atoms (Å) stand in one place: a spring has no direction there.
COINCIDENT = 0.01

#: Power laws grow no stiffer below this distance (Å): no bond is shorter, but
#: alternate conformers are, and 1/r^2 would weld them.
_SHORTEST_BOND = 1.0

#: Range of Hinsen's Gaussian (Å) for all-atom networks; C-alpha networks: 7.
HINSEN_RANGE = 3.0


@dataclass(frozen=True)
class SpringLaw:
    """How stiffness depends on distance.

    ``constant``: k = 1. ``distance_power``: k = r^-power (Yang, Song &
    Jernigan 2009; power 2), r in Å and at least 1 Å. ``hinsen``:
    k = exp(-(r/range)^2) (Hinsen 1998), range 3 Å for all atoms, 7 Å for
    C-alpha atoms. ``hinsen_fitted``: Hinsen et al. 2000, C-alpha atoms only,
    kJ mol^-1 Å^-2. All but the last in arbitrary units.
    """

    name: str = "constant"
    power: float = 2.0
    gaussian_range: float = HINSEN_RANGE

    def __post_init__(self) -> None:
        if self.name not in SPRING_LAWS:
            raise ModesError(
                f"unknown spring law {self.name!r}: use one of {', '.join(SPRING_LAWS)}"
            )
        if not self.gaussian_range > 0:
            raise ModesError(
                f"the range of Hinsen's springs must be positive, not "
                f"{self.gaussian_range}"
            )

    def stiffness(self, distances: np.ndarray) -> np.ndarray:
        """Stiffness of springs of these lengths (Å)."""
        r = np.asarray(distances, dtype=float)
        if self.name == "constant":
            return np.ones_like(r)
        if self.name == "distance_power":
            return np.maximum(r, _SHORTEST_BOND) ** -self.power
        if self.name == "hinsen":
            return np.exp(-((r / self.gaussian_range) ** 2))
        return _hinsen_fitted(r)


def _hinsen_fitted(r: np.ndarray) -> np.ndarray:
    """C-alpha stiffness fitted to a force field (Hinsen et al. 2000, eq. 8)."""
    stiffness = np.where(r < 4.0, 860.0 * r - 2390.0, 1.28e6 / np.maximum(r, 4.0) ** 6)
    if stiffness.size and stiffness.min() <= 0:
        raise ModesError(
            f"spring law 'hinsen_fitted' holds for C-alpha atoms only, and two atoms "
            f"are {r.min():.2f} Å apart: select C-alpha atoms or use another law"
        )
    return stiffness


@dataclass
class Springs:
    """Springs between atoms ``first[s] < second[s]`` with ``stiffness[s]``."""

    first: np.ndarray
    second: np.ndarray
    stiffness: np.ndarray

    def __len__(self) -> int:
        return len(self.first)

    def joined(self, other: Springs) -> Springs:
        """These springs and the other ones."""
        return Springs(
            np.concatenate([self.first, other.first]),
            np.concatenate([self.second, other.second]),
            np.concatenate([self.stiffness, other.stiffness]),
        )

    def where(self, chosen: np.ndarray) -> Springs:
        """The springs chosen by a mask or by indices."""
        return Springs(
            self.first[chosen], self.second[chosen], self.stiffness[chosen]
        )

    def directions(self, coordinates: np.ndarray) -> np.ndarray:
        """Unit vectors (n_springs, 3) from the second atom to the first."""
        e = coordinates[self.first] - coordinates[self.second]
        e /= np.sqrt(np.einsum("sa,sa->s", e, e))[:, None]
        return e


def springs_within(
    coordinates: np.ndarray, tree: cKDTree, cutoff: float, law: SpringLaw
) -> tuple[Springs, np.ndarray]:
    """A spring between any two atoms no farther apart than the cut-off.

    Returns the springs, and the (n, 2) pairs of coincident atoms, which get
    none.
    """
    pairs = tree.query_pairs(cutoff, output_type="ndarray")
    # query_pairs comes in the tree's own order: sorted pairs make sums, and so
    # every digit of the modes, independent of it.
    pairs = pairs[np.argsort(pairs[:, 0] * len(coordinates) + pairs[:, 1])]
    distances = np.linalg.norm(
        coordinates[pairs[:, 0]] - coordinates[pairs[:, 1]], axis=1
    )
    apart = distances > COINCIDENT
    first, second = pairs[apart].T
    springs = Springs(first, second, law.stiffness(distances[apart]))
    return springs, pairs[~apart]
