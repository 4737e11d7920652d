"""Atoms gathered into residues and chains, for plots and tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hnmref.adp.metrics import B_PER_U, add_isotropic
from hnmref.errors import HnmrefError

#: Per-atom arrays that a report needs, and the shape of one atom's entry.
PER_ATOM = {
    "chain_id": (),
    "residue": (),
    "residue_name": (),
    "atom_name": (),
    "b_group_eq": (),
    "b_local": (),
    "b_total": (),
    "anisotropy": (),
    "local_only": (),
    "map_correlation": (),
    "sites": (3,),
    "u_group": (6,),
}
#: Those that a run may lack.
OPTIONAL = {"b_whole_eq": (), "b_group_error": ()}
#: Those that need not be numbers for every atom.
_WITH_GAPS = ("map_correlation",)

#: Atoms that trace a polymer, and the longest step (Å) to the next one.
TRACE_STEPS = {"CA": 4.5, "C1'": 9.0}


@dataclass
class ChainTrace:
    """A polymer chain, one entry a residue; B in Å², means over its atoms.

    A residue with no neighbour along the trace is taken for a ligand or an ion.
    """

    name: str
    #: Numbers with insertion codes, and names.
    residues: list[str]
    names: list[str]
    b_group: np.ndarray
    b_local: np.ndarray
    b_total: np.ndarray
    #: Of stage one's U_group, or None.
    b_whole: np.ndarray | None
    #: Standard error of the group's B, or None.
    b_group_error: np.ndarray | None
    anisotropy: np.ndarray
    map_correlation: np.ndarray
    #: The atoms of the trace: indices, coordinates, and their own U.
    atoms: np.ndarray
    sites: np.ndarray
    u_group: np.ndarray
    u_total: np.ndarray
    #: The pieces without a gap between them.
    pieces: list[slice]


@dataclass
class ChainSummary:
    """Means over all atoms of a chain identifier, solvent included; B in Å²."""

    name: str
    n_atoms: int
    n_assigned: int
    b_group: float
    b_local: float
    b_total: float
    b_whole: float | None
    anisotropy: float


@dataclass
class LocalOnly:
    """Atoms with no part in collective motion, for one reason; mean B in Å²."""

    reason: str
    n_atoms: int
    b_total: float
    #: A few of their residues, as "HOH A 301".
    examples: list[str]


def check_per_atom(per_atom: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The per-atom arrays as numpy arrays.

    Anisotropy is undefined where U is zero; such a point counts as round.

    :raises HnmrefError: an array is missing, has another length than the
        others or holds numbers that are not finite.
    """
    missing = [key for key in PER_ATOM if key not in per_atom]
    if missing:
        raise HnmrefError(f"The report's per-atom arrays lack {', '.join(missing)}.")
    shapes = {**PER_ATOM, **{k: v for k, v in OPTIONAL.items() if k in per_atom}}
    arrays = {key: np.asarray(per_atom[key]) for key in shapes}
    arrays["anisotropy"] = np.nan_to_num(arrays["anisotropy"], nan=1.0)
    n_atoms = len(arrays["chain_id"])
    for key, tail in shapes.items():
        if arrays[key].shape != (n_atoms, *tail):
            raise HnmrefError(
                f"The report's per-atom array {key} has shape {arrays[key].shape}, "
                f"not {(n_atoms, *tail)}."
            )
        is_number = arrays[key].dtype.kind == "f" and key not in _WITH_GAPS
        if is_number and not np.isfinite(arrays[key]).all():
            raise HnmrefError(f"The report's per-atom array {key} is not all finite.")
    return arrays


def chain_summaries(atoms: dict[str, np.ndarray]) -> list[ChainSummary]:
    """One summary a chain identifier, in order of appearance."""
    names, index = _numbered(atoms["chain_id"])
    counts = np.bincount(index)
    keys = ["b_group_eq", "b_local", "b_total", "anisotropy"]
    keys += [key for key in OPTIONAL if key in atoms]
    means = {key: np.bincount(index, weights=atoms[key]) / counts for key in keys}
    n_assigned = np.bincount(index, weights=atoms["local_only"] == "")
    return [
        ChainSummary(
            name=str(name),
            n_atoms=int(counts[i]),
            n_assigned=int(n_assigned[i]),
            b_group=float(means["b_group_eq"][i]),
            b_local=float(means["b_local"][i]),
            b_total=float(means["b_total"][i]),
            b_whole=float(means["b_whole_eq"][i]) if "b_whole_eq" in means else None,
            anisotropy=float(means["anisotropy"][i]),
        )
        for i, name in enumerate(names)
    ]


