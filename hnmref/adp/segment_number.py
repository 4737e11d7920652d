"""How many TLS segments a chain's displacements speak for.

The residual falls with every segment more, noise or not. The number taken is the
one of the least Bayesian information criterion (Schwarz 1978),

    BIC(k) = n ln(residual / N) + q(k) ln n

with q(k) = k p parameters of TLS and k − 1 borders. n is not the number N of data:
atoms of a residue and its neighbours deviate from TLS together, refined B by their
restraints too, and N of them tell as much as n = N / τ independent ones. τ is the
correlation time, along the chain, of the deviations from TLS in segments of twenty
residues on average: what these leave is taken for noise. From fewer segments τ would
count misfit as noise, and from many more, which fit noise, it would come out too
short.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hnmref.adp.segments import Partition
from hnmref.adp.tls_fit import deviations, motions

#: Residues of a segment, on average, where noise is looked at.
NOISE_SEGMENT_RESIDUES = 20
#: Residuals below this part of the displacements' own squares are rounding.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class SegmentNumber:
    """The number of segments that is suggested, and why.

    :ivar bic: (K,) criterion for 1, 2, … segments.
    :ivar suggested: the number with the least.
    :ivar n_data: N, six an atom where U is anisotropic.
    :ivar n_effective: n, of independent data.
    """

    bic: np.ndarray
    suggested: int
    n_data: int
    n_effective: float


def suggest_number(
    partitions: Sequence[Partition],
    sites: np.ndarray,
    u: np.ndarray,
    residues: np.ndarray,
) -> SegmentNumber:
    """Choose between the partitions of one chain.

    :param partitions: into 1, 2, … segments, of the same arguments.
    """
    u = np.asarray(u, float)
    n_residues = len(np.unique(residues))
    n_fine = min(max(n_residues // NOISE_SEGMENT_RESIDUES, 1), len(partitions))
    noise = partition_deviations(partitions[n_fine - 1], sites, u, residues)
    n_effective = u.size / correlation_time(noise, residues)
    residuals = np.array([partition.residual for partition in partitions])
    residuals = np.maximum(residuals, _ROUNDING * np.sum(u**2))
    k = np.arange(1, len(partitions) + 1)
    n_parameters = k * len(motions(u)) + k - 1
    bic = n_effective * np.log(residuals / u.size)
    bic += n_parameters * np.log(n_effective)
    return SegmentNumber(bic, int(np.argmin(bic)) + 1, u.size, n_effective)


def partition_deviations(
    partition: Partition, sites: np.ndarray, u: np.ndarray, residues: np.ndarray
) -> np.ndarray:
    """(N, c) weighted differences of displacements from a partition's TLS, Å²."""
    segment_of = np.searchsorted(partition.starts, residues, side="right") - 1
    result = np.empty((len(sites), 1 if u.ndim == 1 else 6))
    for i, fit in enumerate(partition.fits):
        inside = segment_of == i
        result[inside] = deviations(fit, sites[inside], u[inside])
    return result


def correlation_time(values: np.ndarray, residues: np.ndarray) -> float:
    """How many data along a chain tell as much as an independent one.

    Σ_l Σ_i r_i r_{i+l} / Σ d² with r_i the sum of a residue's d, over lags l to both
    sides up to the first that correlates no more: the variance of a sum over what
    it were without correlations.

    :param values: (N, c) d, of mean near zero; products are pooled over c.
    :param residues: (N,) residue of each atom.
    :returns: 1 for white noise.
    """
    _, residue_of = np.unique(residues, return_inverse=True)
    sums = np.zeros((residue_of.max() + 1, values.shape[1]))
    np.add.at(sums, residue_of, values)
    together = np.sum(sums**2)
    for lag in range(1, len(sums)):
        product = np.sum(sums[lag:] * sums[:-lag])
        if product <= 0:
            break
        together += 2 * product
    alone = np.sum(values**2)
    return float(max(together / alone, 1.0)) if alone > 0 else 1.0
