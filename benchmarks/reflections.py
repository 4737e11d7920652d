"""Model amplitudes of runs' free reflections, kept beside their records.

    python -m benchmarks.reflections --results benchmarks/results/2026-01-31

A report compares runs reflection by reflection, and a run's own files are long
gone when the last row of a table is made, perhaps on another machine. So what a
run computed for its free reflections is kept as RESULTS/ENTRY_ROW.npz. What was
observed is not: it is read from the entry's data file, as the run read it.

The command makes the files that are missing, of runs whose MTZ file is there;
benchmarks.group_adp_table calls it for every run.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import hnmref  # noqa: F401  (cctbx's extensions must load before scipy's)

import iotbx.pdb
import numpy as np
from cctbx import miller
from iotbx import mtz

from benchmarks.bootstrap import FreeSet, r_factor
from benchmarks.entries import Entry, find_entry
from benchmarks.options import add_directories
from benchmarks.runs import (
    Record,
    all_parameters,
    free_model_file,
    mtz_file,
    read_records,
)
from hnmref.files import written_whole
from hnmref.refine import arrays
from hnmref.refine.data import Data, read_data

#: How far a recomputed R_free may be from the reported one.
R_FREE_TOLERANCE = 2e-4

#: How far a reflection's F_obs in a run may be from a multiple of the file's.
_F_OBS_TOLERANCE = 1e-4

#: Added to Miller indices (int16), to make of them one number that is not negative.
_INDEX_OFFSET = 2**15


class Disagreement(ValueError):
    """A run and the data, or a run and its record, do not belong together."""


@dataclass(frozen=True)
class FreeModel:
    """What a run computed for the free reflections that it kept.

    :ivar indices: (N, 3) int16, Miller indices.
    :ivar f_model: (N,) float32, amplitudes on the run's scale.
    :ivar data_scale: the run's amplitudes are those of the data file times this.
    """

    indices: np.ndarray
    f_model: np.ndarray
    data_scale: float

    def on_scale_of_data(self) -> np.ndarray:
        """(N,) amplitudes that compare with those of the data file."""
        return self.f_model.astype(float) / self.data_scale


def read_entry_data(entry: Entry, parameters: Sequence[str]) -> Data:
    """The entry's data, read as a run with these parameters reads them."""
    params = all_parameters(parameters).extract()
    return read_data(
        str(entry.data),
        params.data,
        random_seed=params.main.random_seed,
        model_crystal_symmetry=iotbx.pdb.input(str(entry.model)).crystal_symmetry(),
    )


def free_model_of(path: Path, data: Data) -> FreeModel:
    """Take a run's free reflections from the MTZ file that it wrote.

    :raises Disagreement: the run's amplitudes are no multiple of the data's.
    """
    f_obs, f_model = _free_amplitudes(path)
    indices = _indices(f_obs)
    of_run, of_file = arrays.to_numpy(f_obs.data()), _observed(indices, data, path)
    scale = float(of_file @ of_run / (of_file @ of_file))
    if not np.allclose(of_run, scale * of_file, rtol=_F_OBS_TOLERANCE):
        raise Disagreement(
            f"F-obs-filtered of {path} is no multiple of the data's {data.labels}: "
            "the run was made with other data; make it again"
        )
    values = arrays.to_numpy(f_model.data()).astype(np.float32)
    return FreeModel(indices, values, scale)


def write_free_model(free: FreeModel, path: Path) -> None:
    """Keep it as a compressed .npz, whole or not at all."""
    with written_whole(path) as partial:
        np.savez_compressed(partial, **asdict(free))


def read_free_model(path: Path) -> FreeModel:
    """Read what :func:`write_free_model` wrote."""
    with np.load(path) as file:
        return FreeModel(file["indices"], file["f_model"], float(file["data_scale"]))


def free_set(runs: dict[str, FreeModel], data: Data) -> FreeSet:
    """The free reflections that all runs have, with the amplitudes of the data.

    Outliers are rejected by each run for itself, so that a few reflections may
    be in one and not in another.

    :param runs: by name.
    :raises Disagreement: a run has a reflection that is not free in the data.
    """
    keys = {name: _keys(run.indices) for name, run in runs.items()}
    common = next(iter(runs.values())).indices
    for own in keys.values():
        common = common[np.isin(_keys(common), own)]
    f_model = {
        name: run.on_scale_of_data()[_places(_keys(common), keys[name])]
        for name, run in runs.items()
    }
    return FreeSet(_observed(common, data, " and ".join(runs)), f_model)


