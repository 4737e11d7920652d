"""The polymer chains of a model cut into the TLS segments that fit its B best."""

from __future__ import annotations

from dataclasses import dataclass

import mmtbx.model
import numpy as np

from hnmref.adp.metrics import B_PER_U, u_eq
from hnmref.adp.segment_number import SegmentNumber, suggest_number
from hnmref.adp.segments import (
    MAX_SEGMENTS,
    MIN_RESIDUES,
    Partition,
    partition_chain,
)
from hnmref.errors import InputError
from hnmref.refine.arrays import to_numpy
from hnmref.refine.atoms import Substructure, substructures_of_parts
from hnmref.refine.chains import Part, polymer_chains
from hnmref.refine.residues import ResidueTable, residue_table

#: B that differ by less than this are the same (Å²): files round them.
_SAME_B = 0.02


@dataclass
class ChainSegments:
    """A polymer chain and its best partitions.

    :ivar joined: residues outside the polymer that move with the chain.
    :ivar atoms: (n,) atoms whose displacements were fitted.
    :ivar partitions: into 1, 2, … segments, their starts as residues of the table.
    """

    chain: Part
    joined: list[int]
    atoms: np.ndarray
    partitions: list[Partition]
    number: SegmentNumber

    def partition(self, n_segments: int) -> Partition:
        """The one into so many segments, or as many as there can be."""
        return self.partitions[min(n_segments, len(self.partitions)) - 1]


def find_segments(
    model: mmtbx.model.manager,
    u: np.ndarray,
    *,
    anisotropic: bool = False,
    max_segments: int = MAX_SEGMENTS,
    min_residues: int = MIN_RESIDUES,
) -> tuple[ResidueTable, list[ChainSegments]]:
    """The best partitions of every polymer chain, with the model's residues.

    Hydrogens, whose B ride on others, and atoms of occupancy zero do not count. A
    chain whose atoms have all the same B stays whole.

    :param u: (N, 6) total U, Å².
    :param anisotropic: fit U; else its isotropic equivalent.
    :raises InputError: no chain has different B.
    """
    table = residue_table(model)
    chains = polymer_chains(table)
    values = u if anisotropic else u_eq(u)
    counted = ~table.is_hydrogen & (to_numpy(model.get_atoms().extract_occ()) > 0)
    result = []
    for chain, whole in zip(chains, substructures_of_parts(table, chains)):
        atoms = table.atoms_of(chain.residues)
        if counted[atoms].any():
            atoms = atoms[counted[atoms]]
        fitted = (table.sites[atoms], values[atoms], table.residue_of[atoms])
        n_most = 1 if _is_flat(u[atoms]) else max_segments
        partitions = partition_chain(*fitted, n_most, min_residues)
        residues = np.unique(table.residue_of[whole.atoms])
        result.append(
            ChainSegments(
                chain=chain,
                joined=np.setdiff1d(residues, chain.residues).tolist(),
                atoms=atoms,
                partitions=partitions,
                number=suggest_number(partitions, *fitted),
            )
        )
    if chains and all(_is_flat(u[chain.atoms]) for chain in result):
        raise InputError(
            "All atoms of a chain of the model have the same B, which says nothing of "
            "TLS segments: give a model with refined B, or cut chains into equal "
            "segments (tls.partition=equal)"
        )
    return table, result


def segment_groups(
    table: ResidueTable, segments: ChainSegments, n_segments: int
) -> list[Substructure]:
    """The groups of one chain's partition.

    What joins the chain (a ligand that touches it) joins the segment that it
    touches, so that a chain's groups do not depend on how others are cut.
    """
    chain = segments.chain
    starts = segments.partition(n_segments).starts
    pieces = np.split(chain.residues, np.searchsorted(chain.residues, starts[1:]))
    parts = [
        Part(f"{chain.label}.{i + 1}", piece.tolist(), chain.use_segid)
        for i, piece in enumerate(pieces)
    ]
    return substructures_of_parts(table, parts, segments.joined)


def best_segments(
    model: mmtbx.model.manager, u: np.ndarray, n_per_chain: int | None
) -> list[Substructure]:
    """The TLS groups of all chains, from the isotropic equivalent of U.

    :param u: (N, 6) total U, Å².
    :param n_per_chain: segments of a chain, fewer where it is too short; None: the
        number that each chain's displacements speak for.
    :raises InputError: no chain has different B.
    """
    table, chains = find_segments(model, u, max_segments=n_per_chain or MAX_SEGMENTS)
    if not chains:
        return substructures_of_parts(table, [])
    groups = []
    for chain in chains:
        n_segments = n_per_chain or chain.number.suggested
        groups += segment_groups(table, chain, n_segments)
    return groups


def _is_flat(u: np.ndarray) -> bool:
    """Whether atoms have all the same B."""
    return bool(np.ptp(B_PER_U * u_eq(u)) < _SAME_B)
