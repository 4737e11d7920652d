"""Amplitudes of a model with its bulk solvent; their noise and free flags."""

from __future__ import annotations

import iotbx.pdb.hierarchy
import mmtbx.f_model
import numpy as np
from cctbx import adptbx, crystal, miller

from hnmref.errors import InputError
from hnmref.refine.arrays import to_bool, to_double, to_numpy

#: Bulk solvent: density (electron/Å³) and B (Å²), the usual means.
K_SOL, B_SOL = 0.35, 46.0

#: Sizes (Å²) of the components of the overall anisotropic B.
_B_OVERALL = 2.0

#: Fewer free reflections than this give no steady R_free.
_MIN_FREE = 500

#: Reflections whose mean amplitude scales their noise.
_SHELL_SIZE = 500


def true_amplitudes(
    hierarchy: iotbx.pdb.hierarchy.root,
    crystal_symmetry: crystal.symmetry,
    d_min: float,
    rng: np.random.Generator,
) -> miller.array:
    """|F_model| of the hierarchy's U with bulk solvent and overall anisotropy."""
    structure = hierarchy.extract_xray_structure(crystal_symmetry=crystal_symmetry)
    structure.scattering_type_registry(table="n_gaussian", d_min=d_min)
    indices = structure.build_miller_set(anomalous_flag=False, d_min=d_min)
    fmodel = mmtbx.f_model.manager(
        f_obs=indices.array(data=to_double(np.ones(indices.size()))),
        xray_structure=structure,
        k_sol=K_SOL,
        b_sol=B_SOL,
        b_cart=_draw_overall_b(crystal_symmetry, rng),
    )
    amplitudes = fmodel.f_model().amplitudes()
    return miller.array(amplitudes.set(), amplitudes.data())


def _draw_overall_b(
    crystal_symmetry: crystal.symmetry, rng: np.random.Generator
) -> tuple[float, ...]:
    """An overall anisotropic B (Å²) of trace zero that obeys the space group."""
    b = _B_OVERALL * rng.normal(size=6)
    b[:3] -= b[:3].mean()
    cell = crystal_symmetry.unit_cell()
    b_star = adptbx.u_cart_as_u_star(cell, tuple(b))
    average = crystal_symmetry.space_group().average_u_star(b_star)
    return adptbx.u_star_as_u_cart(cell, average)


def add_noise(
    f_true: miller.array, noise: float, rng: np.random.Generator
) -> miller.array:
    """Amplitudes with Gaussian noise, and its standard deviations as sigmas.

    A sigma follows the mean amplitude of its resolution shell and, relative to
    that, becomes three times as large from low to high resolution. Amplitudes
    that would be negative change their sign.

    :param noise: Σ|F_obs − F_true| / ΣF_true to be expected.
    """
    f = to_numpy(f_true.data())
    s_squared = to_numpy(f_true.d_star_sq().data())
    sigmas = _shell_means(f, s_squared) * (0.5 + s_squared / s_squared.max())
    # A Gaussian's mean absolute value is sqrt(2/pi) sigma.
    sigmas *= noise * f.sum() / (np.sqrt(2.0 / np.pi) * sigmas.sum())
    observed = np.abs(f + sigmas * rng.normal(size=len(f)))
    result = f_true.array(data=to_double(observed), sigmas=to_double(sigmas))
    return result.set_observation_type_xray_amplitude()


def _shell_means(values: np.ndarray, s_squared: np.ndarray) -> np.ndarray:
    """Each reflection's mean over its resolution shell."""
    order = np.argsort(s_squared, kind="stable")
    means = np.empty_like(values)
    for shell in np.array_split(order, max(1, len(values) // _SHELL_SIZE)):
        means[shell] = values[shell].mean()
    return means


def draw_free_flags(indices: miller.set, rng: np.random.Generator) -> miller.array:
    """True for 5% of the reflections, or for 500 where 5% are fewer.

    :raises InputError: where a free set of that size would take half the data.
    """
    n = indices.size()
    n_free = max(round(0.05 * n), _MIN_FREE)
    if 2 * n_free > n:
        raise InputError(
            f"{n} reflections are too few for a free set of {_MIN_FREE}: simulate "
            "to a higher resolution"
        )
    free = np.zeros(n, bool)
    free[rng.choice(n, n_free, replace=False)] = True
    return indices.array(data=to_bool(free))
