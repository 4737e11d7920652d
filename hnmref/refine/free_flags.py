"""Free-R flags of any convention: found, chosen, or made where asked for."""

from __future__ import annotations

import random

import numpy as np
from cctbx import miller
from cctbx.array_family import flex
from iotbx.reflection_file_utils import (
    cif_status_flags_as_int_r_free_flags,
    get_r_free_flags_scores,
    looks_like_r_free_flags_info,
)

from hnmref.errors import InputError
from hnmref.refine.arrays import to_numpy
from hnmref.refine.labels import best_candidates, label_of, listed

#: A free set outside these fractions is not one (or not told from the rest).
FREE_FRACTION_LIMITS = (0.005, 0.30)
#: A larger part of the data without a flag means that the flags are not theirs.
MAX_UNFLAGGED_FRACTION = 0.10
#: Free sets smaller than this make R_free a rough number.
FEW_FREE_REFLECTIONS = 300


def free_flags(
    arrays: list, f_obs, info, params, file_name: str, random_seed: int, notes
) -> tuple[miller.array, str, int | None]:
    """Boolean flags for the reflections of f_obs, their label and test value.

    :param arrays: every array of the file.
    :param info: the array_info of the chosen data.
    :param params: the extracted ``data`` scope.
    :param notes: gains what was chosen or left out.
    :raises InputError: no flags and none asked for, or flags that cannot be used.
    """
    found = _find_flags(arrays, info, params, file_name, notes)
    if found is None:
        if not params.generate_free_flags:
            raise InputError(
                f"{file_name} has no free-R flags (its columns are {listed(arrays)}): "
                "name them with data.free_label, or have a free set made with "
                "data.generate_free_flags=True"
            )
        return _generated_flags(f_obs, params, random_seed, notes), "generated", None
    array, test_value = found
    if params.generate_free_flags:
        notes.append(f"No free set was made: {file_name} has one ({label_of(array)})")
    flags = _flags_of_reflections(array, test_value, f_obs, file_name, notes)
    return flags, label_of(array), int(test_value)


def _find_flags(arrays: list, data_info, params, file_name: str, notes: list[str]):
    """(flag array, value of the free set), or None where the file has none."""
    columns = _flag_columns(arrays)
    if params.free_label is not None:
        columns = _named_flags(columns, params, file_name)
    found = []
    scoring = get_r_free_flags_scores(columns, params.test_value)
    for array, score, value in zip(columns, scoring.scores, scoring.test_flag_values):
        if score > 0:
            found.append((array, score, value))
    if not found and params.free_label is not None:
        return columns[0], _value_of_smaller_part(columns[0], params, file_name)
    if not found:
        return None
    best = max(_flag_rank(array, score, data_info) for array, score, _ in found)
    found = [f for f in found if _flag_rank(f[0], f[1], data_info) == best]
    if not _same_free_set(found):
        raise InputError(
            f"{file_name} has several free-R flag columns that disagree "
            f"({listed([f[0] for f in found])}): choose with data.free_label"
        )
    array, _, value = found[0]
    if not looks_like_r_free_flags_info(array.info()):
        notes.append(f"{label_of(array)} is taken as free-R flags for its values alone")
    if len(found) > 1:
        notes.append(f"Equal free-flag columns: {label_of(array)} taken")
    return array, value


def _flag_columns(arrays: list) -> list:
    """Columns that can be flags, the status words of SF-CIF turned to integers."""
    result = []
    for array in arrays:
        if array.is_string_array():
            if "f" in set(array.data()):
                result.append(cif_status_flags_as_int_r_free_flags(array, "f")[0])
        elif array.is_integer_array() or array.is_bool_array():
            result.append(array)
    return result


def _named_flags(columns: list, params, file_name: str) -> list:
    chosen = best_candidates(columns, [1] * len(columns), params.free_label)
    if len(chosen) != 1:
        what = "matches no" if not chosen else "matches more than one"
        raise InputError(
            f"data.free_label={params.free_label} {what} flag column of {file_name}: "
            f"choose one of {listed(chosen or columns)}"
        )
    return chosen


