"""How smoothly U goes from atom to atom, and over the borders of groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from hnmref.adp.comparison import positive_definite
from hnmref.adp.metrics import (
    NEIGHBOUR_DISTANCE,
    boundary_means,
    pair_kl,
    rosenfield_difference,
)
from hnmref.refine.residues import Kind, ResidueTable
from hnmref.refine.topology import distance_bonds

#: Pairs that are worked through at a time.
_PAIRS_PER_PIECE = 100_000
#: Borders of the classes of P_KL in the histogram (1/Å), the first and last open.
HISTOGRAM_EDGES = np.logspace(-5, 1, 49)


@dataclass(frozen=True)
class Neighbours:
    """P_KL of pairs of atoms (1/Å), and what it says of a partition.

    Of atoms besides hydrogens and waters, in conformers that are there together.

    :ivar bonded, near: (M,) P_KL of bonded atoms, and of those within 5 Å.
    :ivar b_kl: B_KL of the partition; not a number where it has one group.
    :ivar n_boundary: pairs across its borders.
    :ivar rigid_bond: root mean square difference of U along bonds, Å².
    """

    bonded: np.ndarray
    near: np.ndarray
    b_kl: float
    n_boundary: int
    rigid_bond: float

    def as_dict(self) -> dict:
        """For JSON; None where there is no number."""
        figures = {
            "p_kl_bonded": _mean(self.bonded),
            "p_kl_near": _mean(self.near),
            "b_kl": self.b_kl,
            "rigid_bond": self.rigid_bond,
        }
        return {
            **{k: None if np.isnan(v) else v for k, v in figures.items()},
            "n_bonded": len(self.bonded),
            "n_near": len(self.near),
            "n_boundary": self.n_boundary,
            "histogram": {
                "edges": HISTOGRAM_EDGES,
                "bonded": _counts(self.bonded),
                "near": _counts(self.near),
            },
        }


def neighbours(
    u: np.ndarray, table: ResidueTable, hierarchy, groups: list[np.ndarray]
) -> Neighbours:
    """P_KL among a model's atoms.

    :param u: (N, 6) total U, Å²; atoms where it is not positive definite are left
        out.
    :param groups: atoms of each group of the partition.
    """
    sites = table.sites
    kept = ~table.is_hydrogen & (table.atom_kinds() != Kind.WATER)
    atoms = np.flatnonzero(kept & positive_definite(u))
    near = atoms[_pairs_near(sites[atoms])]
    near = _together(near, table, sites)
    bonds = _together(distance_bonds(hierarchy, atoms), table, sites)
    partition = np.full(len(u), -1)
    for number, members in enumerate(groups):
        partition[members] = number
    p_kl_near = _p_kl(u, sites, near)
    border = boundary_means(p_kl_near, near, partition)
    along = rosenfield_difference(u, sites, bonds)
    return Neighbours(
        bonded=_p_kl(u, sites, bonds),
        near=p_kl_near,
        b_kl=border.b_kl,
        n_boundary=border.n_boundary,
        rigid_bond=float(np.sqrt(_mean(along**2))),
    )


def _pairs_near(sites: np.ndarray) -> np.ndarray:
    return cKDTree(sites).query_pairs(NEIGHBOUR_DISTANCE, output_type="ndarray")


def _together(pairs: np.ndarray, table: ResidueTable, sites: np.ndarray) -> np.ndarray:
    """Those of two atoms that are there at once, and in two places."""
    a, b = table.conformer[pairs].T
    together = (a == 0) | (b == 0) | (a == b)
    apart = (sites[pairs[:, 0]] != sites[pairs[:, 1]]).any(axis=1)
    return pairs[together & apart]


def _p_kl(u: np.ndarray, sites: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    starts = range(0, len(pairs), _PAIRS_PER_PIECE)
    pieces = [pair_kl(u, sites, pairs[i : i + _PAIRS_PER_PIECE]) for i in starts]
    return np.concatenate([np.zeros(0), *pieces])


def _counts(values: np.ndarray) -> np.ndarray:
    """Pairs in each class; those outside are in the first and the last."""
    edges = HISTOGRAM_EDGES
    return np.histogram(values.clip(edges[0], edges[-1]), edges)[0]


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")
