"""Frames of ensembles and trajectories, and the labels of their atoms.

Models of a PDB or mmCIF file are read by iotbx; trajectories (XTC, TRR, DCD,
AMBER NetCDF and more) by chemfiles, a frame at a time, so that no more than
the selected atoms of all frames is ever held.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import hnmref  # noqa: F401  (cctbx's extensions must load before scipy's)

import iotbx.pdb
import numpy as np
from libtbx.utils import Sorry

from hnmref.errors import InputError
from hnmref.modes.alignment import AtomLabels
from hnmref.modes.memory import available_memory
from hnmref.programs.nodes import Nodes, network_nodes
from hnmref.refine.arrays import vec3_to_numpy

#: Frames that a chunk of a trajectory holds.
CHUNK = 100

#: Copies of the frames that an analysis makes at the most.
_COPIES = 4


@dataclass
class Frames:
    """The same atoms in several conformations.

    coordinates : (F, N, 3) array, Å.
    nodes : the atoms, with their names, masses and notes on what was left out.
    """

    coordinates: np.ndarray
    nodes: Nodes


def read_frames(
    model_file: str,
    trajectories: Sequence[str] = (),
    selection: str = "all",
    kind: str = "all",
    step: int = 1,
) -> Frames:
    """The models of an ensemble, or the frames of trajectories of one model.

    Parameters
    ----------
    model_file : PDB or mmCIF. With trajectories, the atoms that these have, all
        and in their order.
    trajectories : files that chemfiles reads, one after the other.
    selection, kind : atoms to keep, as the command line's ``selection`` and
        ``nodes``; of alternate conformers the one of the highest occupancy.
    step : keep each step-th frame (or model), the first one first.

    Raises
    ------
    InputError : a file that cannot be read, atoms that do not fit together, a
        selection without atoms, more frames than memory holds.
    """
    if step < 1:
        raise InputError(f"step must be 1 or more, not {step}")
    source = _read_model(model_file)
    nodes = network_nodes(_first_model(source.hierarchy), selection, kind, model_file)
    if not trajectories:
        return _models(source, nodes, model_file, step)
    rank = _file_order(source)
    n_atoms = source.hierarchy.models()[0].atoms_size()
    counts = [-(-count_frames(path) // step) for path in trajectories]
    _require_memory(sum(counts), len(nodes.atoms), trajectories[0])
    coordinates = np.empty((sum(counts), len(nodes.atoms), 3))
    filled = 0
    for path in trajectories:
        atoms = rank[nodes.indices]
        for chunk in trajectory_chunks(path, n_atoms, atoms, step, model_file):
            coordinates[filled : filled + len(chunk)] = chunk
            filled += len(chunk)
    return Frames(coordinates, nodes)


def read_nodes(model_file: str, selection: str = "all", kind: str = "all") -> Nodes:
    """The selected atoms of a file's first model.

    Raises
    ------
    InputError : the file or the selection cannot be read, or selects nothing.
    """
    hierarchy = _first_model(_read_model(model_file).hierarchy)
    return network_nodes(hierarchy, selection, kind, model_file)


def trajectory_chunks(
    path: str,
    n_atoms: int,
    atoms: np.ndarray | None = None,
    step: int = 1,
    model_file: str = "the model",
    chunk: int = CHUNK,
) -> Iterator[np.ndarray]:
    """Coordinates of a trajectory, some frames at a time.

    Parameters
    ----------
    path : file that chemfiles reads; its suffix tells the format.
    n_atoms : that each frame must have.
    atoms : indices of those to keep, in the order wanted; None: all.
    step : keep each step-th frame.
    model_file : what a message calls the file that n_atoms comes from.
    chunk : frames in one array.

    Yields
    ------
    (f, n, 3) arrays, Å, f up to chunk.

    Raises
    ------
    InputError : chemfiles is not installed or cannot read the file; a frame of
        another number of atoms.
    """
    kept = np.arange(n_atoms) if atoms is None else np.asarray(atoms)
    with open_trajectory(path) as trajectory:
        numbers = range(0, trajectory.nsteps, step)
        for first in range(0, len(numbers), chunk):
            part = numbers[first : first + chunk]
            frames = np.empty((len(part), len(kept), 3))
            for row, number in zip(frames, part):
                with chemfiles_told(path):
                    # The positions are the frame's own memory: it must outlive them.
                    frame = trajectory.read_step(number)
                    positions = frame.positions
                if len(positions) != n_atoms:
                    raise InputError(
                        f"frame {number + 1} of {path} has {len(positions)} atoms and "
                        f"{model_file} has {n_atoms}: give the model of just the atoms "
                        f"in the trajectory, in its order"
                    )
                row[:] = positions[kept]
            yield frames


def count_frames(path: str) -> int:
    """How many frames a trajectory has.

    Raises
    ------
    InputError : as ``trajectory_chunks``; or there is none.
    """
    with open_trajectory(path) as trajectory:
        n_frames = int(trajectory.nsteps)
    if not n_frames:
        raise InputError(f"the trajectory {path} has no frames")
    return n_frames


def open_trajectory(path: str):
    """A ``chemfiles.Trajectory``, to be used in a ``with``.

    Raises
    ------
    InputError : chemfiles is not installed or cannot read the file.
    """
    if not os.path.isfile(path):
        raise InputError(f"there is no trajectory {path}: check its path")
    with chemfiles_told(path) as chemfiles:
        return chemfiles.Trajectory(path)


@contextmanager
def chemfiles_told(path: str) -> Iterator:
    """The package, whose absence and errors become an InputError on the file."""
    try:
        import chemfiles
    except ImportError:
        raise InputError(
            f"reading {path} needs the package chemfiles, which is not installed: "
            f"pip install chemfiles (or hnmref[trajectories])"
        ) from None
    try:
        with warnings.catch_warnings():
            # It warns of what it raises as well.
            warnings.simplefilter("ignore", chemfiles.misc.ChemfilesWarning)
            yield chemfiles
    except chemfiles.ChemfilesError as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"the trajectory {path} cannot be read ({reason}): give a whole file "
            f"whose suffix tells its format (.xtc, .trr, .dcd, .nc ...)"
        ) from None


def atom_labels(atoms: Sequence) -> AtomLabels:
    """Labels of iotbx's atoms with labels (``Nodes.atoms``), to match them by.

    Chains are told apart by their names, and by their segments where one name
    serves several of these.
    """
    chains = [atom.chain_id.strip() for atom in atoms]
    with_segments = [f"{a.segid.strip()} {a.chain_id.strip()}".strip() for a in atoms]
    if len(set(with_segments)) > len(set(chains)):
        chains = with_segments
    return AtomLabels(
        chain=chains,
        resid=[atom.resid() for atom in atoms],
        resname=[atom.resname for atom in atoms],
        name=[atom.name for atom in atoms],
    )


@dataclass
class _Source:
    """A model file as iotbx has read it."""

    pdb_input: iotbx.pdb.input
    hierarchy: iotbx.pdb.hierarchy.root


def _read_model(file_name: str) -> _Source:
    """A PDB or mmCIF file, whose symmetry is of no interest here."""
    if not os.path.isfile(file_name):
        raise InputError(f"the model file {file_name} does not exist: check its path")
    try:
        pdb_input = iotbx.pdb.input(file_name=file_name)
        hierarchy = pdb_input.construct_hierarchy()
    except (Sorry, RuntimeError, ValueError, KeyError, AssertionError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{file_name} cannot be read as a PDB or mmCIF model ({reason}): correct "
            f"it there"
        ) from None
    if not hierarchy.models() or not hierarchy.models()[0].atoms_size():
        raise InputError(f"{file_name} has no atoms: give a PDB or mmCIF model")
    return _Source(pdb_input, hierarchy)


def _first_model(hierarchy):
    """A hierarchy of the first model alone."""
    single = iotbx.pdb.hierarchy.root()
    single.append_model(hierarchy.models()[0].detached_copy())
    single.atoms().reset_i_seq()
    return single


def _models(source: _Source, nodes: Nodes, file_name: str, step: int) -> Frames:
    """The nodes' atoms in each model of the file."""
    models = source.hierarchy.models()[::step]
    if len(models) < 2:
        raise InputError(
            f"{file_name} has {len(source.hierarchy.models())} models, of which "
            f"{len(models)} would be used: give an ensemble of two at least, or a "
            f"trajectory"
        )
    keys = list(_keys(models[0]))
    wanted = [keys[i] for i in nodes.indices]
    places = [dict(zip(_keys(model), range(model.atoms_size()))) for model in models]
    common = [all(key in place for place in places) for key in wanted]
    if not any(common):
        raise InputError(
            f"no selected atom of {file_name} is in all of its {len(models)} models: "
            f"change the selection"
        )
    if not all(common):
        note = (
            f"{common.count(False)} atoms are left out: they are not in all of the "
            f"{len(models)} models of {file_name}"
        )
        nodes = _subset(nodes, np.flatnonzero(common), note)
        wanted = [key for key, kept in zip(wanted, common) if kept]
    _require_memory(len(models), len(wanted), file_name)
    coordinates = np.empty((len(models), len(wanted), 3))
    for row, model, place in zip(coordinates, models, places):
        sites = vec3_to_numpy(model.atoms().extract_xyz())
        row[:] = sites[[place[key] for key in wanted]]
    return Frames(coordinates, nodes)