def _flag_rank(array, score: int, data_info) -> tuple[int, bool, bool, bool]:
    """iotbx's score, then the data's own CIF block, then a telling name.

    In an SF-CIF the status word says what was done, whatever other flags say.
    """
    labels = array.info().labels
    same_block = labels[0] == data_info.labels[0]
    is_status = labels[-1] == "_refln.status"
    return score, same_block, is_status, looks_like_r_free_flags_info(array.info())


def _same_free_set(found: list) -> bool:
    first_array, _, first_value = found[0]
    free = first_array.select(_is_free(first_array, first_value)).map_to_asu()
    reference = set(free.indices())
    for array, _, value in found[1:]:
        other = array.select(_is_free(array, value)).map_to_asu()
        if set(other.indices()) != reference:
            return False
    return True


def _is_free(array, value):
    if array.is_bool_array():
        return array.data() == bool(value)
    return array.data() == int(value)


def _value_of_smaller_part(array, params, file_name: str) -> int:
    """The test value of a column that the user named though it scores nothing."""
    values, counts = np.unique(to_numpy(array.data()).astype(int), return_counts=True)
    wanted = params.test_value
    if wanted is not None and wanted in values:
        return wanted
    if wanted is None and len(values) == 2:
        return int(values[np.argmin(counts)])
    raise InputError(
        f"The free set of {label_of(array)} in {file_name} is not evident (its values "
        f"are {', '.join(map(str, values[:30]))}): give one with data.test_value"
    )


def _flags_of_reflections(array, test_value, f_obs, file_name: str, notes: list[str]):
    """Boolean flags on f_obs's indices; reflections without one are left out."""
    as_int = _is_free(array, test_value).as_int()
    flags = array.customized_copy(data=as_int, sigmas=None).as_non_anomalous_array()
    flags = flags.map_to_asu()
    # Where mates or equivalents disagree the reflection was free at least once.
    strict = flags.merge_equivalents(incompatible_flags_replacement=1).array()
    loose = flags.merge_equivalents(incompatible_flags_replacement=0).array()
    n_conflicts = flex.sum(strict.data()) - flex.sum(loose.data())
    if n_conflicts:
        notes.append(
            f"{n_conflicts} equivalent reflections disagree in their flag: free"
        )
    flags = strict.customized_copy(data=strict.data() == 1)
    if f_obs.anomalous_flag():
        flags = flags.generate_bijvoet_mates()
    flags = flags.common_set(f_obs)
    n_missing = f_obs.size() - flags.size()
    if n_missing > MAX_UNFLAGGED_FRACTION * f_obs.size():
        raise InputError(
            f"{n_missing} of {f_obs.size()} reflections of {file_name} have no free-R "
            f"flag in {label_of(array)}: give flags for all of them"
        )
    if n_missing:
        notes.append(f"{n_missing} reflections without a free-R flag left out")
    return flags


def _generated_flags(f_obs, params, random_seed: int, notes: list[str]):
    """A random free set, equal over the lattice's symmetry (twinning, NCS)."""
    random.seed(random_seed)
    flex.set_random_seed(random_seed)
    flags = f_obs.generate_r_free_flags(
        fraction=params.free_fraction, max_free=None, use_lattice_symmetry=True
    )
    n_free = flags.data().count(True)
    notes.append(
        f"A free set of {n_free} reflections was made (data.generate_free_flags=True, "
        f"seed {random_seed}): keep it for every later refinement"
    )
    return flags


def check_free_fraction(flags, label: str, file_name: str, notes: list[str]) -> None:
    """Refuse a free set of an unlikely size; note a small one."""
    n_free, n = flags.data().count(True), flags.size()
    low, high = FREE_FRACTION_LIMITS
    if n == 0 or not low <= n_free / n <= high:
        raise InputError(
            f"The free set of {file_name} ({label}) holds {n_free} of {n} reflections; "
            f"between {low:.1%} and {high:.0%} are expected: choose it with "
            "data.free_label and data.test_value"
        )
    if n_free < FEW_FREE_REFLECTIONS:
        notes.append(f"Only {n_free} free reflections: R_free is a rough number")
