"""Each analysis of hnmref.analyse: from modes to files, pictures and sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hnmref.errors import InputError
from hnmref.files import written_whole
from hnmref.modes import GaussianModes, ModeSet, collectivity
from hnmref.modes.correlation import (
    Rows,
    correlation_rows,
    covariance_rows,
    distance_rows,
)
from hnmref.modes.fluctuations import (
    BFit,
    Motion,
    b_factors,
    displacement_tensors,
    fit_b_factors,
    mean_squares,
    rms_by_mode,
)
from hnmref.modes.overlap import (
    cumulative_overlaps,
    overlaps,
    per_atom_overlaps,
    rmsip,
    structural_difference,
)
from hnmref.modes.superpose import superpose
from hnmref.modes.thermodynamics import thermodynamics
from hnmref.programs.mode_atoms import short_names
from hnmref.report import mode_plots
from hnmref.report.matrix_files import (
    matrix_bytes,
    matrix_paths,
    write_csv,
    write_matrix,
    write_npz,
)
from hnmref.report.mode_page import AnalysisResult, Picture

#: Two structures nearer than this (Å, rms, superposed) do not differ.
_SAME_STRUCTURE = 1e-3

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
    :ivar target, target_name: coordinates (N, 3), Å, of a second structure, or None.
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


def check_task(task: Task) -> None:
    """Raise InputError where an analysis is asked for that cannot be made."""
    asked = task.params.analyses
    if "distance_fluctuations" in asked and len(task.chosen) < 2:
        raise InputError(
            "distance_fluctuations needs pairs of atoms and one is chosen: use "
            "atoms=all, or a wider selection"
        )
    if not isinstance(task.modes, GaussianModes):
        return
    for name in ("thermodynamics", "overlap"):
        if name in asked:
            raise InputError(
                f"{task.name} holds modes of a Gaussian network, which have neither "
                f"masses nor a direction: leave {name} out of analyses"
            )
    if (
        "distance_fluctuations" in asked
        and task.params.distance_fluctuations.kind != "vector"
    ):
        raise InputError(
            f"{task.name} holds modes of a Gaussian network, which have no direction: "
            f"use distance_fluctuations.kind=vector"
        )


def analyse_b_factors(task: Task) -> AnalysisResult:
    """RMS/COL: mean squares and B along the atoms, against the model's B."""
    squares, calculated = mean_squares(task.motion), b_factors(task.motion)
    columns = {
        "atom": task.labels,
        "mean_square_A2": squares,
        "rms_A": np.sqrt(squares),
        "b_calculated_A2": calculated,
    }
    result = AnalysisResult("B-factors of the modes")
    result.sentences.append(
        f"Mean square displacement {squares.mean():.4g} A^2, mean B "
        f"{calculated.mean():.4g} A^2, at {task.params.temperature:g} K and "
        f"{task.spring_constant:.4g} kcal/mol/A^2 for a spring of stiffness 1."
    )
    lines = {"modes": calculated}
    if task.b_model is not None:
        fit = fit_b_factors(calculated, task.b_model)
        columns["b_scaled_A2"] = fit.scale * calculated
        columns["b_model_A2"] = task.b_model
        lines = {"modes, scaled": fit.scale * calculated, "model": task.b_model}
        result.sentences.extend(_fit_sentences(fit, task.spring_constant))
    picture = mode_plots.plot_profile(lines, short_names(task.labels), "B (Å²)")
    caption = "Isotropic B of the modes along the atoms"
    caption += ", scaled to the model's by least squares." if len(lines) > 1 else "."
    _save(task, result, "bfactors", columns, picture, caption)
    return result


def _fit_sentences(fit: BFit, spring_constant: float) -> Iterator[str]:
    if np.isnan(fit.correlation):
        yield "The B-factors of the model are all the same: there is no correlation."
    else:
        yield (
            f"Correlation with the model's B {fit.correlation:.3f}; best line "
            f"{fit.slope:.4g} B + {fit.offset:.1f} A^2."
        )
    if fit.scale > 0:
        yield (
            f"Best scale {fit.scale:.4g}: the spring constant that makes it 1 is "
            f"{spring_constant / fit.scale:.4g} kcal/mol/A^2."
        )


