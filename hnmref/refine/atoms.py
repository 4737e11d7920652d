"""Which atoms move with which substructure, and which have only U_local.

By default a substructure is a polymer chain with the ligands, glycans and ions
that touch it; waters have only U_local. The rules stand in docs/inputs.md.
Contacts are those within the model as it is written: symmetry mates do not
count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import iotbx.pdb
import mmtbx.model
import numpy as np
from libtbx.utils import Sorry
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from hnmref.errors import InputError
from hnmref.refine.arrays import to_numpy, vec3_to_numpy
from hnmref.refine.model import header_tls

#: Non-hydrogen atoms nearer than this touch (Å).
CONTACT_DISTANCE = 4.5
#: Non-hydrogen atoms nearer than this are bonded (Å); metals' ligands are not.
BOND_DISTANCE = 2.0
#: Chains of fewer residues join the chain that they touch.
MIN_POLYMER_RESIDUES = 3
#: Segments of a chain have at least this many residues.
MIN_SEGMENT_RESIDUES = 3
#: Atoms that deviate less than this from a line (rms, Å) do not define a rotation.
MIN_SPREAD = 0.05

WATER = "water"
TOUCHES_NONE = "touches no substructure"
NOT_SELECTED = "in no substructure selection"

_POLYMER, _LIGAND, _WATER = 0, 1, 2
_POLYMER_CLASSES = {
    "common_amino_acid",
    "modified_amino_acid",
    "d_amino_acid",
    "common_rna_dna",
    "modified_rna_dna",
}
#: Backbones by which a residue of an unknown name is seen to be of a polymer.
_BACKBONES = ({"N", "CA", "C"}, {"O5'", "C5'", "C4'", "C3'", "O3'"})
#: Distance of the only atoms of neighbours in a trace, with their names (Å).
_TRACE_DISTANCES = {"CA": 4.5, "P": 8.0}


@dataclass
class Substructure:
    """Atoms that share their modes.

    :ivar label: short name, as the chain's.
    :ivar selection: the atoms as a selection string.
    :ivar atoms: (n,) sorted atom indices.
    """

    label: str
    selection: str
    atoms: np.ndarray


@dataclass
class AtomGroups:
    """Every atom of a model: in one substructure, or only in U_local.

    :ivar substructures: disjoint groups.
    :ivar local_only: the reason and the (n,) sorted atoms that have only U_local.
    :ivar blocks: (N,) rigid block of each atom for RTB: its residue.
    :ivar n_atoms: N.
    """

    substructures: list[Substructure]
    local_only: dict[str, np.ndarray]
    blocks: np.ndarray
    n_atoms: int

    @property
    def assigned(self) -> np.ndarray:
        """Sorted indices of the atoms that are in a substructure."""
        return np.sort(np.concatenate([s.atoms for s in self.substructures]))

    def as_dict(self) -> dict:
        """Counts, reasons and selections, for JSON."""
        return {
            "n_atoms": self.n_atoms,
            "assigned": len(self.assigned),
            "local_only": {why: len(a) for why, a in self.local_only.items()},
            "substructures": [
                {"label": s.label, "selection": s.selection, "n_atoms": len(s.atoms)}
                for s in self.substructures
            ],
        }


@dataclass
class _Residue:
    """A residue group: all its conformers and hydrogens.

    :ivar chain_index: which chain of the hierarchy, TER records parting them.
    :ivar kind: _POLYMER, _LIGAND or _WATER.
    """

    chain_id: str
    segid: str
    resid: str
    chain_index: int
    kind: int


@dataclass
class _Table:
    """The model's residues, and what contacts need of its atoms.

    :ivar residue_of: (N,) index of each atom's residue.
    :ivar conformer: (N,) number of each atom's altloc, 0 for blank.
    """

    residues: list[_Residue]
    residue_of: np.ndarray
    sites: np.ndarray
    is_hydrogen: np.ndarray
    conformer: np.ndarray

    def atoms_of(self, residues: Sequence[int]) -> np.ndarray:
        """Sorted atoms of some residues."""
        chosen = np.zeros(len(self.residues), bool)
        chosen[np.asarray(residues, int)] = True
        return np.flatnonzero(chosen[self.residue_of])

    def atom_kinds(self) -> np.ndarray:
        """(N,) kind of each atom's residue."""
        return np.array([r.kind for r in self.residues])[self.residue_of]


