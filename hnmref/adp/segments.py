"""A chain's best TLS segments, for every number of them, as TLSMD finds them.

Every contiguous segment of a chain is fitted by TLS; of all ways to cut the chain
into k segments, dynamic programming finds the one with the least sum of residuals
(Painter & Merritt 2006, Acta Cryst. D62, 439). Time and memory are quadratic in
the number of residues.

A fit is never made from its beginning: a triangular factor of [design, U] stands
for all atoms of a segment, and a residue more changes it by as many Householder
reflections as it has columns, those of all segments of one length at a time. Its last
diagonal entry is the distance of U from the nearest TLS. Unlike sums of products,
factors keep their digits however far a segment is from the origin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hnmref.adp.tls_fit import (
    TlsFit,
    fit_tls,
    is_singular,
    linear_system,
    motions,
    squared_distance,
)

#: Numbers of segments that TLSMD shows.
MAX_SEGMENTS = 20
#: Residues of the shortest segment.
MIN_RESIDUES = 3


@dataclass(frozen=True)
class Partition:
    """A chain cut into contiguous segments.

    :ivar starts: (k,) first residue of each segment, as residues were given.
    :ivar fits: TLS of each segment.
    :ivar residual: sum over the segments, Å⁴; see :class:`TlsFit`.
    :ivar rms: root-mean-square deviation of U_iso (or U, as an isotropic one) from
        TLS, Å².
    """

    starts: np.ndarray
    fits: list[TlsFit]
    residual: float
    rms: float

    @property
    def n_segments(self) -> int:
        """k."""
        return len(self.starts)


def partition_chain(
    sites: np.ndarray,
    u: np.ndarray,
    residues: np.ndarray,
    max_segments: int = MAX_SEGMENTS,
    min_residues: int = MIN_RESIDUES,
) -> list[Partition]:
    """The best partitions of a chain into 1, 2, … segments.

    There are fewer than ``max_segments`` where the chain has not enough residues
    or atoms: a segment must have more data than parameters (the whole chain needs
    not).

    :param sites: (N, 3) Cartesian, Å.
    :param u: (N,) U_iso or (N, 6) U, Å².
    :param residues: (N,) number of each atom's residue; ascending along the chain.
    :param min_residues: of a segment.
    """
    sites, u = np.asarray(sites, float), np.asarray(u, float)
    names, residue_of = np.unique(residues, return_inverse=True)
    table = segment_residuals(sites, u, residue_of, min_residues)
    partitions = []
    for starts in best_starts(table, max_segments):
        segment_of = np.searchsorted(starts, residue_of, side="right") - 1
        fits = [
            fit_tls(sites[segment_of == i], u[segment_of == i])
            for i in range(len(starts))
        ]
        residual = sum(fit.residual for fit in fits)
        rms = float(np.sqrt(residual / len(sites)))
        partitions.append(Partition(names[starts], fits, residual, rms))
    return partitions


def segment_residuals(
    sites: np.ndarray, u: np.ndarray, residue_of: np.ndarray, min_residues: int
) -> np.ndarray:
    """Residuals of TLS fits to all contiguous segments of a chain.

    :param residue_of: (N,) residue of each atom, 0 to L − 1, each with an atom.
    :returns: (L, L) Å⁴: row first residue, column last residue; infinite where
        the segment is too short or has not more data than parameters. The whole
        chain always has a residual.
    """
    system = linear_system(sites, u, np.mean(sites, axis=0))
    rows = _residue_rows(system, residue_of)
    n_residues, n_parameters = rows.shape[-1], len(motions(u))
    n_data = np.bincount(residue_of) * system.shape[1]
    up_to = np.concatenate([[0], np.cumsum(n_data)])
    table = np.full((n_residues, n_residues), np.inf)
    factors = np.zeros((rows.shape[1], rows.shape[1], n_residues))
    for length in range(1, n_residues + 1):
        n_starts = n_residues - length + 1
        factors = factors[:, :, :n_starts]
        _append_rows(factors, rows[:, :, length - 1 :].copy())
        enough = up_to[length:] - up_to[:n_starts] > n_parameters
        enough &= length >= min_residues
        starts = np.flatnonzero(enough | (length == n_residues))
        table[starts, starts + length - 1] = _residuals(factors[:, :, starts])
    return table


def _residue_rows(system: np.ndarray, residue_of: np.ndarray) -> np.ndarray:
    """(m, p + 1, L): of each residue its rows, or a triangular factor of them."""
    order = np.argsort(residue_of, kind="stable")
    borders = np.flatnonzero(np.diff(residue_of[order])) + 1
    n_columns = system.shape[-1]
    parts = []
    for atoms in np.split(order, borders):
        part = system[atoms].reshape(-1, n_columns)
        parts.append(np.linalg.qr(part, "r") if len(part) > n_columns else part)
    rows = np.zeros((max(map(len, parts)), n_columns, len(parts)))
    for i, part in enumerate(parts):
        rows[: len(part), :, i] = part
    return rows


def _append_rows(factors: np.ndarray, rows: np.ndarray) -> None:
    """Make triangular factors those of matrices with more rows, in place.

    Householder reflections; that of column k touches row k of the factor and the
    new rows only (Golub & Van Loan, 6.5.3).

    :param factors: (q, q, B), upper triangular.
    :param rows: (m, q, B); overwritten.
    """
    for k in range(len(factors)):
        diagonal, column = factors[k, k], rows[:, k].copy()
        below = np.einsum("mb,mb->b", column, column)
        length = np.sqrt(diagonal**2 + below)
        pivot = diagonal + np.copysign(length, diagonal)
        size = pivot**2 + below
        along = pivot * factors[k, k:] + np.einsum("mb,mcb->cb", column, rows[:, k:])
        along *= 2 / np.where(size > 0, size, 1.0)
        factors[k, k:] -= pivot * along
        rows[:, k:] -= column[:, None] * along


def _residuals(factors: np.ndarray) -> np.ndarray:
    """Squared distances of U from TLS, of factors (q, q, B) of [design, U]."""
    factors = np.moveaxis(factors, -1, 0)
    residuals = factors[:, -1, -1] ** 2
    design, values = factors[:, :-1, :-1], factors[:, :-1, -1]
    singular = is_singular(design)
    if singular.any():
        # Atoms on a plane or a line: some motions leave them where they are.
        residuals[singular] += squared_distance(design[singular], values[singular])
    return residuals


def best_starts(table: np.ndarray, max_segments: int) -> list[np.ndarray]:
    """For k = 1, 2, … the first residues of the k segments of least cost.

    Dynamic programming: the best k segments of a chain's first residues are the
    best k − 1 of fewer of them, and one segment more.

    :param table: (L, L) cost of a segment from its first (row) to its last residue
        (column); infinite where there is none.
    :returns: (k,) arrays, as many as there are possible k up to ``max_segments``.
    """
    n_residues = len(table)
    cost = table[0]
    last_start = [np.zeros(n_residues, int)]
    result = []
    for k in range(1, max_segments + 1):
        if k > 1:
            # [i, j]: k − 1 segments up to residue i, one from i + 1 to j.
            total = cost[:-1, None] + table[1:]
            last_start.append(np.argmin(total, axis=0) + 1)
            cost = np.min(total, axis=0)
        if not np.isfinite(cost[-1]):
            break
        result.append(_trace_back(last_start, n_residues))
    return result


def _trace_back(last_start: Sequence[np.ndarray], n_residues: int) -> np.ndarray:
    """Starts of all segments, from the last one's to the first one's."""
    starts, end = [], n_residues - 1
    for choices in reversed(last_start):
        starts.append(int(choices[end]))
        end = starts[-1] - 1
    return np.array(starts[::-1])