def _keys(model) -> Iterator[tuple[str, ...]]:
    """What each atom of a model is called, in the model's order."""
    for chain in model.chains():
        for residue in chain.residue_groups():
            for group in residue.atom_groups():
                about = (chain.id, residue.resid(), group.altloc, group.resname)
                for atom in group.atoms():
                    yield (*about, atom.segid, atom.name)


def _subset(nodes: Nodes, kept: np.ndarray, note: str) -> Nodes:
    """Some of the nodes, with a note on the others."""
    return replace(
        nodes,
        atoms=[nodes.atoms[i] for i in kept],
        indices=nodes.indices[kept],
        residues=nodes.residues[kept],
        chains=nodes.chains[kept],
        residue_masses=nodes.residue_masses[kept],
        notes=[*nodes.notes, note],
    )


def _file_order(source: _Source) -> np.ndarray:
    """(N,) place in the file of each atom of the hierarchy's first model.

    iotbx sorts the atoms of a residue, and a trajectory has them as they come. A
    PDB file's own order is that of the input; an mmCIF's, of its atom numbers.
    """
    atoms = source.hierarchy.models()[0].atoms()
    if source.pdb_input.file_type() == "pdb":
        first = list(source.pdb_input.atoms())[: len(atoms)]
        place = {atom.memory_id(): i for i, atom in enumerate(first)}
        return np.array([place[atom.memory_id()] for atom in atoms])
    serials = np.array([atom.serial_as_int() for atom in atoms])
    rank = np.empty(len(atoms), dtype=np.intp)
    rank[np.argsort(serials, kind="stable")] = np.arange(len(atoms))
    return rank


def _require_memory(n_frames: int, n_atoms: int, file_name: str) -> None:
    """Raise InputError where the frames do not fit."""
    needed = 24.0 * _COPIES * n_frames * n_atoms
    free = available_memory()
    if free is not None and needed > free:
        raise InputError(
            f"{n_frames} frames of {n_atoms} atoms of {file_name} would need about "
            f"{needed / 2**30:.1f} GiB and {free / 2**30:.1f} GiB are free: select "
            f"fewer atoms, or take fewer frames with a larger step"
        )
