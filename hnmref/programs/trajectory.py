"""Structures of the same atoms as the models of one file."""

from __future__ import annotations

import os
from collections.abc import Sequence

import iotbx.cif.model
import iotbx.pdb.hierarchy
import numpy as np

from hnmref.files import write_text, written_whole
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
    head = [
        f"REMARK   3 MODEL {number:4d}: {distance:.3f} A FROM THE TARGET"
        for number, distance in enumerate(rmsd, start=1)
    ]
    write_pdb_models(path, hierarchy, frames, head)


def write_pdb_models(
    path: str | os.PathLike, hierarchy, frames: np.ndarray, head: Sequence[str]
) -> None:
    """Frames as the models of a PDB file, after some lines at its head.

    The other parameters are those of :func:`write_trajectory`.
    """
    atoms = hierarchy.atoms()
    with written_whole(path) as partial:
        with open(partial, "w", encoding="utf-8", newline="\n") as stream:
            stream.writelines(f"{line}\n" for line in head)
            for number, frame in enumerate(frames, start=1):
                atoms.set_xyz(numpy_to_vec3(frame))
                stream.write(f"MODEL     {number:4d}\n")
                stream.write(hierarchy.as_pdb_string())
                stream.write("ENDMDL\n")
            stream.write("END\n")


def write_cif_models(
    path: str | os.PathLike, hierarchy, frames: np.ndarray, symmetry, details: str
) -> None:
    """Frames as the models of an mmCIF file, with a crystal's symmetry.

    details : a sentence for readers, as ``_struct.title``.
    """
    models = iotbx.pdb.hierarchy.root()
    for number, frame in enumerate(frames, start=1):
        copy = hierarchy.deep_copy()
        copy.atoms().set_xyz(numpy_to_vec3(frame))
        model = copy.only_model().detached_copy()
        model.id = str(number)
        models.append_model(model)
    block = symmetry.as_cif_block(format="mmcif")
    block["_struct.title"] = details
    block.update(models.as_cif_block())
    document = iotbx.cif.model.cif()
    document["ensemble"] = block
    write_text(path, str(document))
