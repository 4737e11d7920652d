"""Normal modes of elastic networks: numpy, scipy and threadpoolctl only."""

from hnmref.modes.alignment import AtomLabels, AtomMatch, match_atoms
from hnmref.modes.analysis import collectivity
from hnmref.modes.compute import compute_modes
from hnmref.modes.crystal import Crystal
from hnmref.modes.fsub import compute_fsub_modes
from hnmref.modes.gnm import GaussianModes, compute_gaussian_modes
from hnmref.modes.mgr import MgrConstants, Topology, topology_from_bonds
from hnmref.modes.mode_set import ModeSet
from hnmref.modes.nmd import AtomNames, write_nmd
from hnmref.modes.nonlinear import block_motions, displace
from hnmref.modes.principal import (
    PrincipalComponents,
    principal_components,
    project,
    superpose_frames,
)
from hnmref.modes.rigid import rigid_body_modes
from hnmref.modes.springs import SPRING_LAWS, Springs
from hnmref.modes.superpose import Superposition, superpose, superpose_core
from hnmref.modes.transition import Transition, find_transition
from hnmref.modes.units import quanta_in_kt, thermal_variance, wavenumbers

__all__ = [
    "SPRING_LAWS",
    "AtomLabels",
    "AtomMatch",
    "AtomNames",
    "Crystal",
    "GaussianModes",
    "MgrConstants",
    "ModeSet",
    "PrincipalComponents",
    "Springs",
    "Superposition",
    "Topology",
    "Transition",
    "block_motions",
    "collectivity",
    "compute_fsub_modes",
    "compute_gaussian_modes",
    "compute_modes",
    "displace",
    "find_transition",
    "match_atoms",
    "principal_components",
    "project",
    "quanta_in_kt",
    "rigid_body_modes",
    "superpose",
    "superpose_core",
    "superpose_frames",
    "thermal_variance",
    "topology_from_bonds",
    "wavenumbers",
    "write_nmd",
]
