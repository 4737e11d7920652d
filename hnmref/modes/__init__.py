"""Normal modes of elastic networks: numpy, scipy and threadpoolctl only."""

from hnmref.modes.analysis import collectivity
from hnmref.modes.compute import compute_modes
from hnmref.modes.crystal import Crystal
from hnmref.modes.fsub import compute_fsub_modes
from hnmref.modes.gnm import GaussianModes, compute_gaussian_modes
from hnmref.modes.mgr import MgrConstants, Topology, topology_from_bonds
from hnmref.modes.mode_set import ModeSet
from hnmref.modes.nmd import AtomNames, write_nmd
from hnmref.modes.rigid import rigid_body_modes
from hnmref.modes.springs import SPRING_LAWS, Springs
from hnmref.modes.units import quanta_in_kt, thermal_variance, wavenumbers

__all__ = [
    "SPRING_LAWS",
    "AtomNames",
    "Crystal",
    "GaussianModes",
    "MgrConstants",
    "ModeSet",
    "Springs",
    "Topology",
    "collectivity",
    "compute_fsub_modes",
    "compute_gaussian_modes",
    "compute_modes",
    "quanta_in_kt",
    "rigid_body_modes",
    "thermal_variance",
    "topology_from_bonds",
    "wavenumbers",
    "write_nmd",
]
