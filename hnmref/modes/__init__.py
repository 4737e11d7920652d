"""Normal modes of elastic networks: numpy, scipy and threadpoolctl only."""

from hnmref.modes.analysis import collectivity
from hnmref.modes.compute import compute_modes
from hnmref.modes.fsub import compute_fsub_modes
from hnmref.modes.mode_set import ModeSet
from hnmref.modes.nmd import AtomNames, write_nmd
from hnmref.modes.rigid import rigid_body_modes
from hnmref.modes.springs import SPRING_LAWS

__all__ = [
    "SPRING_LAWS",
    "AtomNames",
    "ModeSet",
    "collectivity",
    "compute_fsub_modes",
    "compute_modes",
    "rigid_body_modes",
    "write_nmd",
]
