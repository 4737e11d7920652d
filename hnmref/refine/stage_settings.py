"""Modes of each level and the weight of stage two, as given or found from the data.

What is Auto is found by cross-validation in every macro-cycle, one parameter after
the other: the modes of the whole complex by stage one alone, then the modes of a
substructure and the weight that holds it by stage two, on what stage one made of the
same reflections. Once is not enough: as long as all atoms have one U_local, modes
stand in for it, and more of them help than do later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace

import numpy as np
from libtbx import Auto

from hnmref.refine.cross_validation import Choice, CrossValidation
from hnmref.refine.modes import MODE_NUMBERS

#: Values of hnm.restraint_weight that are tried, the strongest first.
RESTRAINT_WEIGHTS = (2.0, 1.0, 0.5, 0.2, 0.0)
#: Those of hnm.prior_weight.
PRIOR_WEIGHTS = (3.0, 1.0, 0.3, 0.1, 0.0)


def prior_weights(before: float | None) -> tuple[float, ...]:
    """Those worth a trial: from the next stronger than that of the last macro-cycle on.

    :param before: what the last macro-cycle had; None in the first.
    """
    if before is None:
        return PRIOR_WEIGHTS
    as_before = next(i for i, weight in enumerate(PRIOR_WEIGHTS) if weight <= before)
    return PRIOR_WEIGHTS[max(as_before - 1, 0) :]


@dataclass(frozen=True)
class StageSettings:
    """``hnm.n_whole``, ``hnm.n_substructure`` and ``hnm.restraint_weight``."""

    n_whole: int
    n_substructure: int
    restraint_weight: float

    def state(self) -> dict[str, np.ndarray]:
        """For the restart file."""
        return {name: np.array(value) for name, value in asdict(self).items()}


#: What is Auto is this until it is found.
_BEFORE = StageSettings(n_whole=20, n_substructure=20, restraint_weight=0.5)


def first_settings(hnm) -> StageSettings:
    """What is given, and the rest as it is until it is found.

    :param hnm: extracted scope.
    """
    return known_settings(hnm, _BEFORE.state())


def known_settings(hnm, state: Mapping[str, np.ndarray]) -> StageSettings:
    """What is given, and where that is Auto what a restart file has.

    :param state: holds what :meth:`StageSettings.state` gave.
    """
    values = {}
    for field in fields(StageSettings):
        given = getattr(hnm, field.name)
        values[field.name] = state[field.name].item() if given is Auto else given
    return StageSettings(**values)


def has_settings_to_find(hnm) -> bool:
    """Whether any of them is Auto."""
    return any(getattr(hnm, field.name) is Auto for field in fields(StageSettings))


def find_settings(
    hnm,
    settings: StageSettings,
    most: tuple[int, int],
    trials: CrossValidation,
    stage_one: Callable[[object, int, int], np.ndarray],
    stage_two: Callable[[object, np.ndarray, int, float], None],
) -> tuple[StageSettings, list[Choice]]:
    """Find what is Auto in the scope.

    :param settings: those so far.
    :param most: modes that there are of the whole complex and of a substructure.
    :param stage_one: refines an f_model's structure, as :meth:`CrossValidation.choose`
        calls it, with a number of modes; U_group.
    :param stage_two: does so on stage one's U_group, with modes and weight.
    """
    choices = []
    whole, u_whole = trials.choose(
        "hnm.n_whole",
        _numbers(most[0]) if hnm.n_whole is Auto else [hnm.n_whole],
        stage_one,
    )
    if hnm.n_whole is Auto:
        choices.append(whole)
        settings = replace(settings, n_whole=whole.value)
    if hnm.n_substructure is Auto:
        choice, _ = trials.choose(
            "hnm.n_substructure",
            _numbers(min(most[1], settings.n_whole)),
            lambda fmodel, i, n: stage_two(
                fmodel, u_whole[i], n, settings.restraint_weight
            ),
        )
        choices.append(choice)
        settings = replace(settings, n_substructure=choice.value)
    if hnm.restraint_weight is Auto:
        choice, _ = trials.choose(
            "hnm.restraint_weight",
            RESTRAINT_WEIGHTS,
            lambda fmodel, i, w: stage_two(
                fmodel, u_whole[i], settings.n_substructure, w
            ),
        )
        choices.append(choice)
        settings = replace(settings, restraint_weight=choice.value)
    return settings, choices


def _numbers(most: int) -> list[int]:
    """Numbers of modes to try where there are so many."""
    return [number for number in MODE_NUMBERS if number <= most] or [most]
