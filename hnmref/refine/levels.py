"""The parts of a refined U, each by itself."""

from __future__ import annotations

import numpy as np

from hnmref.adp.metrics import add_isotropic

#: The parts that each ``group_adp`` has. ``group`` and ``local`` add up to the
#: total; ``whole`` is stage one's U_group, which stage two took the place of.
LEVELS = {
    "hnm": ("whole", "group", "local"),
    "tls": ("group", "local"),
    "none": ("local",),
}

#: What a model with U of one level says of itself.
LEVEL_REMARKS = {
    "whole": "ONE LEVEL OF U: U_WHOLE, THE MODES OF THE WHOLE COMPLEX (STAGE ONE).",
    "group": "ONE LEVEL OF U: U_GROUP, THE COLLECTIVE PART OF THE TOTAL U.",
    "local": "ONE LEVEL OF U: U_LOCAL, THE ISOTROPIC PART OF THE TOTAL U.",
}


def level_u(group_adp, level: str) -> np.ndarray:
    """(N, 6) U of one level, Å².

    :param group_adp: one of the models in :mod:`hnmref.refine.group_adp`.
    :param level: one of those that LEVELS lists for it.
    """
    if level == "whole":
        return group_adp.u_whole()
    parts = group_adp.displacements
    if level == "group":
        return parts.u_group
    return add_isotropic(np.zeros_like(parts.u_group), parts.u_local)