def analyse_collectivity(task: Task) -> AnalysisResult:
    """RMS/COL: which modes move much of the structure, and how far."""
    share, rms = collectivity(task.motion), rms_by_mode(task.motion)
    mean_rms = np.sqrt(np.mean(rms**2, axis=0))
    values = task.modes.eigenvalues[task.kept]
    columns = {
        "mode": task.numbers,
        "eigenvalue": values,
        "relative_frequency": np.sqrt(
            values / task.modes.eigenvalues[task.modes.n_zero]
        ),
        "collectivity": share,
        "rms_A": mean_rms,
    }
    best = int(np.argmax(share))
    result = AnalysisResult("Collectivity")
    result.sentences.append(
        f"Mean collectivity {share.mean():.3f}; the most collective mode is "
        f"{task.numbers[best]} ({share[best]:.3f})."
    )
    picture = mode_plots.plot_spectrum(
        task.numbers, ("collectivity", share), ("r.m.s. displacement (Å)", mean_rms)
    )
    caption = (
        "Share of the atoms that take part in each mode (bars), and the r.m.s. "
        "displacement of all atoms in it (line)."
    )
    arrays = {"rms_by_atom_and_mode": rms}
    _save(task, result, "collectivity", columns, picture, caption, arrays)
    result.table = _table(columns)
    return result


def analyse_thermodynamics(task: Task) -> AnalysisResult:
    """FREQ/EN: frequencies, free energy and entropy, full and Schlitter's."""
    values = thermodynamics(
        task.modes.eigenvalues[task.kept], task.spring_constant, task.params.temperature
    )
    columns = {
        "mode": task.numbers,
        "wavenumber_cm-1": values.wavenumbers,
        "frequency_THz": values.frequencies,
        "quantum_kT": values.quanta,
        "zero_point_kcal/mol": values.zero_point,
        "free_energy_kcal/mol": values.free_energy,
        "free_energy_schlitter_kcal/mol": values.free_energy_schlitter,
        "entropy_cal/mol/K": values.entropy,
        "entropy_schlitter_cal/mol/K": values.entropy_schlitter,
    }
    result = AnalysisResult("Frequencies, free energy, entropy")
    result.sentences.append(
        f"Modes {task.numbers[0]} to {task.numbers[-1]} at {values.temperature:g} K: "
        f"{values.wavenumbers[0]:.2f} to {values.wavenumbers[-1]:.2f} cm^-1."
    )
    result.sentences.append(
        f"Free energy {values.free_energy.sum():.4g} kcal/mol (Schlitter "
        f"{values.free_energy_schlitter.sum():.4g}), from the ground state; zero "
        f"point {values.zero_point.sum():.4g} kcal/mol."
    )
    result.sentences.append(
        f"Entropy {values.entropy.sum():.4g} cal/mol/K (Schlitter "
        f"{values.entropy_schlitter.sum():.4g})."
    )
    if (task.modes.masses == 1).all():
        result.sentences.append("All masses are 1 and were taken for 1 Da.")
    picture = mode_plots.plot_spectrum(
        task.numbers,
        ("entropy (cal/mol/K)", values.entropy),
        ("wavenumber (cm⁻¹)", values.wavenumbers),
    )
    caption = "Entropy of each mode (bars) and its wavenumber (line)."
    _save(task, result, "thermodynamics", columns, picture, caption)
    result.table = _table(columns)
    return result


def analyse_correlation(task: Task) -> AnalysisResult:
    """CROSCOR: which atoms move together."""
    kind = task.params.correlation.kind
    rows = correlation_rows(task.motion.select(task.chosen), kind)
    result = AnalysisResult("Cross-correlation")
    caption = (
        "1: the atoms move together; -1: against each other; "
        + (
            "weighted by the modes' mean squares."
            if kind == "weighted"
            else "mean over the modes of the cosine (ΔΔPT)."
        )
    )
    _save_matrix(
        task, result, "correlation", rows, "correlation", caption, limits=(-1.0, 1.0)
    )
    return result


def analyse_distances(task: Task) -> AnalysisResult:
    """MOVEING: how much distances between atoms fluctuate."""
    kind = task.params.distance_fluctuations.kind
    rows = distance_rows(task.motion.select(task.chosen), kind)
    result = AnalysisResult("Distance fluctuations")
    caption = {
        "distance": "Variance of the distance of each pair.",
        "vector": "Mean square change of the vector between each pair.",
        "ddpt": "ΔΔPT's equation 12, which depends on the signs of eigenvectors.",
    }[kind]
    _save_matrix(
        task, result, "distance_fluctuations", rows, "mean square (Å²)", caption
    )
    return result


