"""Which atoms of two structures are the same, where their residues differ.

Chains are matched by their names and numbering where these agree, else by
their sequences; then atoms by their names within matched residues.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hnmref.errors import InputError
from hnmref.modes.chain_pairs import paired_chains
from hnmref.modes.residues import AtomLabels, Residues, chain_name, joined

__all__ = ["AtomLabels", "AtomMatch", "Unmatched", "match_atoms"]


@dataclass
class Unmatched:
    """Atoms without a counterpart.

    where : the chain or the residue they are in.
    atoms : their indices.
    reason : why.
    """

    where: str
    atoms: np.ndarray
    reason: str

    def __str__(self) -> str:
        return f"{self.where} ({len(self.atoms)} atoms): {self.reason}"


@dataclass
class AtomMatch:
    """Atoms of two structures that are the same.

    index_a, index_b : (M,) indices, in the order of the first structure.
    unmatched_a, unmatched_b : the rest of each, with reasons.
    notes : how chains were matched, and which residues differ in kind.
    """

    index_a: np.ndarray
    index_b: np.ndarray
    unmatched_a: list[Unmatched]
    unmatched_b: list[Unmatched]
    notes: list[str]


def match_atoms(
    labels_a: AtomLabels,
    labels_b: AtomLabels,
    names: tuple[str, str] = ("the first structure", "the second structure"),
) -> AtomMatch:
    """Pair the atoms of two structures.

    Where both have the same labels, each atom goes with its namesake. Else,
    chains of the same name whose numbering agrees are paired, then the others
    by the largest share of identical residues; residues by number where that
    agrees, else by the alignment of their sequences; ligands by number and
    name. Water has no counterpart then, for its numbers mean nothing.

    Parameters
    ----------
    labels_a, labels_b : of either structure's atoms. Of atoms with the same
        labels (alternate conformers) the first is used.
    names : what a message calls the structures, as their files.

    Raises
    ------
    InputError : a structure without atoms, or no atom in common.
    """
    for labels, name in zip((labels_a, labels_b), names):
        if not len(labels):
            raise InputError(f"{name} has no atom to match: change the selection")
    match = _matched_namesakes(labels_a, labels_b)
    if match is None:
        match = _matched_chains(Residues(labels_a), Residues(labels_b))
    if not len(match.index_a):
        why = "; ".join(str(item) for item in match.unmatched_a[:3])
        raise InputError(
            f"{names[0]} and {names[1]} have no atom in common [{why}]: give two "
            f"structures of the same or of related molecules"
        )
    return match


def _matched_namesakes(a: AtomLabels, b: AtomLabels) -> AtomMatch | None:
    """Each atom with its namesake, where both structures have the same names."""
    if len(a) != len(b):
        return None
    keys_a, keys_b = (joined(x.chain, x.resid, x.resname, x.name) for x in (a, b))
    order_a, order_b = (np.argsort(keys, kind="stable") for keys in (keys_a, keys_b))
    if not np.array_equal(keys_a[order_a], keys_b[order_b]):
        return None
    index_b = np.empty_like(order_b)
    index_b[order_a] = order_b
    return AtomMatch(np.arange(len(a)), index_b, [], [], [])


@dataclass
class _Side:
    """One structure, as the other one sees it.

    partner : (R,) counterpart of each residue, -1 where there is none.
    chain_of : chains of the other one, by the chains that they go with.
    by_number : chains that were paired by numbering.
    """

    residues: Residues
    partner: np.ndarray
    chain_of: dict[str, str]
    by_number: set[str]


def _matched_chains(a: Residues, b: Residues) -> AtomMatch:
    """Atoms of paired chains."""
    pairs, notes = paired_chains(a, b)
    chain_of = {pair.chain_a: pair.chain_b for pair in pairs}
    partner = np.full(len(a), -1)
    for pair in pairs:
        partner[pair.residues_a] = pair.residues_b
    # Ligands go with the polymer of their chain, or have a chain of their own.
    alone = {
        chain: chain
        for chain in a.chains
        if chain in b.chains
        and not any(len(x.of_chain(chain, polymer=True)) for x in (a, b))
    }
    for chain_a, chain_b in (chain_of | alone).items():
        _pair_ligands(a, b, chain_a, chain_b, partner)
    back = np.full(len(b), -1)
    back[partner[partner >= 0]] = np.flatnonzero(partner >= 0)

    index_a, index_b = _common_atoms(a, b, back)
    chains_back = {chain_b: chain_a for chain_a, chain_b in chain_of.items()}
    numbered = [pair for pair in pairs if pair.by_number]
    side_a = _Side(a, partner, chain_of, {pair.chain_a for pair in numbered})
    side_b = _Side(b, back, chains_back, {pair.chain_b for pair in numbered})
    return AtomMatch(
        index_a,
        index_b,
        _unmatched(side_a, b, index_a),
        _unmatched(side_b, a, index_b),
        notes,
    )


def _pair_ligands(
    a: Residues, b: Residues, chain_a: str, chain_b: str, partner: np.ndarray
) -> None:
    """Pair what is not polymer nor water, by number and name."""
    in_a, in_b = a.of_chain(chain_a, polymer=False), b.of_chain(chain_b, polymer=False)
    names_a = joined(a.resid[in_a], a.resname[in_a])
    names_b = joined(b.resid[in_b], b.resname[in_b])
    _, first, second = np.intersect1d(names_a, names_b, return_indices=True)
    partner[in_a[first]] = in_b[second]


def _common_atoms(
    a: Residues, b: Residues, back: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Atoms of the same name in paired residues; of equal ones, the first."""
    names = np.concatenate([a.atom_names, b.atom_names])
    kinds, name = np.unique(names, return_inverse=True)
    keys_a = a.residue_of * len(kinds) + name[: len(a.labels)]
    in_pair = np.flatnonzero(back[b.residue_of] >= 0)
    keys_b = back[b.residue_of[in_pair]] * len(kinds) + name[len(a.labels) :][in_pair]
    _, index_a, index_b = np.intersect1d(keys_a, keys_b, return_indices=True)
    order = np.argsort(index_a)
    return index_a[order], in_pair[index_b[order]]


