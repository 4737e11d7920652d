"""How well the model fits the data: by resolution, and residue by residue."""

from __future__ import annotations

import numpy as np
from cctbx import maptbx, miller
from cctbx.array_family import flex

from hnmref.refine.arrays import numpy_to_vec3, to_double, to_numpy
from hnmref.refine.residues import ResidueTable

#: Grid points up to this far from an atom count for its residue (Å), by the lowest
#: d_min that it holds for: as in mmtbx's real_space_correlation.py.
_RADII = ((4.0, 2.5), (2.0, 2.0), (1.0, 1.5), (0.0, 1.0))
_HYDROGEN_RADIUS = 1.0
#: Grid step of the maps as a share of d_min.
_GRID_STEP = 0.25
#: Free amplitudes in a shell of resolution, as mmtbx has it, where they are enough for
#: this many shells.
_FREE_IN_SHELL = 140
_LEAST_SHELLS = 4


def fit_information(fmodel):
    """mmtbx's figures of the fit, in some shells even where the free set is small.

    :param fmodel: f_model, or its twin.
    """
    n_free = int(to_numpy(fmodel.r_free_flags().data()).sum())
    in_shell = min(n_free // _LEAST_SHELLS, _FREE_IN_SHELL)
    return fmodel.info(free_reflections_per_bin=in_shell or _FREE_IN_SHELL)


def resolution_shells(fit) -> list[dict]:
    """R-factors by resolution, from low to high.

    :param fit: as :func:`fit_information` gives it.
    :returns: ``d_max``, ``d_min`` (Å), ``n_work``, ``n_free``, ``completeness``
        (fraction; of a twin, of the working set), ``r_work`` and ``r_free``
        (fractions, None without reflections).
    """
    return [_shell(bin) for bin in fit.bins]


def _shell(bin) -> dict:
    d_max, d_min = (float(text) for text in bin.d_range.split("-"))
    return {
        "d_max": d_max,
        "d_min": d_min,
        "n_work": bin.n_work,
        "n_free": bin.n_free,
        "completeness": bin.completeness,
        "r_work": bin.r_work if bin.n_work else None,
        "r_free": bin.r_free if bin.n_free else None,
    }


def residue_correlations(fmodel, table: ResidueTable) -> np.ndarray:
    """(R,) correlation of the 2mFo-DFc map with the model's around each residue.

    Over the grid points near any of its atoms, alternate conformers among them. The
    2mFo-DFc map has no filled-in amplitudes, so that the model cannot agree with
    itself. Not a number where either map is flat there.

    :param fmodel: f_model, or its twin.
    """
    density, model = _maps(fmodel)
    d_min = fmodel.f_obs().d_min()
    radius = next(radius for limit, radius in _RADII if d_min >= limit)
    radii = np.where(table.is_hydrogen, _HYDROGEN_RADIUS, radius)
    order = np.argsort(table.residue_of, kind="stable")
    starts = np.searchsorted(table.residue_of[order], np.arange(len(table.residues)))
    unit_cell = fmodel.f_obs().unit_cell()
    result = np.full(len(table.residues), np.nan)
    for i, atoms in enumerate(np.split(order, starts[1:])):
        points = maptbx.grid_indices_around_sites(
            unit_cell=unit_cell,
            fft_n_real=density.focus(),
            fft_m_real=density.all(),
            sites_cart=numpy_to_vec3(table.sites[atoms]),
            site_radii=to_double(radii[atoms]),
        )
        both = flex.linear_correlation(density.select(points), model.select(points))
        if both.is_well_defined():
            result[i] = both.coefficient()
    return result


def _maps(fmodel):
    """The 2mFo-DFc map and the model's, on one grid."""
    coefficients = fmodel.electron_density_map().map_coefficients(
        map_type="2mFo-DFc", fill_missing=False, isotropize=True
    )
    if coefficients.anomalous_flag():
        coefficients = coefficients.average_bijvoet_mates()
    model = fmodel.f_model()
    if model.anomalous_flag():
        model = model.average_bijvoet_mates()
    first = coefficients.fft_map(resolution_factor=_GRID_STEP)
    second = miller.fft_map(
        crystal_gridding=first, fourier_coefficients=model.common_set(coefficients)
    )
    return first.real_map_unpadded(), second.real_map_unpadded()
