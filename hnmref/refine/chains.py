"""Polymer chains as parts of a model, and parts as selection strings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hnmref.refine.residues import Kind, ResidueTable

#: Chains of fewer residues join the chain that they touch.
MIN_POLYMER_RESIDUES = 3
#: Atoms that deviate less than this from a line (rms, Å) do not define a rotation.
MIN_SPREAD = 0.05


@dataclass
class Part:
    """A polymer chain, or a segment of one, before ligands join it.

    :ivar residues: indices into the table of residues.
    :ivar use_segid: whether a selection string must name the segment.
    """

    label: str
    residues: list[int]
    use_segid: bool = False


def polymer_chains(table: ResidueTable) -> list[Part]:
    """Polymer chains that can carry modes, in the order of the file.

    A chain identifier is one chain, its HETATM part later in the file too,
    unless its residue numbers repeat: then segments, or TER records, part it.
    """
    by_id: dict[str, list[int]] = {}
    for i, residue in enumerate(table.residues):
        if residue.kind == Kind.POLYMER:
            by_id.setdefault(residue.chain_id, []).append(i)
    chains = []
    for chain_id, members in by_id.items():
        name = chain_id.strip() or "blank"
        if not _numbers_repeat(table, members):
            chains.append(Part(name, members))
            continue
        for segid, of_segment in _split(members, lambda i: table.residues[i].segid):
            label = f"{name}/{segid}" if segid else name
            if not _numbers_repeat(table, of_segment):
                chains.append(Part(label, of_segment, use_segid=True))
                continue
            copies = _split(of_segment, lambda i: table.residues[i].chain_index)
            for n, (_, copy) in enumerate(copies):
                chains.append(Part(f"{label}#{n + 1}", copy, use_segid=True))
    return [chain for chain in chains if _can_carry_modes(table, chain)]


def _split(members: list[int], key) -> list[tuple]:
    """(key, members) in the order of first appearance."""
    result: dict = {}
    for member in members:
        result.setdefault(key(member), []).append(member)
    return list(result.items())


def _numbers_repeat(table: ResidueTable, members: list[int]) -> bool:
    return len({table.residues[i].resid for i in members}) < len(members)


def _can_carry_modes(table: ResidueTable, chain: Part) -> bool:
    if len(chain.residues) < MIN_POLYMER_RESIDUES:
        return False
    return spans_plane(table.sites[table.atoms_of(chain.residues)])


def spans_plane(sites: np.ndarray) -> bool:
    """Whether (n, 3) sites are at least three and not on one line."""
    if len(sites) < 3:
        return False
    spread = np.linalg.svd(sites - sites.mean(axis=0), compute_uv=False)
    return bool(spread[1] > MIN_SPREAD * np.sqrt(len(sites)))


def selection_string(table: ResidueTable, residues: np.ndarray, part: Part) -> str:
    """Residues as ranges: ``(chain A and resid 1 through 90) or ...``."""
    runs: list[list[int]] = []
    for i in residues:
        if runs and i == runs[-1][-1] + 1 and _same_chain(table, i, runs[-1][-1]):
            runs[-1].append(i)
        else:
            runs.append([i])
    return " or ".join(_run_string(table, run, part.use_segid) for run in runs)


def _same_chain(table: ResidueTable, i: int, j: int) -> bool:
    a, b = table.residues[i], table.residues[j]
    return (a.chain_index, a.segid) == (b.chain_index, b.segid)


def _run_string(table: ResidueTable, run: list[int], use_segid: bool) -> str:
    first, last = table.residues[run[0]], table.residues[run[-1]]
    chain_id = first.chain_id
    words = [f"chain {chain_id}" if chain_id.isalnum() else f"chain '{chain_id}'"]
    if use_segid and first.segid:
        words.append(f"segid {first.segid}")
    words.append(f"resid {first.resid}")
    if len(run) > 1:
        words[-1] += f" through {last.resid}"
    return f"({' and '.join(words)})"
