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

#: The law that makes no springs: only listed ones are there.
LISTED = "listed"

#: Names of the laws ``SpringLaw`` knows.
SPRING_LAWS = ("constant", "distance_power", "hinsen", "hinsen_fitted", LISTED)

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
    kJ mol^-1 Å^-2. All but that in arbitrary units. ``listed``: none at all,
    only springs of given pairs.
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
        if self.name == LISTED:
            return np.zeros_like(r)
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

    def check(self, n_atoms: int) -> None:
        """Raise ModesError where they do not suit a structure of n_atoms."""
        first, second = np.asarray(self.first), np.asarray(self.second)
        n = len(self.stiffness)
        if first.shape != (n,) or second.shape != (n,):
            raise ModesError(
                f"{n} values of stiffness for {len(first)} and {len(second)} atoms: "
                f"listed springs need two atoms and a stiffness each"
            )
        bad = np.flatnonzero(
            (np.minimum(first, second) < 0)
            | (np.maximum(first, second) >= n_atoms)
            | (first == second)
        )
        if len(bad):
            raise ModesError(
                f"{len(bad)} of the listed springs (the first: {first[bad[0]]} to "
                f"{second[bad[0]]}) do not join two atoms between 0 and {n_atoms - 1}"
            )
        if not (np.isfinite(self.stiffness) & (self.stiffness >= 0)).all():
            raise ModesError(
                "the stiffness of every listed spring must be a number that is not "
                "negative: 0 takes a spring away"
            )
        keys = np.minimum(first, second) * n_atoms + np.maximum(first, second)
        values, counts = np.unique(keys, return_counts=True)
        if (counts > 1).any():
            i, j = divmod(int(values[counts > 1][0]), n_atoms)
            raise ModesError(f"the spring from {i} to {j} is listed twice: keep one")

    def within(self, atoms: np.ndarray, n_atoms: int) -> Springs:
        """Those between some atoms (sorted indices of n_atoms), by their order."""
        place = np.full(n_atoms, -1, dtype=np.intp)
        place[atoms] = np.arange(len(atoms))
        first, second = place[self.first], place[self.second]
        inside = (first >= 0) & (second >= 0)
        return Springs(first[inside], second[inside], self.stiffness[inside])

    def without_pairs(
        self, first: np.ndarray, second: np.ndarray, n_atoms: int
    ) -> Springs:
        """These springs but for those between given pairs of atoms."""
        taken = np.minimum(first, second) * n_atoms + np.maximum(first, second)
        key = np.minimum(self.first, self.second) * n_atoms + np.maximum(
            self.first, self.second
        )
        return self.where(~np.isin(key, taken))

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
    reach = COINCIDENT if law.name == LISTED else cutoff
    pairs = tree.query_pairs(reach, output_type="ndarray")
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
