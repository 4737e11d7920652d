"""Principal components of an ensemble or trajectory, as modes.

The mass-weighted covariance of superposed frames, ``<M^1/2 dx (M^1/2 dx)^T>``,
has the principal components as its eigenvectors and the mean squares of their
coordinates as its eigenvalues (ΔΔPT's COVAR, eqs. 4 and 5). They come from the
singular values of the frames: no matrix larger than these is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.linalg import eigh

from hnmref.errors import ModesError
from hnmref.modes.mode_set import ModeSet, with_fixed_signs
from hnmref.modes.rigid import rigid_body_modes
from hnmref.modes.units import thermal_variance

#: The mean is found when a cycle moves it by less than this (Å, rms) ...
_STILL = 1e-10
#: ... or after so many cycles.
_MOST_CYCLES = 200

#: Frames that lie nearer than this to their mean (Å, rms) do not differ.
_NO_MOTION = 1e-6

#: A variance below this share of the largest one is rounding.
_NO_VARIANCE = 1e-13

#: From this number of frames (and of coordinates) on, the largest components,
#: where they are at most this share of all, come quicker from products of the
#: frames, which hold variances above that share of the largest to eight digits.
_MANY, _FEW = 500, 0.2
_SQUARES_TRUSTED = 1e-8

#: Overlap (cosine) with a rigid-body motion that is still none.
_RIGID_TOLERANCE = 1e-4

#: What the provenance of a ModeSet says of where it comes from.
_KIND = "principal components"


@dataclass
class PrincipalComponents:
    """What an ensemble does most, largest variance first.

    variances : (k,) array, descending, Å² (Å² Da with masses in daltons).
    vectors : (N, 3, k) array, ``M^-1/2`` times the orthonormal mass-weighted
        vectors, as those of a ModeSet: ``sum_m V V^T variance_m`` is the
        covariance of the atoms in Å².
    mean : (N, 3) array, Å.
    masses : (N,) array.
    total_variance : of all components, those that are not kept as well.
    n_frames : frames they come from; 0 where a file does not say.
    notes : what a reader should know of them, a sentence each.
    """

    variances: np.ndarray
    vectors: np.ndarray
    mean: np.ndarray
    masses: np.ndarray
    total_variance: float
    n_frames: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def cumulative_share(self) -> np.ndarray:
        """(k,) share of the total variance in the components up to each."""
        return np.cumsum(self.variances) / self.total_variance

    def truncate(self, n_components: int) -> PrincipalComponents:
        """The largest components, at most so many."""
        return replace(
            self,
            variances=self.variances[:n_components],
            vectors=self.vectors[:, :, :n_components],
        )

    def to_mode_set(
        self,
        temperature: float = 300.0,
        rigid_body: bool = True,
        atom_labels: Sequence[str] | None = None,
    ) -> ModeSet:
        """Modes that would fluctuate as these components do.

        A variance v becomes the eigenvalue kT/v (ΔΔPT's eq. 6) in kcal mol^-1
        Å^-2 (Da^-1 with masses in daltons), so that every analysis of modes
        applies, with a ``spring_constant`` of 1.

        Parameters
        ----------
        temperature : K.
        rigid_body : put the rigid-body motions before them, as zero modes.

        Raises
        ------
        ModesError : rigid_body, and the components hold rigid-body motion;
            a temperature that is not positive.
        """
        # kT/v is the way from stiffness to variance, and back again.
        eigenvalues = thermal_variance(self.variances, 1.0, temperature)
        vectors, n_zero = self.vectors, 0
        if rigid_body:
            rigid = rigid_body_modes(self.mean, self.masses)
            self._check_without(rigid)
            n_zero = rigid.shape[2]
            eigenvalues = np.concatenate([np.zeros(n_zero), eigenvalues])
            vectors = np.concatenate([rigid, vectors], axis=2)
        provenance = {
            "kind": _KIND,
            "temperature": float(temperature),
            "n_frames": int(self.n_frames),
            "total_variance": float(self.total_variance),
        }
        return ModeSet(
            eigenvalues=eigenvalues,
            vectors=vectors,
            n_zero=n_zero,
            coordinates=self.mean,
            masses=self.masses,
            atom_labels=atom_labels,
            provenance=provenance,
            notes=list(self.notes),
        )

    @classmethod
    def from_mode_set(cls, modes: ModeSet) -> PrincipalComponents:
        """What ``to_mode_set`` was made from, as after ``ModeSet.load``.

        Raises
        ------
        ModesError : modes that are no principal components.
        """
        origin = modes.provenance
        if origin.get("kind") != _KIND:
            raise ModesError(
                "these are normal modes and no principal components: give the file "
                "that was made from an ensemble"
            )
        first = modes.n_zero
        return cls(
            variances=thermal_variance(
                modes.eigenvalues[first:], 1.0, origin["temperature"]
            ),
            vectors=modes.vectors[:, :, first:],
            mean=modes.coordinates,
            masses=modes.masses,
            total_variance=origin["total_variance"],
            n_frames=origin["n_frames"],
            notes=list(modes.notes),
        )

    def _check_without(self, rigid: np.ndarray) -> None:
        """Raise ModesError where the components hold rigid-body motion."""
        weighted = self.masses[:, None, None] * self.vectors
        overlap = np.tensordot(rigid, weighted, axes=([0, 1], [0, 1]))
        if len(self.variances) and abs(overlap).max() > _RIGID_TOLERANCE:
            raise ModesError(
                "the principal components hold motion of the whole body: superpose "
                "the frames on their mean, or give rigid_body=False"
            )


def principal_components(
    frames: np.ndarray,
    masses: np.ndarray | None = None,
    reference: np.ndarray | None = None,
    n_components: int | None = None,
) -> PrincipalComponents:
    """Principal components of frames, superposed on their mean.

    Fits are weighted by mass and repeated until the mean stays: then no
    component holds motion of the whole body.

    Parameters
    ----------
    frames : (F, N, 3) array, Å; the same atoms in each, molecules whole.
    masses : (N,) array, daltons, or None for unit masses.
    reference : (N, 3) array, Å: what the mean lies on in the end, and so the
        axes of the vectors; None: the first frame.
    n_components : how many, largest first; None: all that have a variance.

    Raises
    ------
    ModesError : fewer than two frames, frames that do not differ, arrays that
        do not fit together or are not finite, n_components below 1.
    """
    frames, masses = _checked(frames, masses)
    if len(frames) < 2:
        raise ModesError(
            f"principal components need two frames at least, not {len(frames)}"
        )
    if n_components is not None and n_components < 1:
        raise ModesError(f"n_components must be 1 or more, not {n_components}")
    start = frames[0] if reference is None else np.asarray(reference, dtype=float)
    moved, mean, notes = _on_their_mean(frames, start, masses)
    n_frames, n_atoms = len(frames), len(mean)
    deviations = moved
    deviations -= mean
    deviations *= np.sqrt(masses / n_frames)[:, None]
    matrix = deviations.reshape(n_frames, -1)
    total = float(np.vdot(matrix, matrix))
    if not total > _NO_MOTION**2 * masses.sum():
        raise ModesError(
            "the frames do not differ once they are superposed: give an ensemble of "
            "different conformations"
        )
    n_free = 3 * n_atoms - rigid_body_modes(mean, masses).shape[2]
    n_most = min(n_frames - 1, n_free)
    variances, rows = _largest(matrix, min(n_components or n_most, n_most))
    kept = variances > _NO_VARIANCE * variances[0]
    vectors = rows[kept].T.reshape(n_atoms, 3, -1) / np.sqrt(masses)[:, None, None]
    return PrincipalComponents(
        variances=variances[kept],
        vectors=with_fixed_signs(vectors),
        mean=mean,
        masses=masses,
        total_variance=total,
        n_frames=n_frames,
        notes=notes,
    )


def superpose_frames(
    frames: np.ndarray, target: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """All frames, each by the rigid motion that brings it nearest to target.

    As ``superpose`` does for one structure (Kabsch 1976, 1978), but all at once.

    Parameters
    ----------
    frames : (F, N, 3) array, Å.
    target : (N, 3) array, Å.
    weights : (N,) array or None for equal ones; masses as a rule.

    Returns
    -------
    (F, N, 3) array, a new one.

    Raises
    ------
    ModesError : arrays that do not fit together or are not finite.
    """
    frames, weights = _checked(frames, weights)
    target = np.asarray(target, dtype=float)
    if target.shape != frames.shape[1:]:
        raise ModesError(
            f"frames of {frames.shape[1]} atoms cannot be superposed on coordinates "
            f"of the shape {target.shape}: give the same atoms"
        )
    w = weights / weights.sum()
    centre = w @ target
    moved = frames - np.einsum("j,fjx->fx", w, frames)[:, None, :]
    covariance = np.matmul((w[:, None] * (target - centre)).T, moved)
    u, _, vt = np.linalg.svd(covariance)
    # Never a reflection: the smallest term pays for it.
    u[:, :, 2] *= np.sign(np.linalg.det(u) * np.linalg.det(vt))[:, None]
    moved = np.matmul(moved, np.matmul(u, vt).transpose(0, 2, 1))
    moved += centre
    return moved


def project(
    frames: np.ndarray, modes: ModeSet | PrincipalComponents, superposed: bool = False
) -> np.ndarray:
    """Coordinates of frames along modes, in Å (Å Da^1/2 with masses).

    ``q_m = sum_j m_j V_jm . (x_j - x0_j)`` with x0 the modes' own coordinates, on
    which each frame is laid first.

    Parameters
    ----------
    frames : (F, N, 3) array, Å, the atoms of the modes in their order.
    superposed : the frames are to be taken as they stand.

    Returns
    -------
    (F, n) array, one column a mode (zero modes as well).

    Raises
    ------
    ModesError : frames of another number of atoms.
    """
    components = isinstance(modes, PrincipalComponents)
    origin = modes.mean if components else modes.coordinates
    frames, _ = _checked(frames, None)
    if frames.shape[1:] != origin.shape:
        raise ModesError(
            f"the frames have {frames.shape[1]} atoms and the modes {len(origin)}: "
            f"give modes of the same atoms, or select these in the frames"
        )
    if not superposed:
        frames = superpose_frames(frames, origin, modes.masses)
    weighted = modes.masses[:, None, None] * modes.vectors
    # The origin's own coordinates are taken off last: no copy of the frames.
    return np.tensordot(frames, weighted, 2) - np.tensordot(origin, weighted, 2)


def _checked(
    frames: np.ndarray, masses: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Frames (F, N, 3) and masses (N,) as finite numbers."""
    frames = np.asarray(frames, dtype=float)
    if frames.ndim != 3 or frames.shape[2] != 3 or not frames.shape[1]:
        raise ModesError(
            f"frames must have the shape (frames, atoms, 3), not {frames.shape}"
        )
    bad = np.flatnonzero(~np.isfinite(frames).all(axis=(1, 2)))
    if len(bad):
        raise ModesError(
            f"frame {bad[0] + 1} has coordinates that are not numbers: leave it out"
        )
    if masses is None:
        return frames, np.ones(frames.shape[1])
    masses = np.asarray(masses, dtype=float)
    if masses.shape != frames.shape[1:2]:
        raise ModesError(
            f"the frames have {frames.shape[1]} atoms and there are {masses.size} "
            f"masses: give one an atom"
        )
    if not (np.isfinite(masses).all() and (masses > 0).all()):
        raise ModesError("the masses must all be positive numbers")
    return frames, masses


def _on_their_mean(
    frames: np.ndarray, start: np.ndarray, masses: np.ndarray
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Superposed frames, their mean (which lies best on start), and notes."""
    mean = start
    notes = []
    for _ in range(_MOST_CYCLES):
        moved = superpose_frames(frames, mean, masses)
        # The mean may creep round or shrink; only its shape is to stay.
        last, mean = mean, superpose_frames(moved.mean(axis=0)[None], start, masses)[0]
        if np.sqrt(np.mean(np.sum((mean - last) ** 2, axis=1))) < _STILL:
            break
    else:
        notes.append(
            f"the mean of the frames still moves after {_MOST_CYCLES} superpositions: "
            f"the ensemble has no common shape"
        )
    moved = superpose_frames(frames, mean, masses)
    return moved, moved.mean(axis=0), notes


def _largest(matrix: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The n largest squared singular values, descending, and right vectors (rows)."""
    if _MANY <= min(matrix.shape) and n <= _FEW * min(matrix.shape):
        values, rows = _largest_of_squares(matrix, n)
        if values[-1] > _SQUARES_TRUSTED * values[0]:
            return values, rows
    _, values, rows = np.linalg.svd(matrix, full_matrices=False)
    return values[:n] ** 2, rows[:n]


def _largest_of_squares(matrix: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The same from the smaller one of ``X X^T`` and ``X^T X``."""
    wide = matrix.shape[0] < matrix.shape[1]
    square = matrix @ matrix.T if wide else matrix.T @ matrix
    last = len(square) - 1
    values, columns = eigh(square, subset_by_index=[last - n + 1, last])
    values, rows = values[::-1], columns.T[::-1]
    if wide:
        rows = rows @ matrix
        rows /= np.linalg.norm(rows, axis=1)[:, None]
    return values, rows