def check_r_free(run: FreeModel, data: Data, record: Record) -> None:
    """See that a run's amplitudes and the data give the R_free of its record.

    :raises Disagreement: they do not, within :data:`R_FREE_TOLERANCE`.
    """
    free = free_set({record.row: run}, data)
    r_free = r_factor(free.f_obs, free.f_model[record.row], np.ones(len(free.f_obs)))
    if abs(r_free - record.r_free) > R_FREE_TOLERANCE:
        raise Disagreement(
            f"The free reflections of {record.entry} {record.row} give R_free "
            f"{r_free:.4f}, its record says {record.r_free:.4f}: they are of "
            "different runs; remove the record to make the run again"
        )


def keep_missing(
    results: Path, work_dir: Path, pdb_dir: Path, runs: Sequence[str] = ()
) -> None:
    """Keep the amplitudes of finished runs that have none yet, where the MTZ is.

    :param runs: only these (``ENTRY_ROW``); default: all with a record.
    """
    for record in read_records(results).values():
        name = f"{record.entry}_{record.row}"
        kept = free_model_file(results, record.entry, record.row)
        source = mtz_file(work_dir, record.entry, record.row)
        wanted = name in runs or not runs
        if not wanted or record.error or kept.is_file() or not source.is_file():
            continue
        try:
            keep(record, find_entry(pdb_dir, record.entry), source, kept)
        except Disagreement as error:
            print(f"{kept.name} is not made. {error}", flush=True)


def keep(record: Record, entry: Entry, source: Path, kept: Path) -> None:
    """Keep the free reflections of one run.

    :param source: the MTZ file that the run wrote.
    :param kept: the .npz file to be made.
    :raises Disagreement: run, record and data do not belong together.
    """
    data = read_entry_data(entry, record.parameters)
    free = free_model_of(source, data)
    check_r_free(free, data, record)
    write_free_model(free, kept)


def _free_amplitudes(path: Path) -> tuple[miller.array, miller.array]:
    """Observed and model amplitudes of a run's free reflections."""
    found = {}
    for array in mtz.object(str(path)).as_miller_arrays():
        # Friedel pairs have labels that end in (+) and (-).
        found[array.info().labels[0].split("(")[0]] = array
    f_obs, f_model = found["F-obs-filtered"], abs(found["F-model"])
    flags = found["R-free-flags"].common_set(f_obs)
    f_obs, flags = f_obs.common_sets(flags)
    free = f_obs.select(flags.data() == 1)
    return free.common_sets(f_model)


def _observed(indices: np.ndarray, data: Data, whose: object) -> np.ndarray:
    """(N,) amplitudes of the data at Miller indices that are free in it."""
    free = data.f_obs.select(data.r_free_flags.data())
    keys = _keys(_indices(free))
    asked = _keys(indices)
    n_absent = int(np.count_nonzero(~np.isin(asked, keys)))
    if n_absent:
        raise Disagreement(
            f"{n_absent} of {len(asked)} free reflections of {whose} are not free in "
            f"the data ({data.labels}, {data.free_label}): the run was made with other "
            "data; make it again"
        )
    return arrays.to_numpy(free.data())[_places(asked, keys)]


def _indices(array: miller.array) -> np.ndarray:
    """(N, 3) Miller indices, int16."""
    return arrays.vec3_to_numpy(array.indices().as_vec3_double()).astype(np.int16)


def _keys(indices: np.ndarray) -> np.ndarray:
    """(N,) one number for each three Miller indices."""
    h, k, l = (indices.astype(np.int64) + _INDEX_OFFSET).T  # noqa: E741
    return (h << 32) | (k << 16) | l


def _places(wanted: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """(N,) where each wanted key is among the keys, which have it."""
    order = np.argsort(keys)
    return order[np.searchsorted(keys, wanted, sorter=order)]


def main(args: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_directories(parser)
    parser.add_argument(
        "runs", nargs="*", metavar="ENTRY_ROW", help="only these (default: all)"
    )
    options = parser.parse_args(args)
    keep_missing(options.results, options.work_dir, options.pdb_dir, options.runs)


if __name__ == "__main__":
    main()
