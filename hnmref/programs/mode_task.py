"""What hnmref.analyse works on, and how it keeps what an analysis finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hnmref.files import written_whole
from hnmref.modes import GaussianModes, ModeSet
from hnmref.modes.correlation import Rows
from hnmref.modes.fluctuations import Motion
from hnmref.programs.mode_atoms import short_names
from hnmref.report import mode_plots
from hnmref.report.matrix_files import (
    matrix_bytes,
    write_csv,
    write_matrix,
    write_npz,
)
from hnmref.report.mode_page import AnalysisResult, Picture

#: A matrix file of more bytes than this is announced.
_LARGE = 2**28


@dataclass
class OtherModes:
    """A second set of modes of the same atoms, and the range that is compared."""

    modes: ModeSet
    kept: slice
    name: str


@dataclass
class Task:
    """What the analyses work on.

    :ivar modes, name: the modes and the name of their file.
    :ivar motion: modes of the range with their variances.
    :ivar kept: the range within the modes.
    :ivar labels: (N,) name of each atom.
    :ivar chosen: atoms that the matrices are of.
    :ivar b_model: (N,) B of the model, or None.
    :ivar others: second modes of the same atoms, or None.
    :ivar target, target_name: coordinates (M, 3), Å, of a second structure, or None.
    :ivar target_atoms: (M,) indices of the atoms that it has.
    :ivar spring_constant: kcal mol^-1 Å^-2 of a spring of stiffness 1.
    :ivar params: the extracted parameters of hnmref.analyse.
    :ivar stem: beginning of the files' names.
    :ivar say: puts a line into the log.
    """

    modes: ModeSet | GaussianModes
    name: str
    motion: Motion
    kept: slice
    labels: list[str]
    chosen: np.ndarray
    b_model: np.ndarray | None
    others: OtherModes | None
    target: np.ndarray | None
    target_atoms: np.ndarray | None
    target_name: str
    spring_constant: float
    params: object
    stem: str
    say: Callable[[str], None]

    @property
    def numbers(self) -> list[int]:
        """Numbers of the modes, from 1."""
        return list(range(self.kept.start + 1, self.kept.stop + 1))

    def path(self, ending: str) -> Path:
        """A file's name."""
        return Path(f"{self.stem}_{ending}")

    def chosen_labels(self) -> list[str]:
        """Labels of the atoms that the matrices are of."""
        return [self.labels[i] for i in self.chosen]


def save(
    task: Task,
    result: AnalysisResult,
    name: str,
    columns: dict,
    png: bytes,
    caption: str,
    arrays: dict | None = None,
) -> None:
    """Columns as CSV and npz, the picture as PNG; all told in the result."""
    result.files.append(write_csv(task.path(f"{name}.csv"), columns))
    content = {key: np.asarray(values) for key, values in columns.items()}
    content |= arrays or {}
    # Units in names are for people; a slash is none for a file in an archive.
    content = {key.replace("/", "_per_"): value for key, value in content.items()}
    result.files.append(write_npz(task.path(f"{name}.npz"), content))
    save_picture(task, result, name, png, caption)


def save_picture(
    task: Task, result: AnalysisResult, name: str, png: bytes, caption: str
) -> None:
    path = task.path(f"{name}.png")
    with written_whole(path) as partial:
        partial.write_bytes(png)
    result.files.append(path)
    result.pictures.append(Picture(png, caption, caption))


def save_matrix(
    task: Task,
    result: AnalysisResult,
    name: str,
    rows: Rows,
    label: str,
    caption: str,
    limits: tuple[float, float] | None = None,
    names: list[str] | None = None,
    arrays: dict | None = None,
) -> None:
    """A matrix over the chosen atoms as npz (CSV where small) and heat map.

    Entries of (d, d) an atom pair, where ``names`` has d an atom, are drawn as
    their traces.
    """
    labels = task.chosen_labels()
    names = labels if names is None else names
    size = matrix_bytes(len(names))
    if size > _LARGE:
        task.say(
            f"  {name} of {len(names)} x {len(names)} numbers takes "
            f"{size / 2**30:.1f} GiB on disk"
        )
    picture = mode_plots.BinnedMatrix(len(labels))
    n_each = len(names) // len(labels)

    def watch(part: slice, block: np.ndarray) -> None:
        shape = (-1, n_each, len(labels), n_each)
        traces = np.trace(block.reshape(shape), axis1=1, axis2=3)
        picture.add(slice(part.start // n_each, part.stop // n_each), traces)

    files = write_matrix(task.path(name), rows, names, watch, arrays)
    result.files.extend(files)
    result.sentences.append(
        f"{len(labels)} of {task.motion.n_atoms} atoms, "
        f"{len(names)} x {len(names)} numbers in {files[0].name}."
    )
    png = mode_plots.plot_matrix(picture, short_names(labels), label, limits)
    save_picture(task, result, name, png, caption)


def table(columns: dict) -> tuple[list[str], list[list[str]]]:
    """Columns as rows of texts."""
    texts = [
        [f"{v:.4g}" if isinstance(v, (float, np.floating)) else str(v) for v in values]
        for values in columns.values()
    ]
    titles = [title.replace("_", " ") for title in columns]
    return titles, [list(row) for row in zip(*texts)]
