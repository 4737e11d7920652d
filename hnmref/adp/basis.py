"""U_group as a function of Ω, and a target's gradient with respect to Ω.

For a group of N atoms and n modes, ``U_j = E_j Π E_jᵀ`` with ``Π = Ω Ωᵀ`` and
Ω lower triangular (thesis, eqs. 15 and 16). E_j holds the three rows of E that
belong to atom j. With ``A = E Ω`` both ways are sums over columns::

    U_j = A_j A_jᵀ          ∂T/∂Ω = 2 Σ_j E_jᵀ G_j A_j

where ``G_j = ∂T/∂U_j`` is a full symmetric matrix. Tensors travel as six
numbers (11, 22, 33, 12, 13, 23); a gradient with respect to the six counts an
off-diagonal component once for both of its places, so half of it stands in G.
"""

from __future__ import annotations

import numpy as np

from hnmref.adp.symmetric import triangle

#: Rows of E are worked through in pieces that stay in the processor's cache.
_ATOMS_PER_PIECE = 512

#: As many atoms at a time where a row has a number for every pair of modes.
_CURVATURE_PIECE = 50
#: Where the six components stand in a 3 × 3 matrix.
_ROWS = [0, 1, 2, 0, 0, 1]
_COLUMNS = [0, 1, 2, 1, 2, 2]


def n_parameters(n_modes: int) -> int:
    """Independent parameters of a triangular Ω for ``n_modes`` modes."""
    return n_modes * (n_modes + 1) // 2


def pack_lower(matrix: np.ndarray) -> np.ndarray:
    """The lower triangle of an (n, n) matrix as one vector, row by row."""
    return matrix[np.tril_indices(matrix.shape[0])]


def unpack_lower(values: np.ndarray, n_modes: int) -> np.ndarray:
    """Lower triangular (n, n) matrix of a vector made by :func:`pack_lower`."""
    matrix = np.zeros((n_modes, n_modes))
    matrix[np.tril_indices(n_modes)] = values
    return matrix


def lower_factor(pi: np.ndarray) -> np.ndarray:
    """Lower triangular Ω with Ω Ωᵀ = Π, for any positive semidefinite Π.

    Unlike Cholesky's, this factor exists for singular Π too; negative
    eigenvalues of rounding size are taken as zero.
    """
    values, vectors = np.linalg.eigh(pi)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    upper = np.linalg.qr(root.T, mode="r")
    signs = np.where(np.diag(upper) < 0, -1.0, 1.0)
    return (upper * signs[:, None]).T


