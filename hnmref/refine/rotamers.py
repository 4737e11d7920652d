"""Side chains put into the rotamer that the map shows, by mmtbx's fit_residues.

Rotamer outliers and side chains in poor density are fitted to the 2mFo-DFc map of the
working set, kept from their neighbours; mmtbx judges each by map and rotamer. Its
tables of χ are not part of cctbx-base: the rotamers of the Penultimate library, which
mmtbx has for their names, with steps to both sides, stand in for them.

Import this module only after ``use_rotarama_data``: mmtbx's own opens the rotamer
grids as it is imported.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np
import scitbx.math
from cctbx import maptbx
from libtbx.utils import null_out
from mmtbx.refinement.real_space import (
    fit_residue,
    fit_residues,
    side_chain_fit_evaluator,
)
from mmtbx.rotamer.rotamer_eval import RotamerEval
from mmtbx.rotamer.sidechain_angles import SidechainAngles

from hnmref.refine.arrays import to_bool, to_numpy, vec3_to_numpy
from hnmref.refine.side_chains import movable_side_chains

#: A side chain that moves less than this (Å) is left to the minimiser: mmtbx counts a
#: fitted residue as moved from here on.
_MOVED = 0.5
#: Steps from the middle of a rotamer that are tried for each χ, degrees. mmtbx's
#: search afterwards goes 30 degrees to both sides.
_STEPS = (-15.0, 0.0, 15.0)
#: Grid of the maps, Å, as mmtbx has it for this.
_GRID_STEP = 0.3
#: Side chains without a rotamer, or closed into a ring.
_NOT_FITTED = {"ALA", "GLY", "PRO"}


class FittedSideChain(NamedTuple):
    """A residue as mmtbx would have it: label, its atoms, their (n, 3) sites in Å."""

    label: str
    atoms: np.ndarray
    sites: np.ndarray


def fitted_side_chains(fmodel, model) -> list[FittedSideChain]:
    """Fit rotamer outliers and side chains in poor density: those that would move.

    The model stays as it is. mmtbx takes any rotamer for an outlier, whatever the map
    says: the caller has to judge.

    Only whole side chains of one conformer, off special positions, bonded to nothing
    else and without atoms of zero occupancy are fitted. Depends on the structure and
    the data alone.

    :param fmodel: f_model, or its twin, of the model's structure.
    :param model: mmtbx model with the restraints of ``process_restraints``.
    """
    crystal_symmetry = fmodel.xray_structure.crystal_symmetry()
    hierarchy = model.get_hierarchy().deep_copy()
    hierarchy.atoms().reset_i_seq()
    density, difference = (_map(fmodel, kind) for kind in ("2mFo-DFc", "mFo-DFc"))
    rotamers = _Rotamers()
    doubtful = side_chain_fit_evaluator(
        pdb_hierarchy=hierarchy,
        crystal_symmetry=crystal_symmetry,
        rotamer_evaluator=rotamers.rotamer_evaluator,
        map_data=density,
        diff_map_data=difference,
    ).sel_outliers_or_poormap()
    side_chains = [
        side_chain
        for side_chain in movable_side_chains(model)
        if side_chain.name not in _NOT_FITTED
    ]
    movable = np.zeros(model.size(), bool)
    for side_chain in side_chains:
        movable[side_chain.atoms] = True
    before = vec3_to_numpy(hierarchy.atoms().extract_xyz()).copy()
    _Fit(
        pdb_hierarchy=hierarchy,
        crystal_symmetry=crystal_symmetry,
        rotamer_manager=rotamers,
        sin_cos_table=scitbx.math.sin_cos_table(n=10000),
        mon_lib_srv=model.get_mon_lib_srv(),
        rotatable_hd=model.rotatable_hd_selection(iselection=False),
        bselection=to_bool(to_numpy(doubtful) & movable),
        map_data=density,
        diff_map_data=difference,
        vdw_radii=model.get_vdw_radii(),
        log=null_out(),
    )
    after = vec3_to_numpy(hierarchy.atoms().extract_xyz())
    moved = np.linalg.norm(after - before, axis=1) > _MOVED
    return [
        FittedSideChain(side_chain.label, side_chain.atoms, after[side_chain.atoms])
        for side_chain in side_chains
        if moved[side_chain.atoms].any()
    ]


def _map(fmodel, kind: str):
    """In units of its standard deviation; the free set has no part in it."""
    coefficients = fmodel.electron_density_map().map_coefficients(
        map_type=kind,
        exclude_free_r_reflections=True,
        fill_missing=False,
        isotropize=False,
    )
    if coefficients.anomalous_flag():
        coefficients = coefficients.average_bijvoet_mates()
    gridding = maptbx.crystal_gridding(
        unit_cell=coefficients.unit_cell(),
        space_group_info=coefficients.space_group_info(),
        symmetry_flags=maptbx.use_space_group_symmetry,
        step=_GRID_STEP,
    )
    result = coefficients.fft_map(crystal_gridding=gridding)
    result.apply_sigma_scaling()
    return result.real_map_unpadded()


class _Rotamers:
    """What fit_residues asks of mmtbx's rotamer manager."""

    def __init__(self) -> None:
        self.rotamer_evaluator = RotamerEval()
        self._angles = SidechainAngles(False)

    def get_chi_angles(self, resname: str) -> list[tuple[float, ...]]:
        """χ of all rotamers of a residue and around them, degrees."""
        middles = (self._angles.get_rotamers(resname.strip()) or {}).values()
        return [
            tuple(np.add(middle, steps))
            for middle in middles
            for steps in itertools.product(_STEPS, repeat=len(middle))
        ]

    def present_chi_angles(self, residue) -> list[float] | None:
        """Degrees; None where an atom is missing."""
        chis = self._angles.measureChiAngles(residue)
        return None if chis is None or None in chis else chis


class _FitResidue(fit_residue.run):
    """One residue, turned from its own χ to those of each rotamer."""

    def get_rotamer_iterator(self):
        """The residue as it is, in the place of the library's first rotamer.

        ``chi_angles`` become turns (radians) from there. None: not fitted.
        """
        present = self.rotamer_manager.present_chi_angles(self.residue)
        rotatable = len(self.co.clusters) - 1  # the first is the backbone's
        if present is None or len(present) > rotatable:
            return None
        self.chi_angles = [
            [math.radians(chi - own) for chi, own in zip(chis, present)]
            for chis in self.chi_angles
        ]
        return [(None, self.residue.atoms().extract_xyz())]


class _Fit(fit_residues.run):
    """mmtbx's loop over the residues, with our χ for each."""

    def one_residue_iteration(self, residue):
        """Fit one residue in place, clear of its neighbours."""
        radius = fit_residues.negate_map_table[residue.resname.strip().lower()]
        _FitResidue(
            residue=residue,
            vdw_radii=self.vdw_radii,
            xyzrad_bumpers=self.get_nonbonded_bumpers(residue=residue, radius=radius),
            backbone_sample=False,
            unit_cell=self.crystal_symmetry.unit_cell(),
            target_map=self.target_map,
            target_map_for_cb=self.target_map,
            mon_lib_srv=self.mon_lib_srv,
            rotamer_manager=self.rotamer_manager,
            rotatable_hd=self.rotatable_hd,
            sin_cos_table=self.sin_cos_table,
            cmv=self.cmv,
            log=self.log,
        )