def local_only(atoms: dict[str, np.ndarray], n_examples: int = 8) -> list[LocalOnly]:
    """The atoms that have only their own B, by reason."""
    groups = []
    for reason in np.unique(atoms["local_only"][atoms["local_only"] != ""]):
        members = np.flatnonzero(atoms["local_only"] == reason)
        keys = ("residue_name", "chain_id", "residue")
        texts = zip(*(atoms[key][members].tolist() for key in keys))
        residues = dict.fromkeys(" ".join(" ".join(text).split()) for text in texts)
        groups.append(
            LocalOnly(
                reason=str(reason),
                n_atoms=len(members),
                b_total=float(atoms["b_total"][members].mean()),
                examples=list(residues)[:n_examples],
            )
        )
    return sorted(groups, key=lambda group: -group.n_atoms)


def chain_traces(atoms: dict[str, np.ndarray]) -> list[ChainTrace]:
    """The polymer chains, in order of appearance."""
    names, index = _numbered(atoms["chain_id"])
    steps = _trace_steps(atoms["atom_name"])
    traces = (
        _chain_trace(str(name), atoms, np.flatnonzero(index == i), steps)
        for i, name in enumerate(names)
    )
    return [trace for trace in traces if trace.residues]


def _numbered(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct values in order of appearance, and each entry's place there."""
    distinct, first, inverse = np.unique(
        values, return_index=True, return_inverse=True
    )
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return distinct[order], rank[inverse.ravel()]


def _trace_steps(atom_names: np.ndarray) -> np.ndarray:
    """(N,) longest step to the next trace atom, 0 where an atom is none."""
    names = np.char.strip(atom_names.astype(str))
    steps = np.zeros(len(names))
    for name, step in TRACE_STEPS.items():
        steps[names == name] = step
    return steps


def _chain_trace(
    name: str, atoms: dict[str, np.ndarray], members: np.ndarray, steps: np.ndarray
) -> ChainTrace:
    labels, residue = _numbered(atoms["residue"][members].astype(str))
    on_trace = np.flatnonzero(steps[members] > 0)
    # The first trace atom of a residue stands for its alternates.
    present, first = np.unique(residue[on_trace], return_index=True)
    trace = members[on_trace[first]]
    piece = _piece_numbers(atoms["sites"][trace], steps[trace])
    with_neighbour = np.bincount(piece)[piece] > 1
    present, trace = present[with_neighbour], trace[with_neighbour]
    counts = np.bincount(residue, minlength=len(labels))

    def mean(key: str) -> np.ndarray:
        sums = np.bincount(residue, weights=atoms[key][members], minlength=len(labels))
        return (sums / counts)[present]

    def mean_if_known(key: str) -> np.ndarray | None:
        return mean(key) if key in atoms else None

    return ChainTrace(
        name=name,
        residues=[str(label).strip() for label in labels[present]],
        names=[str(name).strip() for name in atoms["residue_name"][trace]],
        b_group=mean("b_group_eq"),
        b_local=mean("b_local"),
        b_total=mean("b_total"),
        b_whole=mean_if_known("b_whole_eq"),
        b_group_error=mean_if_known("b_group_error"),
        anisotropy=mean("anisotropy"),
        map_correlation=mean("map_correlation"),
        atoms=trace,
        sites=atoms["sites"][trace],
        u_group=atoms["u_group"][trace],
        u_total=add_isotropic(
            atoms["u_group"][trace], atoms["b_local"][trace] / B_PER_U
        ),
        pieces=_slices(piece[with_neighbour]),
    )


def _piece_numbers(sites: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """A number for each trace atom, one more after every step that is too long."""
    if len(sites) == 0:
        return np.zeros(0, int)
    jumps = np.linalg.norm(np.diff(sites, axis=0), axis=1) > steps[:-1]
    return np.concatenate([[0], np.cumsum(jumps)])


def _slices(numbers: np.ndarray) -> list[slice]:
    """Runs of equal numbers."""
    ends = [0, *(np.flatnonzero(np.diff(numbers)) + 1), len(numbers)]
    return [slice(int(a), int(b)) for a, b in zip(ends, ends[1:])]
