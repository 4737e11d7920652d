"""Tasks whose refinement is a stand-in, on data of a few hundred reflections."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import hnmref  # noqa: F401  (cctbx's extensions load first)

import iotbx.pdb
import numpy as np
from cctbx import crystal, miller
from cctbx.array_family import flex
from iotbx import mtz

from benchmarks.bootstrap import r_factor
from benchmarks.entries import Entry
from benchmarks.runs import Run
from regression.grid import Point, hnm_point, tls_point
from regression.task import Task
from tests.refine.small_run import BUNDLED

STAND_IN = (sys.executable, str(Path(__file__).with_name("stand_in.py")))
POINTS = (hnm_point(20, 20), tls_point("tls", 1))
#: How far the model amplitudes of each family's run deviate.
DEVIATIONS = {"hnm": 0.15, "tls": 0.25}
_FREE_EVERY = 8
SYMMETRY = crystal.symmetry(
    unit_cell=(30, 40, 50, 90, 100, 90), space_group_symbol="P 1 21 1"
)
#: Residues of a bundled structure, and the groups of the TLS run.
RESIDUES = "resseq 4:13"
GROUPS = ("chain A and resid 4 through 8", "resid 9 through 13")


def make_entry(directory: Path) -> Entry:
    """An entry with a model and made-up amplitudes."""
    directory.mkdir(parents=True)
    hierarchy = iotbx.pdb.input(str(BUNDLED / "1ubf_cutted.pdb")).construct_hierarchy()
    kept = hierarchy.atom_selection_cache().selection(RESIDUES)
    model = directory / "model.pdb"
    model.write_text(hierarchy.select(kept).as_pdb_string(crystal_symmetry=SYMMETRY))
    reflections = miller.build_set(SYMMETRY, anomalous_flag=False, d_min=3.5)
    rng = np.random.default_rng(9)
    n = reflections.size()
    f_obs = reflections.array(
        data=flex.double(rng.rayleigh(100.0, n) + 5.0), sigmas=flex.double(n, 1.0)
    )
    flags = reflections.array(data=flex.int((np.arange(n) % _FREE_EVERY == 0) * 1))
    dataset = f_obs.set_observation_type_xray_amplitude().as_mtz_dataset("FOBS")
    dataset.add_miller_array(flags, "R-free-flags")
    data = directory / "data.mtz"
    dataset.mtz_object().write(str(data))
    return Entry(directory.name, model, data)


def prepare(entry: Entry, point: Point, prepared: Path) -> None:
    """What the stand-in shall leave for a point.

    Its map is that of its model. U of normal modes is much the same in all atoms,
    that of TLS larger in the second group.
    """
    directory = prepared / point.name
    directory.mkdir(parents=True)
    f_obs, flags = mtz.object(str(entry.data)).as_miller_arrays()
    observed, free = f_obs.data().as_numpy_array(), flags.data().as_numpy_array() == 1
    rng = np.random.default_rng(len(point.name))
    f_model = observed * rng.normal(1.0, DEVIATIONS[point.family], len(observed))
    dataset = f_obs.as_mtz_dataset("F-obs-filtered")
    phased = flex.polar(flex.double(f_model), flex.double(len(observed), 0.3))
    dataset.add_miller_array(
        f_obs.customized_copy(data=phased, sigmas=None).set_observation_type(None),
        "F-model",
    )
    dataset.add_miller_array(flags, "R-free-flags")
    model = iotbx.pdb.input(str(entry.model))
    hierarchy = model.construct_hierarchy()
    second = hierarchy.atom_selection_cache().selection(GROUPS[1])
    for i, (atom, in_second) in enumerate(zip(hierarchy.atoms(), second)):
        atom.b = 20 + i % 3 + (20 if in_second and point.family == "tls" else 0)
    (directory / "run_001.cif").write_text(
        hierarchy.as_mmcif_string(crystal_symmetry=SYMMETRY)
    )
    structure = hierarchy.extract_xray_structure(crystal_symmetry=SYMMETRY)
    map_coefficients = f_obs.structure_factors_from_scatterers(structure).f_calc()
    dataset.add_miller_array(map_coefficients, "2FOFCWT_no_fill")
    dataset.mtz_object().write(str(directory / "run_001.mtz"))
    r_work, r_free = (
        float(r_factor(observed, np.abs(f_model), weights.astype(float)))
        for weights in (~free, free)
    )
    step = "stage_two" if point.family == "hnm" else "tls"
    report = {
        "start": {"r_work": 0.4, "r_free": 0.42},
        "final": {"r_work": r_work, "r_free": r_free},
        "cycles": [{"step": step, "n_parameters": 20 * len(point.name)}],
        "versions": {"hnmref": "1"},
        "groups": [{"selection": selection} for selection in GROUPS],
    }
    (directory / "run_001.json").write_text(json.dumps(report))


def make_tasks(place: Path, entry: Entry) -> dict[Point, Task]:
    """Tasks of all points, with their files and figures in a directory."""
    return {
        point: Task(
            Run(entry, point.name, point.parameters, place / "work"),
            place / "results",
            "abc",
        )
        for point in POINTS
    }


def figures_of(task: Task) -> tuple:
    """What of a finished task goes into a table: R-factors and free amplitudes."""
    record = task.finished()
    with np.load(task.free_model_file) as file:
        arrays = {name: file[name].tolist() for name in file.files}
    return record.r_work, record.r_free, record.n_parameters, arrays


def wait_until_stuck(stuck: Path, within: float = 60.0) -> tuple[int, int]:
    """The stand-in's process and its parent's, once it waits to be killed.

    The file is removed, so that the next attempt goes through.
    """
    for _ in range(round(within / 0.05)):
        numbers = stuck.read_text().split()
        if numbers:
            stuck.unlink()
            child, parent = map(int, numbers)
            return child, parent
        time.sleep(0.05)
    raise AssertionError("the task was not started")
