"""The restart file of the plugin: U_group, which a model file cannot hold.

A model file has total U. Ω is not kept: nearly equal modes may come out mixed
when they are computed again, and U says all that Ω does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from hnmref.errors import InputError
from hnmref.files import written_whole
from hnmref.refine.displacements import total_u_cart
from phenix_plugin.collective import Collective

FILE_FORMAT = "hnmref-phenix-1"
#: The ending that is put in the place of the model's.
SUFFIX = ".hnm.npz"
#: Anisotropy of U that is not the file's U_group: rounding, at the most (Å²).
_SAME_ANISOTROPY = 0.01


def restart_path(all_params) -> Path | None:
    """Where the file goes: beside phenix.refine's outputs; None without those.

    :param all_params: phenix.refine's parameters; other callers may lack
        ``output``.
    """
    output = getattr(all_params, "output", None)
    prefix = getattr(output, "prefix", None)
    if prefix is None:
        return None
    serial = getattr(output, "serial", None) or 1
    serial_format = getattr(output, "serial_format", None) or "%03d"
    return Path(f"{prefix}_{serial_format % serial}{SUFFIX}")


def write_restart(path: Path, collective: Collective) -> None:
    """Write U of both stages, whole or not at all."""
    modes = collective.modes
    about = {
        "format": FILE_FORMAT,
        "atoms": collective.labels,
        "groups": _selections(collective),
    }
    with written_whole(path) as partial, open(partial, "wb") as stream:
        np.savez(
            stream,
            about=json.dumps(about),
            u_whole=modes.u_whole(),
            u_group=modes.displacements.u_group,
        )


def restart_files(model, hnm, all_params) -> list[Path]:
    """The file that is named, or those that lie beside the model's own files."""
    if hnm.restart_file is not None:
        return [Path(hnm.restart_file)]
    names = []
    pdb = getattr(getattr(all_params, "input", None), "pdb", None)
    names += getattr(pdb, "file_name", None) or []
    source = getattr(model.get_model_input(), "source_info", None)
    if source is not None and source().startswith("file "):
        names.append(source()[len("file ") :])
    paths = [Path(name).with_suffix(SUFFIX) for name in names if name]
    return [path for path in dict.fromkeys(paths) if path.is_file()]


def begin_or_restart(
    collective: Collective, structure, files: list[Path], *, must_fit: bool
) -> Iterator[str]:
    """Begin; go on from the first of the files that is of this model.

    :yields: what was done, for the log.
    :raises InputError: a file cannot be used and ``must_fit``.
    """
    total = total_u_cart(structure)
    collective.begin(structure)
    for path in files:
        content, obstacle = _read(path, collective, total)
        if not obstacle:
            collective.modes.take_up(
                structure, total, content["u_whole"], content["u_group"]
            )
            yield f"going on from {path}"
            return
        if must_fit:
            raise InputError(f"tls.hnm.restart_file={path} {obstacle}")
        yield f"{path} is passed over: it {obstacle}"


def _read(path: Path, collective: Collective, total: np.ndarray) -> tuple[dict, str]:
    """The arrays of a file, and what speaks against it, or nothing."""
    try:
        with np.load(path, allow_pickle=False) as file:
            content = dict(file)
        about = json.loads(str(content["about"]))
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        return {}, f"cannot be read as a restart file: {error}"
    if about.get("format") != FILE_FORMAT:
        return {}, "is not a restart file of this version of phenix_plugin"
    if about["atoms"] != collective.labels:
        return {}, "is of a model with other atoms"
    if about["groups"] != _selections(collective):
        return {}, f"is of other substructures ({'; '.join(about['groups'])})"
    atoms = collective.assigned
    rest = (total - content["u_group"])[atoms]
    rest[:, :3] -= rest[:, :3].mean(axis=1, keepdims=True)
    if np.median(np.abs(rest).max(axis=1)) > _SAME_ANISOTROPY:
        return {}, "is of other displacements than the model's"
    return content, ""


def _selections(collective: Collective) -> list[str]:
    return [s.selection for s in collective.atom_groups.substructures]
