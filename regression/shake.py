"""A start with shaken coordinates, made once an entry (thesis 4.1).

    python -m regression.shake MODEL SHAKEN N_STEPS SEED

mmtbx's molecular dynamics with geometry restraints alone, 300 K, velocities rescaled
in every step. Needs a monomer library (docs/reference_data.md).
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import hnmref  # noqa: F401  (cctbx's extensions load first)

from mmtbx.dynamics import cartesian_dynamics

from benchmarks.entries import Entry
from benchmarks.processes import start
from hnmref.errors import HnmrefError
from hnmref.refine.arrays import to_numpy
from hnmref.refine.displacements import total_u_cart
from hnmref.refine.geometry import process_restraints
from hnmref.refine.model import read_model
from hnmref.refine.outputs import write_models

#: Kelvin, and picoseconds: mmtbx's defaults.
TEMPERATURE = 300
TIME_STEP = 0.0005


def shaken(entry: Entry, directory: Path, n_steps: int, seed: int) -> Entry:
    """The entry with its coordinates shaken; the model file is made if it is not there.

    :raises SystemExit: the coordinates cannot be shaken, for the reason that is told.
    """
    path = directory / f"{entry.id}-{n_steps}-{seed}.cif"
    if not path.is_file():
        directory.mkdir(parents=True, exist_ok=True)
        output = path.with_suffix(".txt")
        model = str(entry.model.resolve())
        command = [sys.executable, "-m", "regression.shake", model]
        command += [str(path.resolve()), str(n_steps), str(seed)]
        process: subprocess.Popen = start(command, output, directory)
        if process.wait():
            words = output.read_text(encoding="utf-8", errors="replace").strip()
            raise SystemExit(f"{entry.id} cannot be shaken: {words.splitlines()[-1]}")
    return replace(entry, model=path)


def shake_file(model_file: str, path: Path, n_steps: int, seed: int) -> None:
    """Write a model whose coordinates were shaken, whole or not at all.

    :raises HnmrefError: there is no monomer library, or it lacks a component.
    """
    model, _ = read_model(model_file)
    process_restraints(model)
    structure = model.get_xray_structure()
    cartesian_dynamics.run(
        xray_structure=structure,
        gradients_calculator=(
            cartesian_dynamics.gradients_calculator_geometry_restraints(
                restraints_manager=model.restraints_manager
            )
        ),
        temperature=TEMPERATURE,
        n_steps=n_steps,
        time_step=TIME_STEP,
        stop_cm_motion=True,
        random_seed=seed,
    )
    write_models(
        model,
        total_u_cart(structure),
        to_numpy(structure.use_u_aniso()),
        path.with_suffix(""),
        formats=("cif",),
    )


def main(args: Sequence[str]) -> None:
    """The command."""
    model_file, path, n_steps, seed = args
    try:
        shake_file(model_file, Path(path), int(n_steps), int(seed))
    except HnmrefError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main(sys.argv[1:])
