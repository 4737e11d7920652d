"""Matrices over pairs of atoms: correlation, covariance, distance fluctuations.

Such a matrix of a large complex does not fit into memory, so each comes as
blocks of rows, ``(rows, block)`` with ``rows`` a slice and ``block`` its
(n_rows, n_columns) part; the functions that return a whole matrix say before
they start when it is too large.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hnmref.errors import ModesError
from hnmref.modes.fluctuations import Motion, mean_squares, require_directions
from hnmref.modes.memory import available_memory

#: Cross-correlations: weighted by the modes' mean squares, or ΔΔPT's CROSCOR.
CORRELATIONS = ("weighted", "ddpt")

#: Mean squares of a pair: of its distance, of the vector between its atoms, or
#: ΔΔPT's MOVEING.
DISTANCES = ("distance", "vector", "ddpt")

#: Bytes that a block and what is needed to make it may take.
BLOCK_BYTES = 2**26

Rows = Iterator[tuple[slice, np.ndarray]]


def correlation_rows(
    motion: Motion, kind: str = "weighted", block_bytes: int = BLOCK_BYTES
) -> Rows:
    """Cross-correlation of atoms, -1 to 1, (N, N) by rows.

    weighted : ``<u_i . u_j> / sqrt(<u_i^2> <u_j^2>)``.
    ddpt : the mean over modes of the cosine between ``e_i`` and ``e_j`` (ΔΔPT's
        equation 11, divided by the number of modes, so that 1 is perfect).
    An atom that does not move correlates with none, not even with itself.

    Raises
    ------
    ModesError : an unknown kind.
    """
    _check_kind(kind, CORRELATIONS, "cross-correlation")
    if kind == "weighted":
        x = motion.amplitudes().reshape(motion.n_atoms, -1)
        x = _unit(x, axis=1)
    else:
        x = _unit(motion.vectors, axis=1).reshape(motion.n_atoms, -1)
        x /= np.sqrt(motion.n_modes)
    return _products(x, block_bytes)


def covariance_rows(motion: Motion, block_bytes: int = BLOCK_BYTES) -> Rows:
    """``<u u^T>`` in Å², (3N, 3N) by rows; the three of an atom stay together.

    (N, N), traces, for modes without a direction.
    """
    n_directions = motion.vectors.shape[1]
    x = motion.amplitudes().reshape(-1, motion.n_modes)
    a_row = 8 * n_directions * len(x)
    for atoms in row_blocks(motion.n_atoms, a_row, block_bytes):
        rows = slice(n_directions * atoms.start, n_directions * atoms.stop)
        yield rows, x[rows] @ x.T


def distance_rows(
    motion: Motion, kind: str = "distance", block_bytes: int = BLOCK_BYTES
) -> Rows:
    """Fluctuation of the distance of atoms, Å², (N, N) by rows.

    distance : variance of the distance, to first order:
        ``<(n_ij . (u_i - u_j))^2>``, n the unit vector between the atoms.
    vector : ``<|u_i - u_j|^2>``, turns of the vector included.
    ddpt : ``sum_v [|d + e_i - e_j|^2 - |d|^2] var_v`` (ΔΔPT's equation 12).
        Its linear part changes with the arbitrary sign of each eigenvector; the
        mean over both signs is ``vector``.

    Raises
    ------
    ModesError : an unknown kind, or modes without a direction for which only
        ``vector`` is defined.
    """
    _check_kind(kind, DISTANCES, "distance fluctuation")
    if kind != "vector":
        require_directions(motion, f"distance fluctuation of kind {kind}")
    if kind == "distance":
        return _stretch_rows(motion, block_bytes)
    return _relative_rows(motion, kind == "ddpt", block_bytes)


def cross_correlation(
    motion: Motion, kind: str = "weighted", memory_limit: float | None = None
) -> np.ndarray:
    """(N, N) matrix of ``correlation_rows``.

    Raises
    ------
    ModesError : an unknown kind, or too much memory (GiB; None: what is free).
    """
    _require_matrix(motion.n_atoms, memory_limit)
    return _whole(correlation_rows(motion, kind), motion.n_atoms)


def covariance(motion: Motion, memory_limit: float | None = None) -> np.ndarray:
    """(3N, 3N) matrix of ``covariance_rows``, Å².

    Raises
    ------
    ModesError : too much memory (GiB; None: what is free).
    """
    n_rows = motion.n_atoms * motion.vectors.shape[1]
    _require_matrix(n_rows, memory_limit)
    return _whole(covariance_rows(motion), n_rows)


def distance_fluctuations(
    motion: Motion, kind: str = "distance", memory_limit: float | None = None
) -> np.ndarray:
    """(N, N) matrix of ``distance_rows``, Å².

    Raises
    ------
    ModesError : as there, or too much memory (GiB; None: what is free).
    """
    _require_matrix(motion.n_atoms, memory_limit)
    return _whole(distance_rows(motion, kind), motion.n_atoms)


def pair_distance_fluctuations(
    motion: Motion, pairs: np.ndarray, kind: str = "distance"
) -> np.ndarray:
    """(M,) entries of ``distance_rows`` for (M, 2) pairs of atom indices, Å².

    Raises
    ------
    ModesError : as there.
    """
    _check_kind(kind, DISTANCES, "distance fluctuation")
    if kind != "vector":
        require_directions(motion, f"distance fluctuation of kind {kind}")
    first, second = np.asarray(pairs).reshape(-1, 2).T
    relative = motion.vectors[first] - motion.vectors[second]
    apart = motion.coordinates[first] - motion.coordinates[second]
    if kind == "distance":
        stretch = np.einsum("sa,sam->sm", _unit(apart, axis=1), relative)
        return stretch**2 @ motion.variances
    result = np.einsum("sam,sam,m->s", relative, relative, motion.variances)
    if kind == "ddpt":
        result += 2 * np.einsum("sa,sam,m->s", apart, relative, motion.variances)
    return result


def row_blocks(
    n_rows: int, bytes_a_row: float, block_bytes: int = BLOCK_BYTES
) -> Iterator[slice]:
    """Slices that cover n_rows, each of as many rows as the bytes allow."""
    size = max(1, int(block_bytes // max(bytes_a_row, 1)))
    for start in range(0, n_rows, size):
        yield slice(start, min(start + size, n_rows))


def _products(x: np.ndarray, block_bytes: int) -> Rows:
    """``X X^T`` by rows."""
    for rows in row_blocks(len(x), 8 * len(x), block_bytes):
        yield rows, x[rows] @ x.T


def _relative_rows(motion: Motion, with_linear: bool, block_bytes: int) -> Rows:
    """``<|u_i - u_j|^2>``, and the linear part of ΔΔPT's form where asked for."""
    squares = mean_squares(motion)
    sites = motion.coordinates
    drift = motion.vectors @ motion.variances
    own = np.einsum("ja,ja->j", sites, drift) if with_linear else None
    x = motion.amplitudes().reshape(motion.n_atoms, -1)
    for rows, block in _products(x, block_bytes):
        block *= -2
        block += squares[rows, None] + squares
        if with_linear:
            # (x_i - x_j) . (w_i - w_j), w the sum of the weighted vectors.
            block += 2 * (own[rows, None] + own)
            block -= 2 * (sites[rows] @ drift.T + drift[rows] @ sites.T)
        else:
            np.maximum(block, 0.0, out=block)
        yield rows, block


def _stretch_rows(motion: Motion, block_bytes: int) -> Rows:
    """``n_ij^T (C_ii + C_jj - C_ij - C_ji) n_ij`` with C the covariance."""
    n_atoms, sites, x = motion.n_atoms, motion.coordinates, motion.amplitudes()
    own = x @ x.transpose(0, 2, 1)
    flat = x.reshape(-1, motion.n_modes)
    # A 3 × 3 block and four vectors a pair.
    for rows in row_blocks(n_atoms, 8 * (9 + 4 * 3) * n_atoms, block_bytes):
        e = _unit(sites[rows, None] - sites, axis=2)
        between = (x[rows].reshape(-1, motion.n_modes) @ flat.T).reshape(
            -1, 3, n_atoms, 3
        )
        block = np.einsum("bja,bja->bj", e @ own[rows], e)
        block += np.einsum("bja,bja->bj", np.einsum("bjc,jca->bja", e, own), e)
        # n^T C_ij n is the same of the transpose, C_ji.
        across = np.einsum("bajc,bjc->bja", between, e)
        block -= 2 * np.einsum("bja,bja->bj", across, e)
        yield rows, np.maximum(block, 0.0, out=block)


def _unit(vectors: np.ndarray, axis: int) -> np.ndarray:
    """Vectors of length 1; zero ones stay zero."""
    length = np.linalg.norm(vectors, axis=axis, keepdims=True)
    return vectors / np.where(length > 0, length, 1.0)


def _check_kind(kind: str, kinds: tuple[str, ...], what: str) -> None:
    if kind not in kinds:
        raise ModesError(
            f"there is no {what} of kind {kind!r}: choose one of {', '.join(kinds)}"
        )


def _require_matrix(n_rows: int, memory_limit: float | None) -> None:
    """Raise ModesError where a square matrix and a block of it do not fit."""
    needed = 8.0 * n_rows**2 + BLOCK_BYTES
    free = available_memory() if memory_limit is None else memory_limit * 2**30
    if free is not None and needed > free:
        raise ModesError(
            f"a matrix of {n_rows} x {n_rows} would need about {needed / 2**30:.1f} "
            f"GiB and {free / 2**30:.1f} GiB are free: choose fewer atoms, or take it "
            f"by blocks of rows"
        )


def _whole(rows: Rows, n_rows: int) -> np.ndarray:
    result = np.empty((n_rows, n_rows))
    for part, block in rows:
        result[part] = block
    return result
