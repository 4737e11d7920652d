"""How sharply the X-ray target depends on each atom's U, without computing it.

An amplitude changes by ``−2π² sᵀ dU s f exp(−2π² sᵀ U s) cos(φ_j − φ)`` with the U of
one of its atoms. Summed over many reflections, atoms at random phases contribute
independently of each other (as in Agarwal 1978 and Tronrud 1994), the squared cosine
counts a half, and directions of s are spread evenly. What is left depends on the
scattering factor, the occupancy and the equivalent B alone.
"""

from __future__ import annotations

import numpy as np

from hnmref.adp.metrics import B_PER_U
from hnmref.refine import arrays

#: ⟨q qᵀ⟩ over all directions n, with q = (n₁², n₂², n₃², 2n₁n₂, 2n₁n₃, 2n₂n₃).
DIRECTIONS = np.array(
    [
        [3, 1, 1, 0, 0, 0],
        [1, 3, 1, 0, 0, 0],
        [1, 1, 3, 0, 0, 0],
        [0, 0, 0, 4, 0, 0],
        [0, 0, 0, 0, 4, 0],
        [0, 0, 0, 0, 0, 4],
    ]
) / 15.0

#: Shells of resolution for the sums over reflections.
_SHELLS = 30
#: Least curvature of an atom, as a share of the mean.
_LEAST = 1e-6


def target_curvatures(fmodel) -> np.ndarray:
    """(N,) curvature c of the target by an atom's U: c · DIRECTIONS is its Hessian.

    Of ``Σ (F_obs − k |F_model|)² / Σ F_obs²``; where the target is maximum likelihood,
    of its Gaussian approximation, ``Σ (F_obs − α |F_model|)² / (ε β) / n``. An atom's
    share of ``(k |F_model|)²`` is taken as its share of the scattering at the
    reflection's resolution, so the scale k needs not be known.

    :param fmodel: mmtbx f_model, or its twin.
    """
    squares, weights = _reflections(fmodel)
    edges = np.linspace(0.0, squares.max() * (1 + 1e-9), _SHELLS + 1)
    shell = np.digitize(squares, edges) - 1
    middles = 0.5 * (edges[:-1] + edges[1:])
    sums = np.bincount(shell, weights=weights * squares**2, minlength=_SHELLS)
    scattering = _scattering(fmodel.xray_structure, middles)
    share = scattering / scattering.sum(axis=0)
    result = (2 * np.pi**2) ** 2 * share @ sums
    # An atom without occupancy would have none.
    return np.maximum(result, _LEAST * result.mean())


def target_metrics(fmodel) -> np.ndarray:
    """(N, 6, 6) that Hessian for every atom, see :func:`target_curvatures`."""
    return target_curvatures(fmodel)[:, None, None] * DIRECTIONS


def _reflections(fmodel) -> tuple[np.ndarray, np.ndarray]:
    """1/d² of the working set, and the weight of each reflection times F_obs²."""
    f_obs = fmodel.f_obs_work()
    squares = arrays.to_numpy(f_obs.d_star_sq().data())
    intensities = arrays.to_numpy(f_obs.data()) ** 2
    if fmodel.target_name == "ml":
        alpha, beta = (arrays.to_numpy(x.data()) for x in fmodel.alpha_beta_w())
        epsilon = arrays.to_numpy(f_obs.epsilons().data()).astype(float)
        return squares, alpha**2 * intensities / (epsilon * beta) / len(squares)
    return squares, intensities / intensities.sum()


def _scattering(structure, squares: np.ndarray) -> np.ndarray:
    """(N, n) mean square that each atom adds to |F_calc|², at values of 1/d²."""
    scatterers = structure.scatterers()
    b = B_PER_U * arrays.to_numpy(structure.extract_u_iso_or_u_equiv())
    result = np.exp(-0.5 * np.maximum(b, 0.0)[:, None] * squares)
    types = np.array(list(scatterers.extract_scattering_types()))
    registry = structure.scattering_type_registry()
    for name in np.unique(types):
        gaussian = registry.gaussian(name)
        f = np.array([gaussian.at_stol_sq(0.25 * s) for s in squares])
        result[types == name] *= f**2
    return result * arrays.to_numpy(scatterers.extract_occupancies())[:, None] ** 2
