"""Which chains of two structures belong together, and which of their residues."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hnmref.modes.residues import Residues, chain_name
from hnmref.modes.sequence import align_sequences, residue_scores, same_kind

#: Numbering agrees where residues of the same number are this large a share of
#: the shorter chain, and this share of them has the same name.
_SHARE_NUMBERED = 0.5
_SHARE_NAMED = 0.8

#: Chains belong together from this share of the shorter chain identical, and
#: this number of residues: the twilight zone of alignments begins below.
_LEAST_IDENTITY = 0.3
_LEAST_IDENTICAL = 3

#: Residues that a note names one by one; the rest are counted.
_MOST_NAMED = 20


@dataclass
class ChainPair:
    """Two chains that belong together.

    residues_a, residues_b : (K,) their paired residues.
    by_number : found by numbering; else by sequence.
    n_identical : paired residues of the same kind.
    identity : these, as a share of the shorter chain.
    """

    chain_a: str
    chain_b: str
    residues_a: np.ndarray
    residues_b: np.ndarray
    by_number: bool
    n_identical: int
    identity: float

    @property
    def related(self) -> bool:
        """Whether so much is identical that this is no accident."""
        return self.identity >= _LEAST_IDENTITY and self.n_identical >= _LEAST_IDENTICAL


def paired_chains(a: Residues, b: Residues) -> tuple[list[ChainPair], list[str]]:
    """Pairs of chains with polymer, each chain in one at most, and notes.

    First those of the same name whose numbering agrees, then by identity.
    """
    polymer_a, polymer_b = (
        [chain for chain in x.chains if len(x.of_chain(chain, polymer=True))]
        for x in (a, b)
    )
    shared = [chain for chain in polymer_a if chain in polymer_b]
    pairs = [_pair_by_number(a, b, chain, chain) for chain in shared]
    pairs = [pair for pair in pairs if pair is not None]
    done = {pair.chain_a for pair in pairs}
    aligned: dict[tuple, tuple] = {}
    candidates = [
        _pair(a, b, chain_a, chain_b, aligned)
        for chain_a in polymer_a
        for chain_b in polymer_b
        if chain_a not in done and chain_b not in done
    ]
    best, notes = _best([pair for pair in candidates if pair.related])
    pairs += best
    return pairs, [_how(pair) for pair in pairs] + notes + _mutations(a, b, pairs)


def _best(candidates: list[ChainPair]) -> tuple[list[ChainPair], list[str]]:
    """The pairs of the largest identity, each chain once."""
    pairs, notes = [], []
    # Of equals, those of the same name first, then in the order of the files.
    rest = sorted(candidates, key=lambda p: (-p.identity, p.chain_a != p.chain_b))
    while rest:
        pair = rest[0]
        equals = [
            other.chain_b
            for other in rest
            if other.chain_a == pair.chain_a and other.identity == pair.identity
        ]
        if len(equals) > 1 and pair.chain_a != pair.chain_b:
            notes.append(
                f"{chain_name(pair.chain_a)} fits chains {', '.join(equals)} equally "
                f"well: the first is taken"
            )
        pairs.append(pair)
        rest = [
            other
            for other in rest
            if other.chain_a != pair.chain_a and other.chain_b != pair.chain_b
        ]
    return pairs, notes


def _pair(
    a: Residues, b: Residues, chain_a: str, chain_b: str, aligned: dict
) -> ChainPair:
    """Two chains by their numbering, else by their sequences."""
    by_number = _pair_by_number(a, b, chain_a, chain_b)
    if by_number is not None:
        return by_number
    in_a, in_b = a.of_chain(chain_a, polymer=True), b.of_chain(chain_b, polymer=True)
    # Copies of a chain are aligned once.
    sequences = (tuple(a.resname[in_a]), tuple(b.resname[in_b]))
    if sequences not in aligned:
        scores = residue_scores(a.resname[in_a], b.resname[in_b])
        aligned[sequences] = align_sequences(scores)
    first, second = aligned[sequences]
    return _chain_pair(a, b, chain_a, chain_b, in_a[first], in_b[second], False)


def _pair_by_number(
    a: Residues, b: Residues, chain_a: str, chain_b: str
) -> ChainPair | None:
    """Two chains by their numbering; None where it does not agree."""
    in_a, in_b = a.of_chain(chain_a, polymer=True), b.of_chain(chain_b, polymer=True)
    _, first, second = np.intersect1d(a.resid[in_a], b.resid[in_b], return_indices=True)
    shorter = min(len(in_a), len(in_b))
    if len(first) < max(_SHARE_NUMBERED * shorter, 1):
        return None
    order = np.argsort(first)
    first, second = in_a[first[order]], in_b[second[order]]
    pair = _chain_pair(a, b, chain_a, chain_b, first, second, True)
    agrees = pair.n_identical >= _SHARE_NAMED * len(first)
    return pair if agrees else None


def _chain_pair(
    a: Residues,
    b: Residues,
    chain_a: str,
    chain_b: str,
    first: np.ndarray,
    second: np.ndarray,
    by_number: bool,
) -> ChainPair:
    """The pair with its identity, a share of the shorter chain."""
    shorter = min(
        len(a.of_chain(chain_a, polymer=True)), len(b.of_chain(chain_b, polymer=True))
    )
    n_same = int(same_kind(a.resname[first], b.resname[second]).sum())
    return ChainPair(
        chain_a, chain_b, first, second, by_number, n_same, n_same / shorter
    )


def _how(pair: ChainPair) -> str:
    """A sentence on how two chains were paired."""
    how = "numbering" if pair.by_number else "sequence"
    return (
        f"{chain_name(pair.chain_a)} goes with {chain_name(pair.chain_b)} by {how}: "
        f"{pair.n_identical} of {len(pair.residues_a)} paired residues identical"
    )


def _mutations(a: Residues, b: Residues, pairs: list[ChainPair]) -> list[str]:
    """A sentence that names the paired residues of different kind, if any."""
    differ = []
    for pair in pairs:
        first, second = pair.residues_a, pair.residues_b
        other = ~same_kind(a.resname[first], b.resname[second])
        differ += [
            f"{a.where(x)} / {b.where(y)}" for x, y in zip(first[other], second[other])
        ]
    if not differ:
        return []
    named = ", ".join(differ[:_MOST_NAMED])
    if len(differ) > _MOST_NAMED:
        named += f" and {len(differ) - _MOST_NAMED} more"
    return [f"residues that differ in kind: {named}"]