@dataclass
class _Part:
    """A polymer chain, or a segment of one, before ligands join it."""

    label: str
    residues: list[int]
    use_segid: bool = False


def group_atoms(
    model: mmtbx.model.manager, selections: Sequence[str] = ()
) -> AtomGroups:
    """Sort a model's atoms into substructures and those with only U_local.

    :param selections: ``hnm.substructure``, one string a substructure; none: one
        a polymer chain. Waters are never in a substructure. A ligand residue
        that no selection holds joins the substructure that it touches.
    :raises InputError: a selection is wrong, empty, overlaps another or has
        fewer than three atoms that are not on a line.
    """
    table = _residue_table(model)
    if selections:
        owner = _owners_by_selection(model, table, selections)
        kinds = table.atom_kinds()
        free_residues = _residues_outside(table, owner, _LIGAND)
        owner = _join_by_touch(table, owner, free_residues)
        substructures = [
            Substructure(f"{i + 1}", text, np.flatnonzero(owner == i))
            for i, text in enumerate(selections)
        ]
        outside = (owner < 0) & (kinds != _WATER)
        touching_none = outside & np.isin(table.residue_of, free_residues)
        reasons = {TOUCHES_NONE: touching_none, NOT_SELECTED: outside & ~touching_none}
    else:
        substructures = _substructures_of_parts(table, _polymer_chains(table))
        owner = _owner_array(table, [s.atoms for s in substructures])
        reasons = {TOUCHES_NONE: (owner < 0) & (table.atom_kinds() != _WATER)}
    reasons = {WATER: (owner < 0) & (table.atom_kinds() == _WATER), **reasons}
    local_only = {why: np.flatnonzero(m) for why, m in reasons.items() if m.any()}
    return AtomGroups(substructures, local_only, table.residue_of, len(table.sites))


