"""The model as mmtbx holds it, checked, and what its header says.

Nothing is taken out of the model: what cannot be computed with is an error
that names the atom, or a repair that is listed in the notes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

import iotbx.cif
import iotbx.pdb
import mmtbx.model
import numpy as np
from libtbx.utils import Sorry, null_out

from hnmref.adp.metrics import B_PER_U
from hnmref.errors import InputError
from hnmref.refine.arrays import (
    numpy_to_sym_mat3,
    sym_mat3_to_numpy,
    to_double,
    to_numpy,
    vec3_to_numpy,
)

#: What is put in the place of an eigenvalue of U that is not positive (Å²).
SMALLEST_U = 0.001
#: An eigenvalue below this is not positive: rounding can turn it negative (Å²).
LEAST_POSITIVE_U = 1e-6
#: cctbx's own bounds for one and the same cell: relative length, degrees.
CELL_LENGTH_TOLERANCE = 0.01
CELL_ANGLE_TOLERANCE = 1.0
#: A note or an error names this many atoms and counts the rest.
MAX_NAMED_ATOMS = 10

_ROWS, _COLUMNS = [0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]


@dataclass
class HeaderTls:
    """A TLS group of the model's header, as deposited.

    :ivar t: Å², (6,); ``l``: degree², (6,); ``s``: Å·degree, (9,);
        ``origin``: Å, (3,). Symmetric order 11, 22, 33, 12, 13, 23.
    :ivar selection: atom selection of the group.
    """

    t: Sequence[float]
    l: Sequence[float]  # noqa: E741 - the tensor's own name
    s: Sequence[float]
    origin: Sequence[float]
    selection: str


def read_model(
    file_name: str,
    *,
    restraint_files: Sequence[str] = (),
    scattering_table: str = "n_gaussian",
    log=None,
) -> tuple[mmtbx.model.manager, list[str]]:
    """Read a PDB or mmCIF model; no geometry restraints are made here.

    Atoms read with ANISOU stay anisotropic, the others isotropic, and atoms on
    special positions keep their site symmetry.

    :param restraint_files: monomer CIF files, kept for the restraints.
    :param scattering_table: n_gaussian, it1992, wk1995, electron or neutron.
    :returns: the model and notes on what was repaired or is unusual.
    :raises InputError: the model cannot be refined as it stands.
    """
    log = log or null_out()
    model_input = _parsed(file_name)
    _check_cell(model_input, file_name)
    _check_hierarchy(model_input.construct_hierarchy(), file_name)
    try:
        model = mmtbx.model.manager(
            model_input=model_input,
            restraint_objects=_restraint_objects(restraint_files),
            stop_for_unknowns=False,
            log=log,
        )
    except (Sorry, RuntimeError, ValueError) as error:
        raise InputError(
            f"The model {file_name} cannot be used ({_one_line(error)})"
        ) from error
    notes = _repair_adps(model, file_name)
    if model.mtrix_expanded():
        notes.append("MTRIX records: the model was expanded to all its copies")
    _set_scattering(model, scattering_table, file_name)
    n_special = model.get_xray_structure().special_position_indices().size()
    if n_special:
        notes.append(f"{n_special} atoms on special positions keep their site symmetry")
    return model, notes


def _parsed(file_name: str):
    """iotbx's input object, whose symmetry could be read."""
    if not os.path.isfile(file_name):
        raise InputError(f"Model file {file_name} does not exist: check its path")
    try:
        model_input = iotbx.pdb.input(file_name=file_name)
        model_input.crystal_symmetry()
    except (Sorry, RuntimeError, ValueError, KeyError, AssertionError) as error:
        # iotbx says with an assertion what it misses in an mmCIF file.
        raise InputError(
            f"{file_name} cannot be read as a PDB or mmCIF model "
            f"({_one_line(error)}): correct it there"
        ) from error
    return model_input


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _check_cell(model_input, file_name: str) -> None:
    symmetry = model_input.crystal_symmetry()
    if (
        symmetry is None
        or symmetry.unit_cell() is None
        or symmetry.space_group() is None
        or symmetry.is_nonsense()
    ):
        raise InputError(
            f"{file_name} has no usable unit cell and space group (CRYST1 in PDB, "
            "_cell and _symmetry in mmCIF): add those of the crystal"
        )


def _restraint_objects(restraint_files: Sequence[str]) -> list | None:
    objects = []
    for name in restraint_files:
        if not os.path.isfile(name):
            raise InputError(f"Restraint file {name} does not exist: check its path")
        try:
            objects.append((name, iotbx.cif.reader(file_path=name).model()))
        except (Sorry, RuntimeError, ValueError, iotbx.cif.CifParserError) as error:
            raise InputError(
                f"Restraint file {name} is not a CIF file ({_one_line(error)})"
            ) from error
    return objects or None


