"""The normal modes and Ω of a run that is over, from the files that it left.

The restart file holds Ω, coordinates and both parts of U. The modes are computed
again, from the run's own parameters and the names of its model's atoms; that they
are the same ones shows in U_group, which the file holds too.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import iotbx.phil
import mmtbx.model
import numpy as np
from libtbx.utils import Sorry

from hnmref.errors import InputError
from hnmref.modes.ensemble import MovingGroup
from hnmref.params import OUTPUT, REFINE
from hnmref.refine import arrays
from hnmref.refine.atoms import AtomGroups, group_atoms
from hnmref.refine.model import read_model
from hnmref.refine.normal_modes import NormalModes
from hnmref.refine.restart import atom_names, group_state, read_restart

#: What U_group from the modes computed again may differ by (its largest component's
#: share): no more than rounding, and mixing of equal eigenvalues.
_U_TOLERANCE = 1e-3

_RESTART_ENDING = ".hnm.npz"


@dataclass
class FinishedRun:
    """What a run of normal modes ended with.

    :ivar model: its atoms, at the coordinates of the restart file.
    :ivar groups: which atoms move together.
    :ivar modes: modes and Ω of both stages.
    :ivar u_local: (N,) Å².
    """

    model: mmtbx.model.manager
    groups: AtomGroups
    modes: NormalModes
    u_local: np.ndarray

    def moving_groups(self, stage: str) -> list[MovingGroup]:
        """The groups of stage ``one`` (the whole complex) or ``two`` (its parts)."""
        modes = self.modes
        grouped, omegas = {
            "one": (modes.whole, modes.omega_whole),
            "two": (modes.parts, modes.omega_parts),
        }[stage]
        return [
            MovingGroup(basis.atoms, basis.vectors, omega)
            for basis, omega in zip(grouped.bases, omegas)
        ]

    def u_group(self, stage: str) -> np.ndarray:
        """(N, 6) U_group of that stage, Å²."""
        if stage == "one":
            return self.modes.u_whole()
        return self.modes.parts.u(self.modes.omega_parts)


def run_stem(restart_file: str | Path) -> Path:
    """``run_001`` of ``run_001.hnm.npz``: what the run's files begin with."""
    path = Path(restart_file)
    return path.with_name(path.name.removesuffix(_RESTART_ENDING).removesuffix(".npz"))


def model_beside(restart_file: str | Path) -> Path:
    """The refined model that the run wrote.

    :raises InputError: it is not there.
    """
    stem = run_stem(restart_file)
    candidates = [stem.with_name(f"{stem.name}.{end}") for end in ("pdb", "cif")]
    for path in candidates:
        if path.is_file():
            return path
    raise InputError(
        f"{restart_file} has no model beside it ({' or '.join(map(str, candidates))}): "
        "give the run's model as model_file"
    )


def run_parameters(parameters_file: str | Path):
    """The parameters of a run, extracted, from the .eff file that it wrote.

    :raises InputError: it is not there, or not a file of hnmref.refine's parameters.
    """
    path = Path(parameters_file)
    if not path.is_file():
        raise InputError(
            f"there is no {path} with the run's parameters: give the .eff file that "
            "the run wrote as parameters_file"
        )
    try:
        source = iotbx.phil.parse(path.read_text(encoding="utf-8"))
        return iotbx.phil.parse(REFINE + OUTPUT).fetch(source=source).extract()
    except (Sorry, RuntimeError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} cannot be read as parameters of hnmref.refine "
            f"({' '.join(str(error).split())}): give the .eff file that the run wrote"
        ) from error


def read_run(
    restart_file: str | Path, model_file: str | Path, parameters_file: str | Path
) -> FinishedRun:
    """The run, its modes computed again.

    :param model_file: of the same atoms: what the run wrote, or what it was given.
    :raises InputError: a file is missing or of something else, the run had no normal
        modes, or the modes are not those that were refined.
    """
    content, about = read_restart(restart_file, str(restart_file))
    if about["group_adp"] != "hnm":
        raise InputError(
            f"{restart_file} is of a run with group_adp={about['group_adp']}, which "
            "has no normal modes: give one of group_adp=hnm"
        )
    params = run_parameters(parameters_file)
    model, _ = read_model(
        str(model_file), scattering_table=params.main.scattering_table
    )
    if atom_names(model) != about["atoms"]:
        raise InputError(
            f"{model_file} has other atoms than the run of {restart_file}: give the "
            "model that this run wrote as model_file"
        )
    # Substructures are found before the atoms are put where the run left them.
    selections = [text for text in params.hnm.substructure if text is not None]
    groups = group_atoms(model, selections)
    structure = model.get_xray_structure()
    structure.set_sites_frac(arrays.numpy_to_vec3(content["sites_frac"]))
    model.set_xray_structure(structure)
    # Modes need nothing else of a run's inputs.
    modes = NormalModes(SimpleNamespace(model=model, groups=groups), params)
    modes.begin(structure)
    modes.restore(group_state(content))
    run = FinishedRun(model, groups, modes, content["u_local"])
    missed = np.abs(run.u_group("two") - content["u_group"]).max()
    if missed > _U_TOLERANCE * np.abs(content["u_group"]).max():
        raise InputError(
            f"the modes of {model_file} with {parameters_file} do not give the U_group "
            f"of {restart_file}: give the .eff file of that run as parameters_file, "
            "and as model_file the model that it was given"
        )
    return run
