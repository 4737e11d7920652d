"""The free reflections of runs, from the MTZ files that they wrote."""

from __future__ import annotations

from pathlib import Path

import hnmref  # noqa: F401  (cctbx's extensions must load before scipy's)

import numpy as np
from cctbx import miller
from iotbx import mtz

from benchmarks.bootstrap import FreeSet
from hnmref.refine import arrays


def read_free_set(files: dict[str, Path]) -> FreeSet:
    """The free reflections that all runs have.

    Outliers are rejected by each run for itself, so that a few reflections may
    be in one and not in another.

    :param files: MTZ file of each run, by its name.
    :raises ValueError: two files have different amplitudes for one reflection.
    """
    runs = {name: _free_amplitudes(path) for name, path in files.items()}
    first = next(iter(runs))
    common = runs[first][0]
    for f_obs, _ in runs.values():
        common = common.common_set(f_obs)
    amplitudes = {
        name: [_at(common.indices(), array) for array in pair]
        for name, pair in runs.items()
    }
    f_obs = amplitudes[first][0]
    for name, (other, _) in amplitudes.items():
        # Scaling multiplies the observed amplitudes of a run by one number, which
        # leaves R as it is.
        scale = (f_obs @ other) / (other @ other)
        if not np.allclose(f_obs, scale * other, rtol=1e-4):
            raise ValueError(
                f"{files[name]} and {files[first]} differ in F-obs-filtered: they "
                "were not refined against the same data"
            )
    return FreeSet(f_obs, {name: pair[1] for name, pair in amplitudes.items()})


def _free_amplitudes(path: Path) -> tuple[miller.array, miller.array]:
    """Observed and model amplitudes of a run's free reflections."""
    found = {}
    for array in mtz.object(str(path)).as_miller_arrays():
        # Friedel pairs have labels that end in (+) and (-).
        found[array.info().labels[0].split("(")[0]] = array
    f_obs, f_model = found["F-obs-filtered"], abs(found["F-model"])
    flags = found["R-free-flags"].common_set(f_obs)
    free = f_obs.select(flags.data() == 1)
    return free, f_model.common_set(free)


def _at(indices, array: miller.array) -> np.ndarray:
    """The array's values at Miller indices that it has, in their order."""
    pairs = miller.match_indices(indices, array.indices()).pairs()
    return arrays.to_numpy(array.data().select(pairs.column(1)))