def _unmatched(side: _Side, other: Residues, matched: np.ndarray) -> list[Unmatched]:
    """The atoms of one structure that have no counterpart, with reasons."""
    own = side.residues
    left = np.ones(len(own.labels), dtype=bool)
    left[matched] = False
    result = []
    for chain in own.chains:
        lost = left & (own.chain == chain)[own.residue_of]
        water = lost & own.water[own.residue_of]
        if water.any():
            reason = "the numbers of waters mean nothing in another structure"
            where = f"water of {chain_name(chain)}"
            result.append(Unmatched(where, np.flatnonzero(water), reason))
        rest = np.flatnonzero(lost & ~water)
        residue_of = own.residue_of[rest]
        if (side.partner[own.chain == chain] < 0).all():
            if len(rest):
                result.append(
                    Unmatched(chain_name(chain), rest, "no chain goes with it")
                )
            continue
        for residue in np.unique(residue_of):
            atoms = rest[residue_of == residue]
            reason = _reason(side, other, residue, atoms)
            result.append(Unmatched(own.where(residue), atoms, reason))
    return result


def _reason(side: _Side, other: Residues, residue: int, atoms: np.ndarray) -> str:
    """Why atoms of one residue have no counterpart."""
    own, partner = side.residues, side.partner[residue]
    chain = own.chain[residue]
    there = chain_name(side.chain_of.get(chain, chain))
    if partner >= 0:
        names = ", ".join(dict.fromkeys(own.labels.name[atoms].tolist()))
        return f"{names}: no atom of this name left in {other.where(partner)}"
    if not own.polymer[residue]:
        return f"no ligand of this number and name in {there}"
    if chain in side.by_number:
        return f"no residue of this number in {there}"
    return f"opposite a gap in the alignment with {there}"
