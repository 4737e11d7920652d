"""Reflections and free-R flags, from any file that iotbx reads.

What is read is what stands in the file: rejected reflections are counted in
``Data.notes``, and free flags are made only where that was asked for.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import numpy as np
from cctbx import french_wilson, miller, sgtbx
from iotbx.reflection_file_reader import any_reflection_file
from iotbx.reflection_file_utils import get_xray_data_scores
from libtbx import Auto
from libtbx.utils import Sorry, null_out

from hnmref.errors import InputError
from hnmref.refine.arrays import to_bool, to_numpy
from hnmref.refine.free_flags import check_free_fraction, free_flags
from hnmref.refine.labels import best_candidates, label_of, listed


@dataclass
class Data:
    """Observed amplitudes and their free set, ready for f_model.

    :ivar f_obs: real amplitudes, merged, in the asymmetric unit.
    :ivar r_free_flags: booleans, True in the free set, same indices as f_obs.
    :ivar labels: columns that the amplitudes come from.
    :ivar free_label: column of the flags.
    :ivar test_value: the flag's value in the free set; None for flags made here.
    :ivar twin_law: as f_model takes it, or None.
    :ivar wavelength: Å, where the file gives one.
    :ivar notes: what was chosen, rejected or made, a sentence each.
    """

    f_obs: miller.array
    r_free_flags: miller.array
    labels: str
    free_label: str
    test_value: int | None
    twin_law: str | None = None
    wavelength: float | None = None
    notes: list[str] = field(default_factory=list)


def read_data(
    file_name: str,
    params,
    *,
    random_seed: int,
    model_crystal_symmetry=None,
) -> Data:
    """Read observations and free flags from a reflection file.

    :param file_name: MTZ, SF-CIF or another format of iotbx.
    :param params: the extracted ``data`` scope of :mod:`hnmref.params`.
    :param random_seed: seed of a free set that is made.
    :param model_crystal_symmetry: used only where the file has no symmetry.
    :raises InputError: file, columns, flags or reflections cannot be used.
    """
    notes: list[str] = []
    twin_law = _checked_twin_law(params.twin_law)
    arrays = _read_arrays(file_name, model_crystal_symmetry, notes)
    observed = _choose_observations(arrays, params, file_name, notes)
    info = observed.info()
    f_obs = _amplitudes(observed, params, file_name, notes)
    flags, free_label, test_value = free_flags(
        arrays, f_obs, info, params, file_name, random_seed, notes
    )
    f_obs, flags = f_obs.common_sets(flags)
    f_obs.set_observation_type_xray_amplitude()
    f_obs.set_info(info)
    check_free_fraction(flags, free_label, file_name, notes)
    return Data(
        f_obs=f_obs,
        r_free_flags=flags,
        labels=info.label_string(),
        free_label=free_label,
        test_value=test_value,
        twin_law=twin_law,
        wavelength=info.wavelength or None,
        notes=notes,
    )


def _checked_twin_law(twin_law: str | None) -> str | None:
    if twin_law is None:
        return None
    try:
        sgtbx.change_of_basis_op(twin_law.replace("*", ""))
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"data.twin_law={twin_law} is not an operator: write it as 'k,h,-l'"
        ) from error
    return twin_law


def _read_arrays(file_name: str, model_symmetry, notes: list[str]) -> list:
    """Every array of the file, unmerged, with a unit cell and space group."""
    # iotbx reads "name=hklf4" as the format of a file called name.
    if not os.path.isfile(file_name) and not os.path.isfile(file_name.split("=")[0]):
        raise InputError(f"Reflection file {file_name} does not exist: check its path")
    reader = any_reflection_file(file_name)
    if reader.file_type() is None:
        raise InputError(
            f"{file_name} is not a reflection file that can be read: "
            "give an MTZ or SF-CIF file"
        )
    try:
        arrays = reader.as_miller_arrays(merge_equivalents=False)
        if any(_lacks_symmetry(array) for array in arrays):
            if model_symmetry is not None:
                arrays = reader.as_miller_arrays(
                    crystal_symmetry=model_symmetry, merge_equivalents=False
                )
                notes.append(
                    f"{file_name} has no complete symmetry: the model's is used"
                )
    except (Sorry, RuntimeError, ValueError) as error:
        raise InputError(
            f"{file_name} cannot be read as reflections ({_one_line(error)}): "
            "check the file or convert it to MTZ"
        ) from error
    arrays = [array for array in arrays if array.size() > 0]
    if any(_lacks_symmetry(array) for array in arrays):
        raise InputError(
            f"{file_name} has no unit cell or no space group: "
            "convert it to MTZ with both"
        )
    return arrays


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _lacks_symmetry(array) -> bool:
    return array.unit_cell() is None or array.space_group_info() is None


def _choose_observations(arrays: list, params, file_name: str, notes: list[str]):
    """The array to refine against: named by the user, or the best scored.

    Unasked, merged amplitudes win over intensities and Friedel pairs.
    """
    scores = get_xray_data_scores(
        miller_arrays=arrays,
        ignore_all_zeros=True,
        prefer_anomalous=params.anomalous is True,
        prefer_amplitudes=True,
    )
    observed = [
        a.is_xray_amplitude_array() or a.is_xray_intensity_array() for a in arrays
    ]
    if params.labels is None:
        scores = [s if is_obs else 0 for s, is_obs in zip(scores, observed)]
    # Where iotbx finds both equal, amplitudes were what others refined against.
    scores = [
        2 * s + (s > 0 and a.is_xray_amplitude_array()) for a, s in zip(arrays, scores)
    ]
    chosen = best_candidates(arrays, scores, params.labels)
    if not chosen:
        wanted = "" if params.labels is None else f" named {params.labels}"
        raise InputError(
            f"{file_name} has no observed amplitudes or intensities{wanted}: "
            f"its columns are {listed(arrays)}; choose with data.labels"
        )
    chosen = _first_block(_drop_filtered(chosen, notes), notes)
    if len(chosen) > 1:
        raise InputError(
            f"{file_name} has several equally suitable data columns "
            f"({listed(chosen)}): choose with data.labels"
        )
    result = chosen[0]
    if not (result.is_xray_amplitude_array() or result.is_xray_intensity_array()):
        notes.append(f"{label_of(result)} is not marked as data: used as amplitudes")
    others = [
        array
        for array, is_obs in zip(arrays, observed)
        if is_obs and array.sigmas() is not None and array is not result
    ]
    if others and params.labels is None:
        notes.append(
            f"Data columns {label_of(result)} taken; also there: {listed(others)} "
            "(data.labels chooses)"
        )
    return result


def _drop_filtered(arrays: list, notes: list[str]) -> list:
    """phenix.refine writes F-obs and F-obs-filtered: the first is the data."""
    kept = [a for a in arrays if "-filtered" not in label_of(a)]
    if kept and len(kept) < len(arrays):
        notes.append(f"Filtered copies of the data are passed over for {listed(kept)}")
        return kept
    return arrays


def _without_block(array) -> str:
    """The label of a CIF array without the name of its data block."""
    return ",".join(part for part in array.info().labels if part.startswith("_"))


def _first_block(arrays: list, notes: list[str]) -> list:
    """In an SF-CIF of several blocks the first is what was refined against."""
    names = {_without_block(array) for array in arrays}
    if len(arrays) > 1 and len(names) == 1 and "" not in names:
        notes.append(
            f"{len(arrays)} data blocks hold the same columns: the first is taken "
            f"({label_of(arrays[0])})"
        )
        return arrays[:1]
    return arrays


def _amplitudes(observed, params, file_name: str, notes: list[str]):
    """Clean, merged amplitudes in the asymmetric unit, within the limits."""
    array = _reject_unusable(observed, file_name, notes)
    n_read = array.size()
    array = array.map_to_asu().merge_equivalents().array()
    array.set_observation_type(observed)
    if array.size() < n_read:
        notes.append(f"{n_read} observations merged to {array.size()} reflections")
    array = _without_absences(array, file_name, notes)
    array = _within_resolution(array, params, file_name, notes)
    array = _with_anomalous_choice(array, params, file_name, notes)
    if array.is_xray_intensity_array():
        array = _from_intensities(array, file_name, notes)
    return array


def _reject_unusable(array, file_name: str, notes: list[str]):
    """Without values that are no measurement; see docs/inputs.md.

    An amplitude of exactly zero marks an unmeasured reflection in old files.
    """
    is_intensity = array.is_xray_intensity_array()
    values = to_numpy(array.data()).astype(float)
    bad = {"NaN or infinite": ~np.isfinite(values)}
    if not is_intensity:
        with np.errstate(invalid="ignore"):
            bad["negative"] = values < 0
        bad["zero"] = values == 0
    sigmas = array.sigmas()
    if sigmas is not None:
        s = to_numpy(sigmas).astype(float)
        if np.all(s == 0):
            bare = miller.array(miller_set=array, data=array.data())
            array = bare.set_observation_type(array)
            notes.append("All sigmas are zero: the data are used without sigmas")
        else:
            bad["with a sigma that is not positive"] = ~(np.isfinite(s) & (s > 0))
    rejected = np.zeros(len(values), bool)
    for what, selection in bad.items():
        n_new = int(np.count_nonzero(selection & ~rejected))
        rejected |= selection
        if n_new:
            quantity = "intensities" if is_intensity else "amplitudes"
            notes.append(f"{n_new} {quantity} {what} rejected")
    if rejected.all():
        raise InputError(
            f"No usable reflection is left in {file_name}: all {len(values)} values of "
            "the data column are NaN, infinite, not positive or without a positive "
            "sigma; choose another column with data.labels"
        )
    kept = array.select(to_bool(~rejected))
    if not is_intensity:
        kept.set_observation_type_xray_amplitude()
    return kept


def _without_absences(array, file_name: str, notes: list[str]):
    absent = array.sys_absent_flags().data()
    n_absent = absent.count(True)
    if n_absent == array.size():
        raise InputError(
            f"Every reflection of {file_name} is a systematic absence of "
            f"{array.space_group_info()}: check its space group"
        )
    if n_absent:
        notes.append(f"{n_absent} systematically absent reflections removed")
        array = array.select(~absent)
    return array


def _within_resolution(array, params, file_name: str, notes: list[str]):
    d_min, d_max = params.high_resolution, params.low_resolution
    if d_min is None and d_max is None:
        return array
    kept = array.resolution_filter(d_min=d_min or 0, d_max=d_max or 0)
    if kept.size() == 0:
        high_edge, low_edge = array.d_min(), array.d_max_min()[0]
        raise InputError(
            f"No reflection of {file_name} ({low_edge:.2f} to {high_edge:.2f} A) lies "
            "within data.low_resolution and data.high_resolution"
        )
    notes.append(
        f"{array.size() - kept.size()} reflections outside the limits left out"
    )
    return kept


def _with_anomalous_choice(array, params, file_name: str, notes: list[str]):
    """Friedel mates merged or kept apart, as ``data.anomalous`` says."""
    if params.anomalous is True and not array.anomalous_flag():
        raise InputError(
            f"data.anomalous=True, but {_label_or_none(array)} the data of {file_name} "
            "have no Friedel mates: choose other columns with data.labels"
        )
    if not array.anomalous_flag() or params.anomalous is True:
        return array
    if params.anomalous is Auto or params.anomalous is None:
        merged = array.convert_to_non_anomalous_if_ratio_pairs_lone_less_than(0.5)
        reason = "few reflections have their mate"
    else:
        merged = array.average_bijvoet_mates()
        reason = "data.anomalous=False"
    if not merged.anomalous_flag():
        merged.set_observation_type(array)
        notes.append(f"Friedel mates merged ({reason})")
    return merged


def _label_or_none(array) -> str:
    return "" if array.info() is None else label_of(array)


def _from_intensities(array, file_name: str, notes: list[str]):
    """Amplitudes by French and Wilson (1978), or as square roots without sigmas."""
    amplitudes = None
    if array.sigmas() is not None:
        try:
            amplitudes = french_wilson.french_wilson_scale(
                miller_array=array, log=null_out()
            )
        except Sorry as error:
            raise InputError(
                f"The intensities of {file_name} cannot become amplitudes "
                f"({_one_line(error)}): choose other columns with data.labels"
            ) from error
    if amplitudes is None:
        positive = array.select(array.data() > 0)
        if positive.size() == 0:
            raise InputError(f"{file_name} has no positive intensity: check the file")
        amplitudes = positive.f_sq_as_f()
        method = "square roots (no sigmas, or too few for French-Wilson)"
    else:
        method = "French-Wilson"
    amplitudes.set_observation_type_xray_amplitude()
    n_lost = array.size() - amplitudes.size()
    notes.append(
        f"Amplitudes from intensities by {method}; {n_lost} impossible ones rejected"
    )
    return amplitudes
