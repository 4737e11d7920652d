"""Overlap of modes with other modes, and with the change to another structure."""

from __future__ import annotations

import numpy as np

from hnmref.errors import InputError
from hnmref.modes.overlap import (
    cumulative_overlaps,
    overlaps,
    per_atom_overlaps,
    rmsip,
    structural_difference,
)
from hnmref.modes.superpose import superpose
from hnmref.programs.mode_task import OtherModes, Task, save, table
from hnmref.report import mode_plots
from hnmref.report.mode_page import AnalysisResult

#: Two structures nearer than this (Å, rms, superposed) do not differ.
_SAME_STRUCTURE = 1e-3


def analyse_overlap(task: Task) -> AnalysisResult:
    """OVERLAP: with other modes, and with the way to another structure."""
    result = AnalysisResult("Overlap")
    if task.others is not None:
        _overlap_with_modes(task, task.others, result)
    if task.target is not None:
        _overlap_with_target(task, result)
    return result


def _overlap_with_modes(task: Task, others: OtherModes, result: AnalysisResult) -> None:
    masses = task.modes.masses
    if not np.allclose(masses, others.modes.masses):
        masses = None
        result.sentences.append(
            "The two files have different masses: all atoms count the same here."
        )
    first = task.motion.vectors
    # The same frame: other modes may be of the structure in another orientation.
    fit = superpose(others.modes.coordinates, task.modes.coordinates, masses)
    vectors = others.modes.vectors[..., others.kept]
    second = np.einsum("ab,jbm->jam", fit.rotation, vectors)
    matrix = overlaps(first, second, masses)
    per_atom = per_atom_overlaps(first, second, masses)
    cumulative = cumulative_overlaps(first, second, masses)
    n_first = min(task.params.overlap.n_rmsip, first.shape[2], second.shape[2])
    likeness = rmsip(first[..., :n_first], second[..., :n_first], masses)
    numbers = list(range(others.kept.start + 1, others.kept.stop + 1))
    best = np.abs(matrix).argmax(axis=0)
    columns = {
        "mode_of_second": numbers,
        "best_mode_of_first": [task.numbers[i] for i in best],
        "overlap": np.abs(matrix[best, np.arange(len(numbers))]),
        "per_atom_overlap": per_atom[best, np.arange(len(numbers))],
        "cumulative_overlap": cumulative[-1],
    }
    result.sentences.append(
        f"RMSIP of the first {n_first} modes of {task.name} and of {others.name}: "
        f"{likeness:.3f}."
    )
    caption = f"Absolute overlap of modes of {task.name} with those of {others.name}."
    picture = mode_plots.plot_overlaps(
        matrix, task.numbers, numbers, (task.name, others.name)
    )
    arrays = {
        "overlap": matrix,
        "per_atom_overlap": per_atom,
        "cumulative_overlap": cumulative,
        "rmsip": np.array(likeness),
    }
    save(task, result, "overlap", columns, picture, caption, arrays)
    result.table = table(columns)


def _overlap_with_target(task: Task, result: AnalysisResult) -> None:
    atoms = task.target_atoms
    masses = task.modes.masses[atoms]
    vectors = task.motion.vectors[atoms]
    start = task.modes.coordinates[atoms]
    difference = structural_difference(start, task.target, masses)
    rmsd = np.sqrt(np.mean(np.sum(difference**2, axis=1)))
    if rmsd < _SAME_STRUCTURE:
        raise InputError(
            f"{task.target_name} is the structure of {task.name}, once superposed: "
            f"give one that differs"
        )
    matrix = overlaps(vectors, difference, masses)[:, 0]
    per_atom = per_atom_overlaps(vectors, difference, masses)[:, 0]
    cumulative = cumulative_overlaps(vectors, difference, masses)[:, 0]
    columns = {
        "mode": task.numbers,
        "overlap": matrix,
        "per_atom_overlap": per_atom,
        "cumulative_overlap": cumulative,
    }
    best = int(np.abs(matrix).argmax())
    result.sentences.append(
        f"{task.target_name} differs by {rmsd:.2f} A (rms). Mode {task.numbers[best]} "
        f"overlaps most ({abs(matrix[best]):.3f}); together {len(matrix)} modes hold "
        f"{cumulative[-1]:.3f} of the difference."
    )
    picture = mode_plots.plot_spectrum(
        task.numbers,
        ("|overlap|", np.abs(matrix)),
        ("cumulative overlap", cumulative),
    )
    caption = (
        f"Overlap of each mode with the difference to {task.target_name} (bars), and "
        f"of all up to it together (line)."
    )
    arrays = {"difference": difference, "atoms": atoms}
    save(task, result, "target_overlap", columns, picture, caption, arrays)
    if not result.table[1]:
        result.table = table(columns)