class ModeBasis:
    """The modes of one group of atoms, ready to be evaluated often.

    :param vectors: (N, 3, n) Cartesian displacement of each atom in each mode.
    :param atoms: (N,) indices of the atoms in the model.
    :raises ValueError: when the shapes disagree.
    """

    def __init__(self, vectors: np.ndarray, atoms: np.ndarray) -> None:
        if vectors.ndim != 3 or vectors.shape[1] != 3:
            raise ValueError(f"vectors must be (N, 3, n), not {vectors.shape}")
        if len(atoms) != len(vectors):
            raise ValueError(f"{len(vectors)} rows of modes for {len(atoms)} atoms")
        self.atoms = np.asarray(atoms)
        # One contiguous (atoms, n) matrix per piece and Cartesian direction.
        self._pieces = [
            tuple(np.ascontiguousarray(vectors[start : start + _ATOMS_PER_PIECE, i])
                  for i in range(3))
            for start in range(0, len(vectors), _ATOMS_PER_PIECE)
        ]
        self.n_atoms, _, self.n_modes = vectors.shape

    def first(self, n_modes: int) -> ModeBasis:
        """The first modes of the same atoms; all of them where there are fewer."""
        if n_modes >= self.n_modes:
            return self
        return ModeBasis(self.vectors[:, :, :n_modes], self.atoms)

    @property
    def n_parameters(self) -> int:
        """Independent parameters of this group's Ω."""
        return n_parameters(self.n_modes)

    @property
    def vectors(self) -> np.ndarray:
        """(N, 3, n) Cartesian displacement of each atom in each mode."""
        return np.concatenate([np.stack(piece, axis=1) for piece in self._pieces])

    def u(self, omega: np.ndarray) -> np.ndarray:
        """U_group (N, 6) in Å² of an (n, m) factor Ω of Π."""
        return np.concatenate(
            [_outer_products(*(e @ omega for e in piece)) for piece in self._pieces]
        )

    def u_and_pullback(self, omega: np.ndarray):
        """U_group (N, 6), and the function that takes ∂T/∂U (N, 6) to ∂T/∂Ω.

        The amplitudes E Ω are computed once for both. The gradient is the full
        (n, m) matrix; a triangular Ω has its lower triangle.
        """
        amplitudes = [tuple(e @ omega for e in piece) for piece in self._pieces]
        u = np.concatenate([_outer_products(*piece) for piece in amplitudes])

        def pullback(gradient: np.ndarray) -> np.ndarray:
            result = np.zeros_like(omega)
            start = 0
            for modes, (ax, ay, az) in zip(self._pieces, amplitudes):
                # 2 G, with the halves of the off-diagonal components made good.
                g = gradient[start : start + len(ax)].T[:, :, None]
                start += len(ax)
                result += modes[0].T @ (2 * g[0] * ax + g[3] * ay + g[4] * az)
                result += modes[1].T @ (g[3] * ax + 2 * g[1] * ay + g[5] * az)
                result += modes[2].T @ (g[4] * ax + g[5] * ay + 2 * g[2] * az)
            return result

        return u, pullback

    def project(self, gradient: np.ndarray) -> np.ndarray:
        """∂T/∂Π = Σ_j E_jᵀ G_j E_j (n, n) of ∂T/∂U given as (N, 6)."""
        result = np.zeros((self.n_modes, self.n_modes))
        start = 0
        for ex, ey, ez in self._pieces:
            g = gradient[start : start + len(ex)].T[:, :, None]
            start += len(ex)
            # Off-diagonal components stand above the diagonal, in full.
            result += ex.T @ (g[0] * ex + g[3] * ey + g[4] * ez)
            result += ey.T @ (g[1] * ey + g[5] * ez)
            result += ez.T @ (g[2] * ez)
        return 0.5 * (result + result.T)

    def curvature(self, metrics: np.ndarray, every: int = 1) -> np.ndarray:
        """Second derivatives by Π of a target with given ones by each atom's U.

        Atoms are taken to be independent.

        :param metrics: (N, 6, 6) positive definite, by the six components of U.
        :param every: every k-th atom stands for k.
        :returns: (p, p), in the coordinates of ``symmetric.pack_symmetric``.
        """
        e = self.vectors[::every]
        roots = np.linalg.cholesky(every * metrics[::every])
        n_parameters = self.n_parameters
        result = np.zeros((n_parameters, n_parameters))
        for start in range(0, len(e), _CURVATURE_PIECE):
            piece = slice(start, start + _CURVATURE_PIECE)
            whitened = np.swapaxes(roots[piece], 1, 2) @ u_derivatives(e[piece])
            flat = whitened.reshape(-1, n_parameters)
            result += flat.T @ flat
        return result


def u_derivatives(vectors: np.ndarray) -> np.ndarray:
    """∂U/∂Π of some atoms: (N, 6, p), by the components of ``symmetric.pack_symmetric``.

    :param vectors: (N, 3, n) their rows of E. The result has a number for every pair of
        modes: a few atoms at a time.
    """
    a, b, scale = triangle(vectors.shape[2])
    first, second = vectors[:, :, a], vectors[:, :, b]
    rows = first[:, _ROWS] * second[:, _COLUMNS]
    rows += first[:, _COLUMNS] * second[:, _ROWS]
    rows *= 0.5 * scale
    return rows


def _outer_products(ax: np.ndarray, ay: np.ndarray, az: np.ndarray) -> np.ndarray:
    """(N, 6) of A_j A_jᵀ from the three rows of every A_j."""
    pairs = ((ax, ax), (ay, ay), (az, az), (ax, ay), (ax, az), (ay, az))
    return np.stack([np.einsum("ij,ij->i", a, b) for a, b in pairs], axis=1)
