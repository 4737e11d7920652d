"""How far modes move atoms at a temperature: mean squares, tensors, B-factors.

A harmonic mode v has a coordinate of variance ``kT / (k lambda_v)``, and atom j
moves by ``V_j(v)`` for a unit of it. Every analysis of motion here and in
``correlation`` starts from these two, a ``Motion``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hnmref.errors import ModesError
from hnmref.modes.gnm import GaussianModes
from hnmref.modes.mode_set import ModeSet
from hnmref.modes.solver import CLUSTER
from hnmref.modes.units import thermal_variance

#: B = 8π² <u²> along a direction, and a third of that of the mean square.
_B_PER_MEAN_SQUARE = 8 * np.pi**2 / 3


@dataclass(frozen=True)
class Motion:
    """Modes that are excited, and how much.

    vectors : (N, 3, n) array, displacements for a unit of each mode's
        coordinate; (N, 1, n) for modes without a direction.
    variances : (n,) array, mean square of each coordinate.
    coordinates : (N, 3) array, Å.
    """

    vectors: np.ndarray
    variances: np.ndarray
    coordinates: np.ndarray

    @property
    def n_atoms(self) -> int:
        return len(self.vectors)

    @property
    def n_modes(self) -> int:
        return len(self.variances)

    @property
    def has_directions(self) -> bool:
        """False for a Gaussian network."""
        return self.vectors.shape[1] == 3

    def select(self, atoms: np.ndarray) -> Motion:
        """The same motion seen on some atoms (indices or a mask)."""
        return replace(
            self, vectors=self.vectors[atoms], coordinates=self.coordinates[atoms]
        )

    def amplitudes(self) -> np.ndarray:
        """(N, 3 or 1, n) vectors times the r.m.s. of their coordinates."""
        return self.vectors * np.sqrt(self.variances)


def mode_range(
    modes: ModeSet | GaussianModes, first: int | None = None, last: int | None = None
) -> slice:
    """The modes from number ``first`` to ``last``, counted from 1 and both kept.

    Equal eigenvalues stay together: the range widens where its ends would part
    them.

    Parameters
    ----------
    first : None for the first one beyond the zero modes (7 of a rigid body).
    last : None for the last one there is.

    Raises
    ------
    ModesError : no mode, a zero mode, or one that is not there.
    """
    n_modes, n_zero = modes.n_modes, modes.n_zero
    if n_modes == n_zero:
        raise ModesError(
            f"all {n_modes} modes are zero modes, whose motion has no bound: compute "
            f"more modes (a single rigid block has no others)"
        )
    first = n_zero + 1 if first is None else first
    last = n_modes if last is None else last
    if first <= n_zero:
        raise ModesError(
            f"mode {first} is a zero mode, whose motion has no bound: begin with mode "
            f"{n_zero + 1}"
        )
    if not first <= last <= n_modes:
        raise ModesError(
            f"there are no modes {first} to {last}: {n_zero + 1} to {n_modes} are there"
        )
    values = modes.eigenvalues
    start, stop = first - 1, last
    while start > n_zero and _equal(values[start - 1], values[start]):
        start -= 1
    while stop < n_modes and _equal(values[stop - 1], values[stop]):
        stop += 1
    return slice(start, stop)


def _equal(lower: float, upper: float) -> bool:
    return upper - lower <= CLUSTER * upper


def thermal_motion(
    modes: ModeSet | GaussianModes,
    kept: slice | None = None,
    spring_constant: float | None = None,
    temperature: float = 300.0,
) -> Motion:
    """Classical thermal motion of modes.

    Parameters
    ----------
    kept : from ``mode_range``; None for all beyond the zero modes.
    spring_constant : kcal mol^-1 Å^-2 of a spring of stiffness 1. None: mean
        squares come in units of kT over that stiffness, ``1 / lambda``.
    temperature : K, used with a spring constant.

    Raises
    ------
    ModesError : no modes beyond the zero ones; constants that are not positive.
    """
    kept = mode_range(modes) if kept is None else kept
    values, vectors = modes.eigenvalues[kept], modes.vectors[..., kept]
    if spring_constant is None:
        variances = 1.0 / values
    else:
        variances = thermal_variance(values, spring_constant, temperature)
    if isinstance(modes, GaussianModes):
        # A Gaussian network moves alike in x, y and z.
        vectors, variances = vectors[:, None, :], 3.0 * variances
    return Motion(vectors, variances, modes.coordinates)


def mean_squares(motion: Motion) -> np.ndarray:
    """(N,) mean square displacement ``<|u_j|^2>`` of each atom, Å²."""
    return np.einsum("jam,jam,m->j", motion.vectors, motion.vectors, motion.variances)


def rms_by_mode(motion: Motion) -> np.ndarray:
    """(N, n) root-mean-square displacement of each atom in each mode alone, Å."""
    return np.linalg.norm(motion.amplitudes(), axis=1)


def displacement_tensors(motion: Motion) -> np.ndarray:
    """(N, 6) tensors ``<u_j u_j^T>``, Å²: 11, 22, 33, 12, 13, 23.

    Raises
    ------
    ModesError : the modes have no direction.
    """
    require_directions(motion, "displacement tensors")
    amplitudes = motion.amplitudes()
    full = amplitudes @ amplitudes.transpose(0, 2, 1)
    return full[:, [0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]]


def b_factors(motion: Motion) -> np.ndarray:
    """(N,) isotropic B of each atom, Å²: ``8 pi^2 / 3 <|u_j|^2>``.

    ΔΔPT's equation 10, whose mass is in the vectors here.
    """
    return _B_PER_MEAN_SQUARE * mean_squares(motion)


@dataclass(frozen=True)
class BFit:
    """How calculated B-factors follow others.

    correlation : Pearson's, NaN where either is the same for all atoms.
    scale : of the least squares of ``observed - scale calculated``.
    slope, offset : of those of ``observed - (slope calculated + offset)``; the
        offset (Å²) stands for what is not in the modes. NaN as above.
    """

    correlation: float
    scale: float
    slope: float
    offset: float


def fit_b_factors(calculated: np.ndarray, observed: np.ndarray) -> BFit:
    """Correlation with a model's B-factors, and the best scale.

    A spring constant that was assumed is right when divided by the scale.

    Parameters
    ----------
    calculated, observed : (N,) arrays, Å².

    Raises
    ------
    ModesError : arrays of different lengths, or no motion.
    """
    calculated = np.asarray(calculated, dtype=float)
    observed = np.asarray(observed, dtype=float)
    if calculated.shape != observed.shape or calculated.ndim != 1:
        raise ModesError(
            f"calculated and observed B-factors must be one an atom, not arrays of "
            f"shape {calculated.shape} and {observed.shape}"
        )
    square = calculated @ calculated
    if not square > 0:
        raise ModesError("the modes move no atom: there is no B-factor to scale")
    c, o = calculated - calculated.mean(), observed - observed.mean()
    spread = np.sqrt((c @ c) * (o @ o))
    # Rounding alone gives differences of this order between equal numbers.
    if spread <= 1e-12 * np.sqrt(square * (observed @ observed)):
        correlation = slope = offset = float("nan")
    else:
        correlation = float(c @ o / spread)
        slope = float(c @ o / (c @ c))
        offset = float(observed.mean() - slope * calculated.mean())
    scale = float(calculated @ observed / square)
    return BFit(correlation, scale, slope, offset)


def require_directions(motion: Motion, what: str) -> None:
    """Raise ModesError for modes without a direction."""
    if not motion.has_directions:
        raise ModesError(
            f"modes of a Gaussian network have no direction and give no {what}: use "
            f"those of another force field"
        )
