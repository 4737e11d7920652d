"""A simulation's files: what a refinement needs, and what it should find."""

from __future__ import annotations

import os
from pathlib import Path

import iotbx.pdb.hierarchy
import numpy as np

from hnmref.files import write_text, written_whole
from hnmref.refine.arrays import numpy_to_sym_mat3, to_double
from hnmref.refine.simulate.simulation import Simulation


def write_simulated(
    simulation: Simulation, directory: str | os.PathLike[str], b_start: float = 30.0
) -> dict[str, Path]:
    """Write what a refinement needs, and what it should find.

    model.pdb : coordinates with the same isotropic B for all, no ANISOU.
    truth.pdb : the true total U.
    data.mtz : FOBS, SIGFOBS and R-free-flags (1: free).
    truth.npz : u_group (N, 6), u_local (N,) in Å², and labels (N,).

    :param directory: made where it does not exist; files there are replaced.
    :return: the paths by the names model, truth, data and arrays.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    paths = {
        "model": directory / "model.pdb",
        "truth": directory / "truth.pdb",
        "data": directory / "data.mtz",
        "arrays": directory / "truth.npz",
    }
    _write_pdb(_flat_start(simulation, b_start), simulation, paths["model"])
    _write_pdb(simulation.hierarchy, simulation, paths["truth"])
    with written_whole(paths["data"]) as partial:
        _write_mtz(simulation, partial)
    with written_whole(paths["arrays"]) as partial:
        np.savez(
            partial,
            u_group=simulation.u_group,
            u_local=simulation.u_local,
            labels=simulation.labels,
        )
    return paths


def _flat_start(simulation: Simulation, b: float) -> iotbx.pdb.hierarchy.root:
    """The model with one isotropic B for all, and no anisotropic U."""
    start = simulation.hierarchy.deep_copy()
    n_atoms = start.atoms_size()
    start.atoms().set_b(to_double(np.full(n_atoms, b)))
    # Components of -1 are how the hierarchy marks an atom without ANISOU.
    start.atoms().set_uij(numpy_to_sym_mat3(np.full((n_atoms, 6), -1.0)))
    return start


def _write_pdb(
    hierarchy: iotbx.pdb.hierarchy.root, simulation: Simulation, path: Path
) -> None:
    symmetry = simulation.crystal_symmetry
    write_text(path, hierarchy.as_pdb_string(crystal_symmetry=symmetry))


def _write_mtz(simulation: Simulation, path: Path) -> None:
    dataset = simulation.f_obs.as_mtz_dataset(column_root_label="FOBS")
    flags = simulation.r_free_flags
    flags = flags.array(data=flags.data().as_int())
    dataset.add_miller_array(flags, column_root_label="R-free-flags")
    dataset.mtz_object().write(str(path))