def _check_hierarchy(hierarchy, file_name: str) -> None:
    """One model, with atoms, and only numbers that can be computed with.

    mmtbx's manager would refuse the numbers too, but not the other two.
    """
    n_models = hierarchy.models_size()
    if n_models > 1:
        raise InputError(
            f"{file_name} holds {n_models} models (MODEL records): "
            "refine one of them, written to a file of its own"
        )
    atoms = hierarchy.atoms()
    if atoms.size() == 0:
        raise InputError(f"{file_name} holds no atoms: give a PDB or mmCIF model")
    sites = vec3_to_numpy(atoms.extract_xyz())
    _refuse(~np.isfinite(sites).all(axis=1), atoms, file_name, "no finite coordinates")
    _refuse(~np.isfinite(to_numpy(atoms.extract_b())), atoms, file_name, "no finite B")
    occupancies = to_numpy(atoms.extract_occ())
    _refuse(~np.isfinite(occupancies), atoms, file_name, "no finite occupancy")
    _refuse(occupancies < 0, atoms, file_name, "a negative occupancy")


def _refuse(bad: np.ndarray, atoms, file_name: str, what: str) -> None:
    if bad.any():
        raise InputError(
            f"{int(bad.sum())} atoms of {file_name} have {what} "
            f"({name_atoms(atoms, np.flatnonzero(bad))}): correct or remove them"
        )


def name_atoms(atoms, indices: Sequence[int]) -> str:
    """The first few atoms by name, and how many more there are.

    :param atoms: flex array of hierarchy atoms.
    """
    names = [_name(atoms[int(i)]) for i in indices[:MAX_NAMED_ATOMS]]
    more = len(indices) - len(names)
    return "; ".join(names) + (f"; and {more} more" if more else "")


def _name(atom) -> str:
    """Chain, residue and atom, as ``A ILE 100 CG2`` or ``... CG2 (altloc B)``."""
    labels = atom.fetch_labels()
    words = [labels.chain_id, labels.resname, labels.resid(), labels.name]
    altloc = labels.altloc.strip()
    name = " ".join(word.strip() for word in words if word.strip())
    return f"{name} (altloc {altloc})" if altloc else name


def _repair_adps(model, file_name: str) -> list[str]:
    """Raise what is not positive in the hierarchy's U and B; say which atoms.

    Done before the X-ray structure is made from the hierarchy.
    """
    notes = []
    atoms = model.get_atoms()
    u = sym_mat3_to_numpy(atoms.extract_uij())
    anisotropic = ~np.all(u == -1, axis=1)
    _refuse(~np.isfinite(u).all(axis=1), atoms, file_name, "no finite ANISOU")
    repaired, bad = floor_eigenvalues(u[anisotropic])
    if bad.any():
        u[anisotropic] = repaired
        atoms.set_uij(numpy_to_sym_mat3(u))
        indices = np.flatnonzero(anisotropic)[bad]
        notes.append(
            f"{len(indices)} ANISOU not positive definite, eigenvalues raised to "
            f"{SMALLEST_U} A**2: {name_atoms(atoms, indices)}"
        )
    b = to_numpy(atoms.extract_b()).copy()
    bad = ~anisotropic & (b <= 0)
    if bad.any():
        b[bad] = SMALLEST_U * B_PER_U
        atoms.set_b(to_double(b))
        notes.append(
            f"{int(bad.sum())} B of zero or less raised to "
            f"{SMALLEST_U * B_PER_U:.2f} A**2: "
            f"{name_atoms(atoms, np.flatnonzero(bad))}"
        )
    return notes


def floor_eigenvalues(
    u: np.ndarray, floor: float = SMALLEST_U
) -> tuple[np.ndarray, np.ndarray]:
    """Tensors with no eigenvalue of zero or less.

    :param u: (N, 6) Cartesian U, Å².
    :param floor: Å²; takes the place of eigenvalues that are not positive.
    :returns: (N, 6) repaired copy, and (N,) which tensors were changed. A tensor
        that is positive definite comes back bit for bit.
    """
    full = np.empty((len(u), 3, 3))
    full[:, _ROWS, _COLUMNS] = u
    full[:, _COLUMNS, _ROWS] = u
    values, vectors = np.linalg.eigh(full)
    bad = values[:, 0] < LEAST_POSITIVE_U
    values = np.where(values < LEAST_POSITIVE_U, floor, values)
    rebuilt = np.einsum("nik,nk,njk->nij", vectors, values, vectors)
    result = u.copy()
    result[bad] = rebuilt[bad][:, _ROWS, _COLUMNS]
    return result, bad


