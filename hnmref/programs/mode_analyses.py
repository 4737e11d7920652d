"""Each analysis of hnmref.analyse: from modes to files, pictures and sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from hnmref.errors import InputError
from hnmref.modes import GaussianModes, collectivity
from hnmref.modes.correlation import correlation_rows, covariance_rows, distance_rows
from hnmref.modes.fluctuations import (
    BFit,
    b_factors,
    displacement_tensors,
    fit_b_factors,
    mean_squares,
    rms_by_mode,
)
from hnmref.modes.thermodynamics import thermodynamics
from hnmref.programs.mode_atoms import short_names
from hnmref.programs.mode_overlap import analyse_overlap
from hnmref.programs.mode_task import Task, save, save_matrix, table
from hnmref.report import mode_plots
from hnmref.report.matrix_files import matrix_paths, write_csv
from hnmref.report.mode_page import AnalysisResult


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
    save(task, result, "bfactors", columns, picture, caption)
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
    save(task, result, "collectivity", columns, picture, caption, arrays)
    result.table = table(columns)
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
    save(task, result, "thermodynamics", columns, picture, caption)
    result.table = table(columns)
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
    save_matrix(
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
    save_matrix(
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
    save_matrix(
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
