"""What joins the atoms: springs by a law or a list, geometry, crystal contacts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from hnmref.errors import ModesError
from hnmref.modes.crystal import Crystal
from hnmref.modes.mgr import MgrConstants, Topology
from hnmref.modes.springs import COINCIDENT, LISTED, SpringLaw, Springs


@dataclass(frozen=True)
class ForceField:
    """Everything that has a stiffness.

    cutoff : longest spring that the law makes, Å.
    law : how stiff it is.
    listed : springs of given pairs, which stand in the place of the law's.
    topology, constants : geometry terms (MGR); the pairs that they hold get no
        spring of the law's.
    crystal : contacts with symmetry mates, or None for an isolated structure.
    """

    cutoff: float
    law: SpringLaw
    listed: Springs | None = None
    topology: Topology | None = None
    constants: MgrConstants = field(default_factory=MgrConstants)
    crystal: Crystal | None = None

    @property
    def weakest(self) -> float:
        """Stiffness of a spring as long as the cut-off, or the weakest listed.

        1 where there is none: repairs then join the parts by such springs.
        """
        if self.law.name != LISTED:
            return float(self.law.stiffness(np.array([self.cutoff]))[0])
        stiffness = self.listed.stiffness
        return float(stiffness[stiffness > 0].min()) if (stiffness > 0).any() else 1.0

    def check(self, n_atoms: int) -> None:
        """Raise ModesError where it does not suit a structure of n_atoms."""
        if not (np.isfinite(self.cutoff) and self.cutoff > COINCIDENT):
            raise ModesError(
                f"the cut-off must be a positive length in Å, not {self.cutoff}"
            )
        if self.listed is not None:
            self.listed.check(n_atoms)
        if self.law.name == LISTED and not (
            self.listed is not None and (self.listed.stiffness > 0).any()
        ):
            raise ModesError(
                f"spring law {LISTED!r} needs a list of springs, some of them stiffer "
                f"than 0: give pair_springs, or use another law"
            )
        if self.topology is not None:
            self.topology.check(n_atoms)

    def within(self, atoms: np.ndarray, n_atoms: int) -> ForceField:
        """That of some atoms (sorted indices of n_atoms) in isolation."""
        listed, topology = self.listed, self.topology
        return replace(
            self,
            listed=None if listed is None else listed.within(atoms, n_atoms),
            topology=None if topology is None else topology.within(atoms, n_atoms),
            crystal=None,
        )

    def provenance(self) -> dict:
        """What it is, for a file of modes."""
        told = {
            "model": "elastic network" if self.topology is None else "MGR",
            "cutoff": self.cutoff,
            "spring_law": self.law.name,
            "power": float(self.law.power),
            "hinsen_range": float(self.law.gaussian_range),
        }
        if self.listed is not None:
            told["n_listed_springs"] = len(self.listed)
        if self.topology is not None:
            told["mgr"] = {
                "bond": self.constants.bond,
                "angle": self.constants.angle,
                "dihedral": self.constants.dihedral,
            }
        if self.crystal is not None:
            told["crystal"] = {
                "axes": self.crystal.axes.tolist(),
                "n_operators": len(self.crystal.rotations),
            }
        return told