def _set_scattering(model, scattering_table: str, file_name: str) -> None:
    """Build the X-ray structure and its scattering factors."""
    try:
        model.get_xray_structure()
        model.setup_scattering_dictionaries(scattering_table=scattering_table)
    except (Sorry, RuntimeError, ValueError) as error:
        atom = _atom_of_error(model, str(error))
        raise InputError(
            f"No {scattering_table} scattering factors for {atom} of {file_name}: "
            "give its element (PDB columns 77-78, _atom_site.type_symbol) and charge"
        ) from error


def _atom_of_error(model, message: str) -> str:
    """The atom that cctbx complains of: quoted, or known by its element."""
    quoted = re.search(r'"(?:ATOM  |HETATM).{6}(.{15})', message)
    if quoted:
        return "atom " + " ".join(quoted.group(1).split())
    label = re.search(r'label:?\s*"?(\w[\w+-]*)', message)
    if label:
        elements = [e.strip().upper() for e in model.get_atoms().extract_element()]
        if label.group(1).upper() in elements:
            first = elements.index(label.group(1).upper())
            return "atom " + name_atoms(model.get_atoms(), [first])
    return f"an atom ({' '.join(message.split())})"


def check_symmetry(
    model_symmetry, data_symmetry, *, ignore_mismatch: bool = False
) -> list[str]:
    """Compare unit cells and space groups of model and data.

    :param ignore_mismatch: ``data.ignore_symmetry_mismatch``: a note, no error;
        then :func:`adopt_symmetry` gives the model the data's symmetry.
    :returns: notes; empty where both agree.
    :raises InputError: they differ.
    """
    cell, other_cell = model_symmetry.unit_cell(), data_symmetry.unit_cell()
    group, other_group = model_symmetry.space_group(), data_symmetry.space_group()
    problems = []
    if not cell.is_similar_to(other_cell, CELL_LENGTH_TOLERANCE, CELL_ANGLE_TOLERANCE):
        problems.append("unit cells differ")
    if group != other_group:
        problems.append(_space_group_difference(group, other_group))
    if not problems:
        return []
    sentence = (
        f"Model and data disagree: {' and '.join(problems)}; model "
        f"{_described(model_symmetry)}, data {_described(data_symmetry)}"
    )
    if ignore_mismatch:
        return [f"{sentence}; the data's symmetry is used, as asked"]
    raise InputError(
        f"{sentence}. Give files of one crystal and setting, or use the data's with "
        "data.ignore_symmetry_mismatch=True"
    )


def _space_group_difference(group, other) -> str:
    if group.type().number() == other.type().number():
        return "they use different settings of one space group"
    if group.change_basis(group.type().change_of_hand_op()) == other:
        return "their space groups are enantiomorphs"
    if group.build_derived_point_group() == other.build_derived_point_group():
        return "their space groups differ within one point group"
    return "their space groups have different point groups"


def _described(symmetry) -> str:
    cell = ", ".join(f"{value:.2f}" for value in symmetry.unit_cell().parameters())
    return f"({cell}) {symmetry.space_group_info()}"


def adopt_symmetry(model: mmtbx.model.manager, symmetry) -> None:
    """Give the model another cell and space group; Cartesian sites and ADPs stay."""
    table = model.get_xray_structure().scattering_type_registry_params.table
    model.set_crystal_symmetry(symmetry, unit_cell_crystal_symmetry=symmetry)
    model.setup_scattering_dictionaries(scattering_table=table)


def header_tls(file_name: str, model: mmtbx.model.manager) -> list[HeaderTls]:
    """TLS groups of a model file's header (REMARK 3 or _pdbx_refine_tls).

    Groups without numbers, or of a header that cctbx cannot read, are not there.
    """
    model_input = _parsed(file_name)
    try:
        extracted = model_input.extract_tls_params(model.get_hierarchy())
    except (Sorry, AssertionError, ValueError, TypeError, RuntimeError):
        # Free text in a header: '?' for a number, or unknown selection syntax.
        return []
    return [
        HeaderTls(group.t, group.l, group.s, group.origin, selection)
        for group in extracted.tls_params
        if (selection := _as_selection(group.selection_string)) is not None
        and len(group.t) == 6
    ]


#: One range of BUSTER's header, ``A|28 - A|228``, or ``A|*``.
_BUSTER_RANGE = re.compile(r"(\w+)\|(\*|-?\w+)(?:\s*-\s*(\w+)\|(-?\w+))?")


def _as_selection(text: str | None) -> str | None:
    """cctbx's selection syntax; BUSTER's ``{ A|28 - A|228 }`` is translated."""
    if text is None or "|" not in text:
        return text
    parts = []
    for chain, first, end_chain, last in _BUSTER_RANGE.findall(text):
        if end_chain not in ("", chain):
            return None
        where = "" if first == "*" else f" and resseq {first}:{last or first}"
        parts.append(f"(chain {chain}{where})")
    return " or ".join(parts) or None
