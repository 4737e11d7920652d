"""The restart file: everything that the next macro-cycle depends on.

A .npz beside the other outputs, written after every macro-cycle. It also holds
the split of U into its two parts, which a model file cannot.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from hnmref.errors import InputError
from hnmref.files import written_whole
from hnmref.refine import arrays
from hnmref.refine.macro_cycle import Refinement
from hnmref.refine.record import StepRecord
from hnmref.refine.scaling import refresh

#: Written into every file; others are refused.
FILE_FORMAT = "hnmref-restart-1"


def write_restart(refinement: Refinement, path: str | Path) -> None:
    """Write the state after the last finished macro-cycle."""
    structure = refinement.model.get_xray_structure()
    displacements = refinement.group_adp.displacements
    about = {
        "format": FILE_FORMAT,
        "group_adp": refinement.params.group_adp or "none",
        "n_cycles_done": refinement.n_cycles_done,
        "start": refinement.start,
        "records": [record.as_dict() for record in refinement.records],
        "atoms": _labels(refinement.model),
    }
    state = {f"group_{k}": v for k, v in refinement.group_adp.state().items()}
    with written_whole(path) as partial, open(partial, "wb") as stream:
        np.savez(
            stream,
            about=json.dumps(about),
            sites_cart=arrays.vec3_to_numpy(structure.sites_cart()),
            u_group=displacements.u_group,
            u_local=displacements.u_local,
            **state,
        )


def resume(refinement: Refinement, path: str | Path) -> None:
    """Put a fresh refinement into the state of a restart file.

    :raises InputError: the file is of another model or another kind of run.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            content = dict(file)
        about = json.loads(str(content["about"]))
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"main.restart_file={path} is not a restart file of hnmref.refine: {error}"
        ) from error
    _check(refinement, about, path)
    structure = refinement.model.get_xray_structure()
    structure.set_sites_cart(arrays.numpy_to_vec3(content["sites_cart"]))
    refinement.model.set_xray_structure(structure)
    refinement.group_adp.follow(structure)
    refinement.group_adp.restore(
        {k[6:]: v for k, v in content.items() if k.startswith("group_")}
    )
    displacements = refinement.group_adp.displacements
    displacements.u_group = content["u_group"]
    displacements.u_local = content["u_local"]
    displacements.put_into(structure)
    refresh(refinement.fmodel, mask=True)
    refinement.records = [StepRecord(**record) for record in about["records"]]
    refinement.start = about["start"]
    refinement.n_cycles_done = about["n_cycles_done"]


def _labels(model) -> list[str]:
    return [atom.id_str() for atom in model.get_hierarchy().atoms()]


def _check(refinement: Refinement, about: dict, path) -> None:
    if about.get("format") != FILE_FORMAT:
        raise InputError(
            f"main.restart_file={path} was written by another version of "
            "hnmref.refine: start from the model instead"
        )
    if about["atoms"] != _labels(refinement.model):
        raise InputError(
            f"main.restart_file={path} is of a model with other atoms: give the "
            "model that the first run was given"
        )
    kind = refinement.params.group_adp or "none"
    if about["group_adp"] != kind:
        raise InputError(
            f"main.restart_file={path} is of a run with group_adp="
            f"{about['group_adp']}, not {kind}: give the same parameters"
        )