def analyse_covariance(task: Task) -> AnalysisResult:
    """COVAR, of modes: covariance of the chosen atoms, tensors of all."""
    motion = task.motion.select(task.chosen)
    labels, arrays = task.chosen_labels(), {}
    result = AnalysisResult("Covariance")
    names = labels
    if motion.has_directions:
        names = [f"{label} {axis}" for label in labels for axis in "xyz"]
        tensors = displacement_tensors(task.motion)
        arrays["tensors"] = tensors
        columns = {"atom": task.labels}
        columns |= dict(zip(("u11", "u22", "u33", "u12", "u13", "u23"), tensors.T))
        result.files.append(write_csv(task.path("tensors.csv"), columns))
        result.sentences.append(
            f"Displacement tensors of all {task.motion.n_atoms} atoms are in "
            f"{task.path('tensors.csv').name} (A^2)."
        )
    _save_matrix(
        task,
        result,
        "covariance",
        covariance_rows(motion),
        "⟨u_i · u_j⟩ (Å²)",
        "Traces of the 3 × 3 blocks of the covariance.",
        names=names,
        arrays=arrays,
    )
    return result


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
    _save(task, result, "overlap", columns, picture, caption, arrays)
    result.table = _table(columns)


def _overlap_with_target(task: Task, result: AnalysisResult) -> None:
    masses = task.modes.masses
    difference = structural_difference(task.modes.coordinates, task.target, masses)
    rmsd = np.sqrt(np.mean(np.sum(difference**2, axis=1)))
    if rmsd < _SAME_STRUCTURE:
        raise InputError(
            f"{task.target_name} is the structure of {task.name}, once superposed: "
            f"give one that differs"
        )
    matrix = overlaps(task.motion.vectors, difference, masses)[:, 0]
    per_atom = per_atom_overlaps(task.motion.vectors, difference, masses)[:, 0]
    cumulative = cumulative_overlaps(task.motion.vectors, difference, masses)[:, 0]
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
    arrays = {"difference": difference}
    _save(task, result, "target_overlap", columns, picture, caption, arrays)
    if not result.table[1]:
        result.table = _table(columns)


#: What the names in ``analyses`` mean, in the order of the page.
ANALYSES = {
    "bfactors": analyse_b_factors,
    "correlation": analyse_correlation,
    "collectivity": analyse_collectivity,
    "distance_fluctuations": analyse_distances,
    "thermodynamics": analyse_thermodynamics,
    "overlap": analyse_overlap,
    "covariance": analyse_covariance,
}


def analysis_paths(
    stem: str, analyses: Sequence[str], n_chosen: int, n_directions: int
) -> list[Path]:
    """Every file that the analyses may write."""
    paths = [Path(f"{stem}_analysis.{ending}") for ending in ("html", "log")]
    for name in analyses:
        here = Path(f"{stem}_{name}")
        paths.append(here.with_name(here.name + ".png"))
        if name in ("correlation", "distance_fluctuations"):
            paths += matrix_paths(here, n_chosen)
        elif name == "covariance":
            paths += matrix_paths(here, n_directions * n_chosen)
            paths.append(Path(f"{stem}_tensors.csv"))
        else:
            paths += [here.with_name(here.name + end) for end in (".csv", ".npz")]
        if name == "overlap":
            paths += [
                Path(f"{stem}_target_overlap{end}") for end in (".csv", ".npz", ".png")
            ]
    return paths


def _save(
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
    _save_picture(task, result, name, png, caption)


def _save_picture(
    task: Task, result: AnalysisResult, name: str, png: bytes, caption: str
) -> None:
    path = task.path(f"{name}.png")
    with written_whole(path) as partial:
        partial.write_bytes(png)
    result.files.append(path)
    result.pictures.append(Picture(png, caption, caption))


def _save_matrix(
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
    _save_picture(task, result, name, png, caption)


def _table(columns: dict) -> tuple[list[str], list[list[str]]]:
    """Columns as rows of texts."""
    texts = [
        [f"{v:.4g}" if isinstance(v, (float, np.floating)) else str(v) for v in values]
        for values in columns.values()
    ]
    titles = [title.replace("_", " ") for title in columns]
    return titles, [list(row) for row in zip(*texts)]
