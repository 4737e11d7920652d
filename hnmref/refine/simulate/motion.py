"""True displacements, drawn at random: U_group on two levels, and U_local."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hnmref.adp.basis import ModeBasis, lower_factor
from hnmref.adp.metrics import B_PER_U, u_eq
from hnmref.modes import compute_modes

#: No atom deforms with more than this many times the median of all (in U).
_LIMIT = 6.0


@dataclass(frozen=True)
class Motion:
    """What a true motion is drawn from.

    :ivar mean_b_group: mean B (Å²) of U_group; ``mean_b_local``: of U_local.
    :ivar lowest_b_local: no atom has less of U_local (Å²).
    :ivar whole_share: part of U_group that the whole complex's modes make; the
        rest is the substructures' own.
    :ivar rigid_share: part of either that the six rigid-body modes make, before
        loose ends are held back.
    :ivar n_modes: modes of a level, the six among them; ``cutoff`` (Å) and
        ``spring_law`` are their network's, whose rigid blocks are residues.
    """

    mean_b_group: float = 50.0
    mean_b_local: float = 15.0
    lowest_b_local: float = 5.0
    whole_share: float = 0.7
    rigid_share: float = 0.35
    n_modes: int = 40
    cutoff: float = 10.0
    spring_law: str = "constant"


#: What a simulation draws from unless told otherwise.
DEFAULT_MOTION = Motion()


def draw_u_group(
    sites: np.ndarray,
    blocks: np.ndarray,
    labels: np.ndarray,
    motion: Motion,
    rng: np.random.Generator,
) -> np.ndarray:
    """(N, 6) U_group in Å²: the whole's modes, and each substructure's own.

    :param sites: (N, 3) Å.
    :param blocks: (N,) residues, the networks' rigid blocks.
    :param labels: (N,) substructures.
    """
    whole = _draw_level(sites, blocks, motion, rng)
    u = motion.whole_share * whole
    for label in np.unique(labels):
        own = labels == label
        part = _draw_level(sites[own], blocks[own], motion, rng)
        u[own] += (1.0 - motion.whole_share) * part
    return u


def _draw_level(
    sites: np.ndarray, blocks: np.ndarray, motion: Motion, rng: np.random.Generator
) -> np.ndarray:
    """(N, 6) U of one group's modes, of mean B ``motion.mean_b_group``."""
    modes = compute_modes(
        sites,
        n_modes=motion.n_modes,
        cutoff=motion.cutoff,
        spring_law=motion.spring_law,
        blocks=blocks,
    )
    pi = draw_covariance(modes.eigenvalues, modes.n_zero, motion.rigid_share, rng)
    internal = slice(modes.n_zero, None)
    vectors = modes.vectors.copy()
    vectors[:, :, internal] *= _holding(
        vectors[:, :, internal], np.diag(pi)[internal]
    )
    u = ModeBasis(vectors, np.arange(len(sites))).u(lower_factor(pi))
    return u * (motion.mean_b_group / B_PER_U / u_eq(u).mean())


def _holding(vectors: np.ndarray, variances: np.ndarray) -> np.ndarray:
    """(N, 1, 1) factors below 1 that hold back the atoms that would move most.

    A network's softest modes are often the swings of a loose end or loop, with
    B beyond 1000 Å² where other atoms have 30; what moves as far is not seen in
    crystals. A mean square displacement b becomes b / (1 + b/limit).

    :param vectors: (N, 3, n) modes that deform.
    :param variances: (n,) of their amplitudes.
    """
    square = np.einsum("nai,i->n", vectors**2, variances)
    relative = square / (_LIMIT * np.median(square))
    return 1.0 / np.sqrt(1.0 + relative)[:, None, None]


def draw_covariance(
    eigenvalues: np.ndarray,
    n_zero: int,
    rigid_share: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Positive definite (n, n) covariance of orthonormal modes' amplitudes.

    Variances fall as 1/λ; those of the zero modes, which come first, are drawn
    and differ by a factor of nine at the most. All amplitudes correlate at
    random. The trace is 1, of which the zero modes have ``rigid_share``.
    """
    rigid = rng.uniform(0.2, 1.8, size=n_zero)
    internal = 1.0 / eigenvalues[n_zero:]
    variances = np.concatenate(
        [
            rigid_share * rigid / rigid.sum(),
            (1.0 - rigid_share) * internal / internal.sum(),
        ]
    )
    n_modes = len(eigenvalues)
    factor = rng.normal(size=(n_modes, 2 * n_modes))
    factor /= np.linalg.norm(factor, axis=1)[:, None]
    factor *= np.sqrt(variances)[:, None]
    return factor @ factor.T


def draw_u_local(
    blocks: np.ndarray, motion: Motion, rng: np.random.Generator
) -> np.ndarray:
    """(N,) isotropic U_local in Å², smooth along the chain.

    A log-normal excess over the lowest B varies over some four residues, and by
    a tenth from atom to atom.
    """
    n_residues = int(blocks.max()) + 1
    kernel = np.exp(-0.5 * (np.arange(-12, 13) / 4.0) ** 2)
    kernel /= np.linalg.norm(kernel)
    wave = np.convolve(rng.normal(size=n_residues + 24), kernel, mode="valid")
    excess = np.exp(0.5 * wave[blocks] + 0.1 * rng.normal(size=len(blocks)))
    mean_excess = motion.mean_b_local - motion.lowest_b_local
    return (motion.lowest_b_local + mean_excess * excess / excess.mean()) / B_PER_U