def contiguous_segments(
    model: mmtbx.model.manager, n_per_chain: int
) -> list[Substructure]:
    """Each polymer chain cut into segments of equal numbers of residues.

    Ligands, glycans and ions join the segment that they touch. A chain too
    short for ``n_per_chain`` segments of three residues is cut into fewer.
    """
    table = _residue_table(model)
    parts = []
    for chain in _polymer_chains(table):
        n_segments = min(
            n_per_chain, max(1, len(chain.residues) // MIN_SEGMENT_RESIDUES)
        )
        for i, piece in enumerate(np.array_split(chain.residues, n_segments)):
            label = f"{chain.label}.{i + 1}"
            parts.append(_Part(label, piece.tolist(), chain.use_segid))
    return _substructures_of_parts(table, parts)


def header_tls_selections(model: mmtbx.model.manager, file_name: str) -> list[str]:
    """Selection strings of the TLS groups in a model file's header.

    Groups that select no atom of the model are left out.
    """
    selections = []
    for group in header_tls(file_name, model):
        try:
            n_atoms = model.selection(group.selection).count(True)
        except (Sorry, RuntimeError, ValueError):
            continue
        if n_atoms:
            selections.append(group.selection)
    return selections


def _residue_table(model) -> _Table:
    residues: list[_Residue] = []
    hierarchy = model.get_hierarchy()
    atoms = hierarchy.atoms()
    residue_of = np.zeros(atoms.size(), int)
    for chain_index, chain in enumerate(hierarchy.chains()):
        groups = list(chain.residue_groups())
        for i, group in enumerate(groups):
            indices = to_numpy(group.atoms().extract_i_seq()).astype(int)
            residue_of[indices] = len(residues)
            residues.append(
                _Residue(
                    chain_id=chain.id,
                    segid=group.atoms()[0].segid.strip(),
                    resid=group.resid().strip(),
                    chain_index=chain_index,
                    kind=_kind(
                        group, groups[max(i - 1, 0) : i] + groups[i + 1 : i + 2]
                    ),
                )
            )
    return _Table(
        residues=residues,
        residue_of=residue_of,
        sites=vec3_to_numpy(model.get_sites_cart()),
        is_hydrogen=to_numpy(model.get_hd_selection()),
        conformer=_conformer_numbers(hierarchy),
    )


def _conformer_numbers(hierarchy) -> np.ndarray:
    numbers = np.zeros(hierarchy.atoms().size(), int)
    for group in hierarchy.atom_groups():
        if group.altloc.strip():
            numbers[to_numpy(group.atoms().extract_i_seq()).astype(int)] = ord(
                group.altloc
            )
    return numbers


def _kind(group, neighbours: list) -> int:
    """Polymer, ligand or water.

    A HETATM amino acid or nucleotide, and a residue of unknown name with a
    backbone, is of the polymer where it is bonded to a neighbour in the file.
    """
    names = [atom_group.resname for atom_group in group.atom_groups()]
    classes = {iotbx.pdb.common_residue_names_get_class(name) for name in names}
    if classes == {"common_water"}:
        return _WATER
    is_known = bool(classes & _POLYMER_CLASSES) or "UNK" in names
    if is_known and not group.atoms()[0].hetero:
        return _POLYMER
    if not is_known and not _has_backbone(group):
        return _LIGAND
    linked = any(_follow_each_other(group, other) for other in neighbours)
    return _POLYMER if linked else _LIGAND


def _has_backbone(group) -> bool:
    names = {atom.name.strip() for atom in group.atoms()}
    return any(backbone <= names for backbone in _BACKBONES)


def _follow_each_other(group, other) -> bool:
    """Whether two residues are bonded, or neighbours of a CA or P trace."""
    distances = np.linalg.norm(
        vec3_to_numpy(group.atoms().extract_xyz())[:, None]
        - vec3_to_numpy(other.atoms().extract_xyz())[None],
        axis=2,
    )
    if distances.min() < BOND_DISTANCE:
        return True
    names = {atom.name.strip() for g in (group, other) for atom in g.atoms()}
    name = names.pop() if len(names) == 1 else ""
    return distances.min() < _TRACE_DISTANCES.get(name, 0.0)


def _polymer_chains(table: _Table) -> list[_Part]:
    """Polymer chains that can carry modes, in the order of the file.

    A chain identifier is one chain, its HETATM part later in the file too,
    unless its residue numbers repeat: then segments, or TER records, part it.
    """
    by_id: dict[str, list[int]] = {}
    for i, residue in enumerate(table.residues):
        if residue.kind == _POLYMER:
            by_id.setdefault(residue.chain_id, []).append(i)
    chains = []
    for chain_id, members in by_id.items():
        name = chain_id.strip() or "blank"
        if not _numbers_repeat(table, members):
            chains.append(_Part(name, members))
            continue
        for segid, of_segment in _split(members, lambda i: table.residues[i].segid):
            label = f"{name}/{segid}" if segid else name
            if not _numbers_repeat(table, of_segment):
                chains.append(_Part(label, of_segment, use_segid=True))
                continue
            copies = _split(of_segment, lambda i: table.residues[i].chain_index)
            for n, (_, copy) in enumerate(copies):
                chains.append(_Part(f"{label}#{n + 1}", copy, use_segid=True))
    return [chain for chain in chains if _can_carry_modes(table, chain)]


def _split(members: list[int], key) -> list[tuple]:
    """(key, members) in the order of first appearance."""
    result: dict = {}
    for member in members:
        result.setdefault(key(member), []).append(member)
    return list(result.items())


def _numbers_repeat(table: _Table, members: list[int]) -> bool:
    return len({table.residues[i].resid for i in members}) < len(members)


def _can_carry_modes(table: _Table, chain: _Part) -> bool:
    if len(chain.residues) < MIN_POLYMER_RESIDUES:
        return False
    return _spans_plane(table.sites[table.atoms_of(chain.residues)])


def _spans_plane(sites: np.ndarray) -> bool:
    """Whether (n, 3) sites are at least three and not on one line."""
    if len(sites) < 3:
        return False
    spread = np.linalg.svd(sites - sites.mean(axis=0), compute_uv=False)
    return bool(spread[1] > MIN_SPREAD * np.sqrt(len(sites)))


def _substructures_of_parts(table: _Table, parts: list[_Part]) -> list[Substructure]:
    """Parts with the residues that touch them; a model without polymer is one."""
    if not parts:
        return [_everything_but_water(table)]
    owner = _owner_array(table, [table.atoms_of(part.residues) for part in parts])
    free = _residues_outside(table, owner, _LIGAND, _POLYMER)
    owner = _join_by_touch(table, owner, free)
    result = []
    for i, part in enumerate(parts):
        atoms = np.flatnonzero(owner == i)
        selection = _selection_string(table, np.unique(table.residue_of[atoms]), part)
        result.append(Substructure(part.label, selection, atoms))
    return result


def _everything_but_water(table: _Table) -> Substructure:
    atoms = np.flatnonzero(table.atom_kinds() != _WATER)
    if not _spans_plane(table.sites[atoms]):
        raise InputError(
            "The model has no polymer chain and fewer than three non-collinear atoms "
            "besides waters: normal modes need more; use group_adp=none"
        )
    return Substructure("all", "not water", atoms)


def _owner_array(table: _Table, groups: Sequence[np.ndarray]) -> np.ndarray:
    """(N,) group of each atom, -1 for none."""
    owner = np.full(len(table.sites), -1)
    for i, atoms in enumerate(groups):
        owner[atoms] = i
    return owner


def _residues_outside(table: _Table, owner: np.ndarray, *kinds: int) -> list[int]:
    """Residues of some kinds of which no atom has an owner."""
    owned = np.zeros(len(table.residues), bool)
    owned[table.residue_of[owner >= 0]] = True
    return [i for i, r in enumerate(table.residues) if r.kind in kinds and not owned[i]]


def _join_by_touch(
    table: _Table, owner: np.ndarray, free_residues: list[int]
) -> np.ndarray:
    """Give free residues to the group that they touch.

    Residues bonded to each other (a glycan) go together. A bond decides first,
    then the number of contacts, then nearness. What touches only residues that
    have joined joins with them, in rounds.

    :returns: (N,) owners; -1 stays where nothing is touched.
    """
    owner = owner.copy()
    if not free_residues:
        return owner
    free, other, distance = _contacts(table, free_residues)
    n_units, unit_of = _bonded_units(table, free_residues, free, other, distance)
    n_groups = owner.max() + 1
    # Bonds outweigh any number of contacts; nearness only breaks ties of contacts.
    weight = 1.0 + 1e6 * (distance < BOND_DISTANCE)
    weight += 1e-4 * (1.0 - distance / CONTACT_DISTANCE)
    while True:
        counts = (owner[free] < 0) & (owner[other] >= 0)
        if not counts.any():
            return owner
        cell = unit_of[table.residue_of[free[counts]]] * n_groups + owner[other[counts]]
        votes = np.bincount(cell, weight[counts], n_units * n_groups)
        votes = votes.reshape(n_units, n_groups)
        winner = np.where(votes.any(axis=1), votes.argmax(axis=1), -1)
        in_unit = (unit_of[table.residue_of] >= 0) & (owner < 0)
        owner[in_unit] = winner[unit_of[table.residue_of[in_unit]]]


def _contacts(
    table: _Table, free_residues: list[int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs (free atom, other atom, distance) that touch; no hydrogens or waters.

    Atoms of different conformers are never there together and do not touch.
    """
    counted = ~table.is_hydrogen & (table.atom_kinds() != _WATER)
    is_free = np.isin(table.residue_of, free_residues) & counted
    free_atoms, atoms = np.flatnonzero(is_free), np.flatnonzero(counted)
    if not len(free_atoms):
        empty = np.zeros(0, int)
        return empty, empty, np.zeros(0)
    pairs = cKDTree(table.sites[free_atoms]).sparse_distance_matrix(
        cKDTree(table.sites[atoms]), CONTACT_DISTANCE, output_type="ndarray"
    )
    free, other = free_atoms[pairs["i"]], atoms[pairs["j"]]
    a, b = table.conformer[free], table.conformer[other]
    together = (a == 0) | (b == 0) | (a == b)
    together &= table.residue_of[free] != table.residue_of[other]
    return free[together], other[together], pairs["v"][together]


def _bonded_units(
    table: _Table, free_residues: list[int], free, other, distance
) -> tuple[int, np.ndarray]:
    """Number of units, and (R,) the unit of each free residue (-1 elsewhere)."""
    n = len(table.residues)
    is_free = np.zeros(n, bool)
    is_free[free_residues] = True
    bonded = (distance < BOND_DISTANCE) & is_free[table.residue_of[other]]
    rows, columns = table.residue_of[free[bonded]], table.residue_of[other[bonded]]
    graph = coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(n, n))
    _, labels = connected_components(graph, directed=False)
    units = np.full(n, -1)
    kept, numbers = np.unique(labels[is_free], return_inverse=True)
    units[is_free] = numbers
    return len(kept), units


def _owners_by_selection(model, table: _Table, selections: Sequence[str]) -> np.ndarray:
    """(N,) index of the selection that holds each atom, -1 for none."""
    owner = np.full(len(table.sites), -1)
    not_water = table.atom_kinds() != _WATER
    for i, text in enumerate(selections):
        name = f'hnm.substructure="{text}"'
        try:
            selected = to_numpy(model.selection(text)) & not_water
        except (Sorry, RuntimeError, ValueError) as error:
            raise InputError(
                f"{name} is not an atom selection ({' '.join(str(error).split())}): "
                "write it as 'chain A and resseq 1:100'"
            ) from error
        if not selected.any():
            raise InputError(
                f"{name} selects no atom besides waters: correct or drop it"
            )
        taken = owner[selected]
        if (taken >= 0).any():
            first = selections[taken[taken >= 0][0]]
            raise InputError(
                f'{name} overlaps hnm.substructure="{first}" in '
                f"{int((taken >= 0).sum())} atoms: an atom has one substructure"
            )
        if not _spans_plane(table.sites[selected]):
            raise InputError(
                f"{name} holds {int(selected.sum())} atoms: a substructure needs at "
                "least three that are not on one line; widen it"
            )
        owner[selected] = i
    return owner


def _selection_string(table: _Table, residues: np.ndarray, part: _Part) -> str:
    """Residues as ranges: ``(chain A and resid 1 through 90) or ...``."""
    runs: list[list[int]] = []
    for i in residues:
        if runs and i == runs[-1][-1] + 1 and _same_chain(table, i, runs[-1][-1]):
            runs[-1].append(i)
        else:
            runs.append([i])
    return " or ".join(_run_string(table, run, part.use_segid) for run in runs)


def _same_chain(table: _Table, i: int, j: int) -> bool:
    a, b = table.residues[i], table.residues[j]
    return (a.chain_index, a.segid) == (b.chain_index, b.segid)


def _run_string(table: _Table, run: list[int], use_segid: bool) -> str:
    first, last = table.residues[run[0]], table.residues[run[-1]]
    chain_id = first.chain_id
    words = [f"chain {chain_id}" if chain_id.isalnum() else f"chain '{chain_id}'"]
    if use_segid and first.segid:
        words.append(f"segid {first.segid}")
    words.append(f"resid {first.resid}")
    if len(run) > 1:
        words[-1] += f" through {last.resid}"
    return f"({' and '.join(words)})"
