"""The restart file: everything that the next macro-cycle depends on.

A .npz beside the other outputs, written after every macro-cycle. It also holds
the split of U into its two parts, which a model file cannot. What the structure
holds is kept as cctbx has it (fractional, u_star): a change of axes and back would
cost the last bit.
"""

from __future__ import annotations

import json
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from scipy.spatial import cKDTree

from hnmref.adp.metrics import add_isotropic
from hnmref.errors import InputError
from hnmref.files import written_whole
from hnmref.refine import arrays
from hnmref.refine.group_adp import group_adp_name
from hnmref.refine.macro_cycle import Refinement
from hnmref.refine.record import StepRecord
from hnmref.refine.scaling import refresh

#: Written into every file; others are refused.
FILE_FORMAT = "hnmref-restart-1"

#: Before the names of the arrays that the model of U_group asks to keep.
_STATE = "group_"


def write_restart(
    refinement: Refinement, path: str | Path, u_group_errors: np.ndarray | None = None
) -> None:
    """Write the state after the last finished macro-cycle.

    :param u_group_errors: (N, 6) standard errors of U_group, Å², for who reads the
        file; a restart does not need them.
    """
    structure = refinement.model.get_xray_structure()
    scatterers = structure.scatterers()
    displacements = refinement.group_adp.displacements
    about = {
        "format": FILE_FORMAT,
        "group_adp": group_adp_name(refinement.params),
        "n_cycles_done": refinement.n_cycles_done,
        "start": refinement.start,
        "records": [record.as_dict() for record in refinement.records],
        "atoms": atom_names(refinement.model),
        "groups": _selections(refinement),
    }
    state = {_STATE + key: v for key, v in refinement.group_adp.state().items()}
    if u_group_errors is not None:
        state["u_group_errors"] = u_group_errors
    with written_whole(path) as partial, open(partial, "wb") as stream:
        np.savez(
            stream,
            about=json.dumps(about),
            sites_cart=arrays.vec3_to_numpy(structure.sites_cart()),
            sites_frac=arrays.vec3_to_numpy(structure.sites_frac()),
            u_star=arrays.sym_mat3_to_numpy(scatterers.extract_u_star()),
            u_iso=arrays.to_numpy(scatterers.extract_u_iso()),
            u_group=displacements.u_group,
            u_local=displacements.u_local,
            **state,
        )


def resume(refinement: Refinement, path: str | Path) -> None:
    """Put a fresh refinement into the state of a restart file.

    :raises InputError: the file is of another model or another kind of run.
    """
    content, about = read_restart(path, f"main.restart_file={path}")
    _check(refinement, about, path)
    if refinement.params.main.restart_sites == "model":
        refinement.notes += _take_over(refinement, content, about, path)
    else:
        _repeat(refinement, content, about, path)
    refresh(refinement.fmodel, mask=True)
    refinement.records = [StepRecord(**record) for record in about["records"]]
    refinement.start = about["start"]
    refinement.n_cycles_done = about["n_cycles_done"]


def _repeat(refinement: Refinement, content: dict, about: dict, path) -> None:
    """Atoms, coordinates and all parts of U as they are in the file."""
    if about["atoms"] != atom_names(refinement.model):
        raise InputError(
            f"main.restart_file={path} is of a model with other atoms: give the "
            "model that the first run was given, or main.restart_sites=model to go on "
            "with an edited one"
        )
    structure = refinement.model.get_xray_structure()
    structure.set_sites_frac(arrays.numpy_to_vec3(content["sites_frac"]))
    refinement.model.set_xray_structure(structure)
    refinement.group_adp.follow(structure)
    refinement.group_adp.restore(group_state(content))
    displacements = refinement.group_adp.displacements
    displacements.u_group = content["u_group"]
    displacements.u_local = content["u_local"]
    structure.set_u_iso(values=arrays.to_double(content["u_iso"]))
    structure.scatterers().set_u_star(arrays.numpy_to_sym_mat3(content["u_star"]))


def _take_over(
    refinement: Refinement, content: dict, about: dict, path
) -> list[str]:
    """Atoms and coordinates of the model, U of the file; sentences on the others.

    An atom of the model is that of the same name in the file; others take the U of
    the nearest atom that is.
    """
    structure = refinement.model.get_xray_structure()
    names = atom_names(refinement.model)
    sites = arrays.vec3_to_numpy(structure.sites_cart())
    at = {name: index for index, name in enumerate(about["atoms"])}
    known = np.array([name in at for name in names])
    if not known.any():
        raise InputError(
            f"main.restart_file={path} has no atom of the model: give the model that "
            "the run wrote, or one made from it"
        )
    nearest = np.flatnonzero(known)[cKDTree(sites[known]).query(sites)[1]]
    # A known atom is its own nearest, but for another on the very same spot.
    nearest[known] = np.flatnonzero(known)
    source = np.array([at[names[index]] for index in nearest])
    u_group = content["u_group"]
    u_whole = group_state(content).get("u_whole", u_group)
    total = add_isotropic(u_group, content["u_local"])
    refinement.group_adp.take_up(
        structure, total[source], u_whole[source], u_group[source]
    )
    n_gone = len(at) - np.count_nonzero(known)
    return [
        f"{np.count_nonzero(known)} atoms go on with their U from {path}; "
        f"{np.count_nonzero(~known)} new ones with that of the nearest; {n_gone} of "
        "the file are not in the model"
    ]


def read_restart(path: str | Path, name: str) -> tuple[dict[str, np.ndarray], dict]:
    """The arrays of a restart file, and what it says of itself.

    :param name: what a message calls the file.
    :raises InputError: it is not of this program, or of another version of it.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            content = dict(file)
        about = json.loads(str(content.pop("about")))
    except (
        OSError, ValueError, KeyError, EOFError, BadZipFile, TypeError, AttributeError
    ) as error:  # the last two: an array alone, without names
        raise InputError(
            f"{name} is not a restart file of hnmref.refine: {error}"
        ) from error
    if about.get("format") != FILE_FORMAT:
        raise InputError(
            f"{name} was written by another version of hnmref.refine: start from the "
            "model instead"
        )
    return content, about


def group_state(content: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Those arrays that the model of U_group asked to keep, by its own names."""
    return {
        key.removeprefix(_STATE): array
        for key, array in content.items()
        if key.startswith(_STATE)
    }


def atom_names(model) -> list[str]:
    """Every atom's chain, residue and name, to know the model by."""
    return [atom.id_str() for atom in model.get_hierarchy().atoms()]


def _selections(refinement: Refinement) -> list[str]:
    """The groups as atom selections."""
    return [group["selection"] for group in refinement.group_adp.groups()]


def _check(refinement: Refinement, about: dict, path) -> None:
    """The file is of this kind of U_group and groups, in this order."""
    name = group_adp_name(refinement.params)
    if about["group_adp"] != name:
        raise InputError(
            f"main.restart_file={path} is of a run with group_adp="
            f"{about['group_adp']}, not {name}: give the same parameters"
        )
    if about["groups"] != _selections(refinement):
        raise InputError(
            f"main.restart_file={path} is of a run with other groups of atoms "
            f"({'; '.join(about['groups'])}): give the same parameters"
        )
