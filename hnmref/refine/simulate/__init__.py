"""Diffraction data of a model whose motion is known: two levels of it, and noise.

The truth is ``U = U_group + U_local`` (thesis, eq. 13). U_group is the sum of
the whole complex's modes and of each substructure's own, with covariances drawn
at random that fall as 1/λ; U_local is isotropic and smooth along the chain. The
network behind these modes has another cut-off and another law than the one
hnmref.refine takes by itself, more of its modes are used, and its loose ends are
held back, so that the truth lies outside the space that a refinement searches.

The data are ``|F_model|`` of mmtbx with flat bulk solvent and a small overall
anisotropy, plus Gaussian noise that grows with resolution.
"""

from hnmref.refine.simulate.box import put_in_box
from hnmref.refine.simulate.files import write_simulated
from hnmref.refine.simulate.motion import Motion
from hnmref.refine.simulate.simulation import (
    Simulation,
    residue_labels,
    simulate,
    substructure_labels,
)

__all__ = [
    "Motion",
    "Simulation",
    "put_in_box",
    "residue_labels",
    "simulate",
    "substructure_labels",
    "write_simulated",
]
