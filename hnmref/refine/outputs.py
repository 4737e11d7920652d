"""The files of a run that hold a model or map coefficients.

Atoms are written with their total U and the B equivalent to it. Total U cannot
be split again on reading, and TLS records beside it would be counted twice by
some programs, so none are written: a remark says what the numbers are.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

import iotbx.cif.model
import iotbx.mtz
import numpy as np
from iotbx.pdb import format_cryst1_and_scale_records

from hnmref.adp.metrics import B_PER_U
from hnmref.errors import InputError
from hnmref.files import write_text, written_whole
from hnmref.refine.arrays import numpy_to_sym_mat3, to_double
from hnmref.refine.cif_numbering import (
    atom_types,
    label_numbers,
    with_both_numberings,
)

#: cctbx's mark for an atom without anisotropic U.
NO_ANISO = -1.0

#: What the fixed columns of the PDB format can hold.
PDB_MAX_ATOMS = 99_999
PDB_MAX_B = 9999.94
PDB_U_RANGE = (-99.9999, 999.9999)

#: Endings of a run's files that are always there, in the order they are listed.
RUN_SUFFIXES = ("mtz", "log", "eff", "json", "html", "hnm.npz")

_ADP_REMARKS = {
    "hnm": "HIERARCHICAL NORMAL-MODE REFINEMENT: U = U_GROUP (COLLECTIVE MOTION IN "
    "A BASIS OF NORMAL MODES) + U_LOCAL (INDIVIDUAL, ISOTROPIC).",
    "tls": "TLS REFINEMENT: U = U_TLS + U_LOCAL (INDIVIDUAL, ISOTROPIC).",
    "none": "INDIVIDUAL ISOTROPIC B REFINEMENT.",
}
_TOTAL_U_REMARK = (
    "ANISOU RECORDS HOLD THE TOTAL U, AND THE B COLUMN THE B EQUIVALENT TO IT; "
    "NOTHING HAS TO BE ADDED. THE OVERALL ANISOTROPY OF THE CRYSTAL IS NOT IN IT."
)


@dataclass
class WrittenModels:
    """Paths by format, and notes for whoever reads the log."""

    paths: dict[str, Path] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def output_paths(
    prefix: str,
    *,
    model_formats: tuple[str, ...] = ("pdb", "cif"),
    levels: tuple[str, ...] = (),
    serial: int = 1,
    overwrite: bool = False,
) -> dict[str, Path]:
    """Every file of a run, by its ending: ``prefix_001.pdb`` and so on.

    :param levels: parts of U that get models of their own, ``prefix_001_local.pdb``.

    :raises InputError: the directory is missing, or files exist and
        ``overwrite`` is false.
    """
    stem = Path(f"{prefix}_{serial:03d}")
    if not stem.parent.is_dir():
        raise InputError(
            f"The directory {stem.parent} of output.prefix={prefix} does not "
            "exist: create it or choose another prefix."
        )
    suffixes = (*model_formats, *RUN_SUFFIXES)
    paths = {suffix: stem.with_name(f"{stem.name}.{suffix}") for suffix in suffixes}
    for level in levels:
        for suffix in model_formats:
            name = f"{level}.{suffix}"
            paths[name] = stem.with_name(f"{stem.name}_{name}")
    refuse_existing(paths, overwrite)
    return paths


def refuse_existing(paths: dict[str, Path], overwrite: bool) -> None:
    """See that no file would be replaced unasked.

    :raises InputError: files exist and ``overwrite`` is false.
    """
    existing = [str(path) for path in paths.values() if path.exists()]
    if existing and not overwrite:
        raise InputError(
            f"Output exists already: {', '.join(existing)}; choose another "
            "output.prefix, or set output.overwrite=True to replace it."
        )


def adp_remarks(group_adp: str) -> list[str]:
    """Sentences that say what the ADPs of a written model are.

    :param group_adp: "hnm", "tls" or "none".
    """
    remarks = [_ADP_REMARKS[group_adp]]
    return remarks if group_adp == "none" else [*remarks, _TOTAL_U_REMARK]


def write_models(
    model,
    u_total_cart: np.ndarray,
    anisotropic: np.ndarray,
    path_stem: str | Path,
    formats: tuple[str, ...] = ("pdb", "cif"),
    remarks: list[str] | None = None,
    fit=None,
) -> WrittenModels:
    """Write a model with its total U; the model itself is not changed.

    :param model: mmtbx.model.manager; its coordinates and occupancies are
        taken from its xray structure.
    :param u_total_cart: (N, 6) total U, Å², Cartesian.
    :param anisotropic: (N,) true where an ANISOU record is wanted.
    :param path_stem: the files are this, a dot, and the format.
    :param formats: of "pdb" and "cif". A model that the PDB format cannot hold
        is written as cif instead, which a note says.
    :param remarks: what the ADPs are (see :func:`adp_remarks`).
    :param fit: as :func:`hnmref.refine.fit_quality.fit_information` has it, or None.
    :raises InputError: the arrays do not match the model, or U is not finite.
    """
    _check_adps(model, u_total_cart, anisotropic)
    hierarchy = _hierarchy_with_adps(model, u_total_cart, anisotropic)
    written = WrittenModels()
    formats = tuple(formats)
    obstacle = pdb_obstacle(hierarchy, u_total_cart[anisotropic])
    if "pdb" in formats and obstacle:
        written.notes.append(
            f"No PDB file: {obstacle}, more than the format holds; "
            "the model is in the mmCIF file."
        )
        formats = ("cif",)
    writers = {"pdb": _pdb_text, "cif": _cif_text}
    for name in formats:
        text = writers[name](model, hierarchy, list(remarks or ()), fit)
        written.paths[name] = write_text(f"{path_stem}.{name}", text)
    return written


def write_maps(fmodel, path: str | Path, f_obs=None, r_free_flags=None) -> Path:
    """Write data, free flags, F-model and map coefficients, labelled for Coot.

    Columns, as phenix.refine names them: R-free-flags (1: free), F-obs-filtered
    (what was refined against), F-model, 2FOFCWT (missing amplitudes filled with
    the model's), 2FOFCWT_no_fill, FOFCWT, and ANOM for anomalous data. For a
    twinned crystal the amplitudes are detwinned and not filled.

    :param fmodel: mmtbx.f_model.manager, or its twin.
    :param f_obs: all amplitudes before outliers were taken out; adds F-obs.
    :param r_free_flags: free flags of ``f_obs``; default: those of ``fmodel``.
    """
    flags = fmodel.r_free_flags() if r_free_flags is None else r_free_flags
    as_integers = flags.customized_copy(data=flags.data().as_int(), sigmas=None)
    columns = {"F-obs": f_obs} if f_obs is not None else {}
    columns["R-free-flags"] = as_integers
    columns["F-obs-filtered"] = fmodel.f_obs()
    columns["F-model"] = fmodel.f_model().common_set(fmodel.f_obs())
    dataset = None
    for label, array in columns.items():
        dataset = _add_column(dataset, array, label)
    phased = iotbx.mtz.label_decorator(phases_prefix="PH")
    for label, array in _map_coefficients(fmodel).items():
        dataset = _add_column(dataset, array, label, label_decorator=phased)
    with written_whole(path) as partial:
        dataset.mtz_object().write(file_name=str(partial))
    return Path(path)


def _add_column(dataset, array, label: str, **options):
    """The MTZ dataset with one more array; the first one makes the dataset."""
    if dataset is None:
        return array.as_mtz_dataset(column_root_label=label, **options)
    return dataset.add_miller_array(array, column_root_label=label, **options)


def _map_coefficients(fmodel) -> dict:
    """Map coefficients by column label, Friedel mates merged."""
    density = fmodel.electron_density_map()

    def coefficients(map_type: str, fill: bool = False):
        array = density.map_coefficients(
            map_type=map_type, fill_missing=fill, isotropize=True
        )
        return array.average_bijvoet_mates() if array.anomalous_flag() else array

    columns = {
        "2FOFCWT": coefficients("2mFo-DFc", fill=True),
        "2FOFCWT_no_fill": coefficients("2mFo-DFc"),
        "FOFCWT": coefficients("mFo-DFc"),
    }
    if fmodel.f_obs().anomalous_flag() and not fmodel.is_twin_fmodel_manager():
        columns["ANOM"] = coefficients("anom")
    return columns


def _check_adps(model, u_total_cart: np.ndarray, anisotropic: np.ndarray) -> None:
    n_atoms = model.get_number_of_atoms()
    if u_total_cart.shape != (n_atoms, 6) or anisotropic.shape != (n_atoms,):
        raise InputError(
            f"The model has {n_atoms} atoms, its ADPs have shape "
            f"{u_total_cart.shape} and their mask {anisotropic.shape}: "
            f"({n_atoms}, 6) and ({n_atoms},) are needed."
        )
    bad = np.flatnonzero(~np.isfinite(u_total_cart).all(axis=1))
    if bad.size:
        atom = model.get_hierarchy().atoms()[int(bad[0])]
        raise InputError(
            f"{bad.size} atoms have a U that is not a number, the first is "
            f"{atom.id_str()}: the model is not written."
        )


def _hierarchy_with_adps(model, u_total_cart: np.ndarray, anisotropic: np.ndarray):
    """A copy of the model's hierarchy, as it is to be written."""
    hierarchy = model.get_hierarchy().deep_copy()
    atoms = hierarchy.atoms()
    xray_structure = model.get_xray_structure()
    atoms.set_xyz(xray_structure.sites_cart())
    atoms.set_occ(xray_structure.scatterers().extract_occupancies())
    atoms.set_b(to_double(B_PER_U * u_total_cart[:, :3].mean(axis=1)))
    shown = np.where(anisotropic[:, None], u_total_cart, NO_ANISO)
    atoms.set_uij(numpy_to_sym_mat3(shown))
    atoms.reset_serial()
    return hierarchy


def pdb_obstacle(hierarchy, u_aniso: np.ndarray) -> str | None:
    """What the PDB format cannot hold of this model, or None.

    :param u_aniso: (n, 6) U of the ANISOU records that are to be written, Å².
    """
    atoms = hierarchy.atoms()
    if atoms.size() > PDB_MAX_ATOMS:
        return f"the model has {atoms.size()} atoms"
    for chain in hierarchy.chains():
        if len(chain.id.strip()) > 1:
            return f"chain {chain.id.strip()} has a name of more than one letter"
    for residue in hierarchy.atom_groups():
        if len(residue.resname.strip()) > 3:
            return f"residue name {residue.resname} has more than three letters"
    if not hierarchy.fits_in_pdb_format():
        return "a residue number or an atom name is too long"
    if max(atoms.extract_b(), default=0) > PDB_MAX_B:
        return f"the largest B is {max(atoms.extract_b()):.0f} A**2"
    low, high = PDB_U_RANGE
    if u_aniso.size and (u_aniso.min() < low or u_aniso.max() > high):
        return f"the largest U component is {np.abs(u_aniso).max():.0f} A**2"
    return None


def _secondary_structure(model):
    """The model's own HELIX and SHEET annotation, or None."""
    annotation = model.get_ss_annotation()
    return None if annotation is None or annotation.is_empty() else annotation


def _pdb_text(model, hierarchy, remarks: list[str], fit) -> str:
    lines = _remark_3_lines(remarks, fit)
    annotation = _secondary_structure(model)
    if annotation is not None:
        lines.append(annotation.as_pdb_str().rstrip("\n"))
    lines.append(format_cryst1_and_scale_records(model.crystal_symmetry()))
    lines.append(hierarchy.as_pdb_string(append_end=True))
    return "\n".join(lines)


def _remark_3_lines(remarks: list[str], fit) -> list[str]:
    """REMARK 3 lines: what the ADPs are, then the fit as mmtbx sets it."""
    wrapped = [line for text in remarks for line in textwrap.wrap(text, width=66)]
    lines = [f"REMARK   3  {line}" for line in wrapped]
    if fit is not None:
        out = StringIO()
        fit.show_remark_3(out=out)
        lines.append("REMARK   3")
        lines += [line.rstrip() for line in out.getvalue().splitlines()]
    return lines


def _cif_text(model, hierarchy, remarks: list[str], fit) -> str:
    block = model.crystal_symmetry().as_cif_block(format="mmcif")
    block.update(hierarchy.as_cif_block())
    atom_site = block.get_loop("_atom_site")
    block.add_loop(atom_types(atom_site))
    annotation = _secondary_structure(model)
    if annotation is not None:
        numbers = label_numbers(atom_site)
        for loop in annotation.as_cif_loops():
            block.add_loop(with_both_numberings(loop, numbers))
    if fit is not None:
        fit.as_cif_block(cif_block=block)
    if remarks:
        block["_refine.details"] = " ".join(remarks)
    document = iotbx.cif.model.cif()
    document["hnmref"] = block
    return str(document)
