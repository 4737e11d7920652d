"""Several groups of atoms, each with its own modes and Ω, as one model of U.

A parameterisation in the sense of a minimiser: a vector of parameters, the
quantity that it builds (U_group of all atoms) and the gradient's way back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy

import numpy as np

from hnmref.adp.basis import ModeBasis, n_parameters, pack_lower, unpack_lower
from hnmref.adp.u_covariances import u_covariances

#: Atoms of a group that a model of its curvature is made from, about.
_CURVATURE_ATOMS = 600


class GroupedModes:
    """U_group of a whole model from the Ω of its groups.

    :param bases: the modes of each group; no atom is in two of them.
    :param n_atoms: atoms in the model.
    :param site_averages: for atoms on special positions, the (6, 6) matrix that
        averages U over the site symmetry, by atom index.
    :ivar elsewhere: (n_atoms, 6) U of the atoms in no group: a constant, zero
        unless it is set.
    :raises ValueError: when groups overlap.
    """

    def __init__(
        self,
        bases: Sequence[ModeBasis],
        n_atoms: int,
        site_averages: Mapping[int, np.ndarray] | None = None,
    ) -> None:
        self.bases = list(bases)
        self.n_atoms = n_atoms
        self.elsewhere = np.zeros((n_atoms, 6))
        members = np.concatenate([basis.atoms for basis in self.bases])
        if len(np.unique(members)) != len(members):
            raise ValueError("an atom is in more than one group")
        self._special = np.array(sorted(site_averages or {}), dtype=int)
        self._averages = np.array([site_averages[i] for i in self._special]).reshape(
            -1, 6, 6
        ) if site_averages else np.zeros((0, 6, 6))

    def first(self, n_modes: int) -> GroupedModes:
        """The same groups with the first modes of each; fewer where it has fewer."""
        result = copy(self)
        result.bases = [basis.first(n_modes) for basis in self.bases]
        return result

    @property
    def n_parameters(self) -> int:
        """Independent parameters of all Ω together."""
        return sum(n_parameters(basis.n_modes) for basis in self.bases)

    def pack(self, omegas: Sequence[np.ndarray]) -> np.ndarray:
        """One vector of the lower triangles of all Ω."""
        return np.concatenate([pack_lower(omega) for omega in omegas])

    def unpack(self, parameters: np.ndarray) -> list[np.ndarray]:
        """The Ω of each group, from a vector made by :meth:`pack`."""
        omegas, start = [], 0
        for basis in self.bases:
            end = start + n_parameters(basis.n_modes)
            omegas.append(unpack_lower(parameters[start:end], basis.n_modes))
            start = end
        return omegas

    def u(self, omegas: Sequence[np.ndarray]) -> np.ndarray:
        """U_group (n_atoms, 6) in Å²."""
        result = self.elsewhere.copy()
        for basis, omega in zip(self.bases, omegas):
            result[basis.atoms] = basis.u(omega)
        return self._site_average(result)

    def u_and_pullback(self, omegas: Sequence[np.ndarray]):
        """U_group, and the function from ∂T/∂U (n_atoms, 6) to a list of ∂T/∂Ω.

        ∂T/∂U counts an off-diagonal component once for both of its places.
        """
        result = self.elsewhere.copy()
        pullbacks = []
        for basis, omega in zip(self.bases, omegas):
            result[basis.atoms], pullback = basis.u_and_pullback(omega)
            pullbacks.append(pullback)

        def pull_back(gradient: np.ndarray) -> list[np.ndarray]:
            gradient = self._site_average_gradient(gradient)
            return [
                pullback(gradient[basis.atoms])
                for basis, pullback in zip(self.bases, pullbacks)
            ]

        return self._site_average(result), pull_back

    def project(self, gradient: np.ndarray) -> list[np.ndarray]:
        """∂T/∂Π of every group from ∂T/∂U (n_atoms, 6)."""
        gradient = self._site_average_gradient(gradient)
        return [basis.project(gradient[basis.atoms]) for basis in self.bases]

    def curvatures(self, metrics: np.ndarray) -> list[np.ndarray]:
        """Second derivatives by the Π of each group, from a sample of its atoms.

        :param metrics: (n_atoms, 6, 6) by each atom's U.
        """
        return [
            basis.curvature(
                metrics[basis.atoms], every=-(-basis.n_atoms // _CURVATURE_ATOMS)
            )
            for basis in self.bases
        ]

    def u_covariances(
        self,
        omegas: Sequence[np.ndarray],
        gradient: np.ndarray,
        metrics: np.ndarray,
    ) -> np.ndarray:
        """(n_atoms, 6, 6) inverse curvature of a target in terms of U_group.

        See :func:`hnmref.adp.u_covariances.u_covariances`; zero for atoms in no group.

        :param gradient: (n_atoms, 6) of the target by U at its minimum.
        :param metrics: (n_atoms, 6, 6) its second derivatives by each atom's U.
        """
        result = np.zeros((self.n_atoms, 6, 6))
        groups = zip(
            self.bases, omegas, self.project(gradient), self.curvatures(metrics)
        )
        for basis, omega, slack, curvature in groups:
            found = u_covariances(basis, omega @ omega.T, slack, curvature)
            result[basis.atoms] = found
        special, averages = self._special, self._averages
        result[special] = averages @ result[special] @ np.swapaxes(averages, 1, 2)
        return result

    def _site_average(self, u: np.ndarray) -> np.ndarray:
        u[self._special] = np.einsum("kij,kj->ki", self._averages, u[self._special])
        return u

    def _site_average_gradient(self, gradient: np.ndarray) -> np.ndarray:
        if not len(self._special):
            return gradient
        gradient = gradient.copy()
        gradient[self._special] = np.einsum(
            "kji,kj->ki", self._averages, gradient[self._special]
        )
        return gradient
