"""Structures of the same atoms as the models of one PDB file."""

from __future__ import annotations

import os

import numpy as np

from hnmref.files import written_whole
from hnmref.refine.arrays import numpy_to_vec3, to_size_t


def bare_hierarchy(hierarchy, indices: np.ndarray):
    """A copy of some atoms alone: one model, isotropic, without conformers' names.

    indices : (N,) ascending numbers of atoms of the first model.
    """
    bare = hierarchy.select(to_size_t(indices), copy_atoms=True)
    for model in bare.models()[1:]:
        bare.remove_model(model)
    for atom_group in bare.atom_groups():
        atom_group.altloc = ""
    atoms = bare.atoms()
    for atom in atoms:
        atom.uij_erase()
    atoms.reset_serial()
    return bare


def write_trajectory(
    path: str | os.PathLike, hierarchy, frames: np.ndarray, rmsd: np.ndarray
) -> None:
    """Write a multi-model PDB file, whole or not at all; an older one is replaced.

    hierarchy : of the atoms; its coordinates become those of the last frame.
    frames : (n_frames, N, 3) array, Å.
    rmsd : (n_frames,) array, Å: told in a remark for each model.
    """
    atoms = hierarchy.atoms()
    with written_whole(path) as partial:
        with open(partial, "w", encoding="utf-8", newline="\n") as stream:
            for number, distance in enumerate(rmsd, start=1):
                stream.write(f"REMARK   3 MODEL {number:4d}: ")
                stream.write(f"{distance:.3f} A FROM THE TARGET\n")
            for number, frame in enumerate(frames, start=1):
                atoms.set_xyz(numpy_to_vec3(frame))
                stream.write(f"MODEL     {number:4d}\n")
                stream.write(hierarchy.as_pdb_string())
                stream.write("ENDMDL\n")
            stream.write("END\n")
