"""Figures that say what kind of motion a mode is."""

from __future__ import annotations

import numpy as np

from hnmref.modes.fluctuations import Motion
from hnmref.modes.mode_set import ModeSet


def collectivity(modes: ModeSet | Motion) -> np.ndarray:
    """Share of the atoms that take part in each mode, (n,), 1/N to 1.

    ``exp(-sum_j p_j ln p_j) / N`` with p_j the atom's share of the squared
    displacement (Brüschweiler 1995, with unit masses; ΔΔPT's equation 9).
    """
    share = np.einsum("jam,jam->jm", modes.vectors, modes.vectors)
    share /= share.sum(axis=0)
    # p ln p tends to 0 with p.
    logarithm = np.log(np.where(share > 0, share, 1.0))
    return np.exp(-np.sum(share * logarithm, axis=0)) / modes.n_atoms
