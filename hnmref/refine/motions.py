"""What a refined Π says of a group's motion: its principal motions and its modes.

The covariance of a group's atoms is E Π Eᵀ. Its eigenvectors are the refined motions;
with columns of E that are orthogonal and of one length, its eigenvalues are those of
Π. Each tells the mean square displacement of an atom that the motion gives, Å².
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hnmref.adp.basis import ModeBasis
from hnmref.modes import collectivity
from hnmref.modes.fluctuations import Motion
from hnmref.refine.normal_modes import NormalModes

#: Refined motions of a group that are kept with their displacements.
N_DISPLAYED = 3


@dataclass(frozen=True)
class GroupMotion:
    """One group's refined motion.

    Frequencies are the roots of the eigenvalues of the network, in its own units; a
    motion's is the root of the mean of its modes'.

    :ivar stage: stage_one for the whole complex, stage_two for a substructure.
    :ivar atoms: (N,) indices in the model.
    :ivar mode_frequency, mode_variance, mode_collectivity: (n,) of every mode;
        Å² an atom.
    :ivar frequency, variance, collectivity: (n,) of every motion, from the largest.
    :ivar weights: (k, n) share of every mode in the largest k motions.
    :ivar displacements: (N, 3, k) Å, root mean square, of the largest k.
    """

    label: str
    stage: str
    atoms: np.ndarray
    mode_frequency: np.ndarray
    mode_variance: np.ndarray
    mode_collectivity: np.ndarray
    frequency: np.ndarray
    variance: np.ndarray
    collectivity: np.ndarray
    weights: np.ndarray
    displacements: np.ndarray

    def as_dict(self) -> dict:
        """The figures without the displacements, for JSON."""
        return {
            "label": self.label,
            "stage": self.stage,
            "atoms": len(self.atoms),
            "modes": {
                "frequency": self.mode_frequency,
                "variance": self.mode_variance,
                "collectivity": self.mode_collectivity,
            },
            "motions": {
                "frequency": self.frequency,
                "variance": self.variance,
                "collectivity": self.collectivity,
                "weights": self.weights,
            },
        }


def refined_motions(group_adp) -> list[GroupMotion]:
    """Every group's, the whole complex first; none where U_group is not of modes.

    :param group_adp: one of the models in :mod:`hnmref.refine.group_adp`.
    """
    if not isinstance(group_adp, NormalModes):
        return []
    stages = [(group_adp.whole, group_adp.omega_whole, "stage_one")]
    stages.append((group_adp.parts, group_adp.omega_parts, "stage_two"))
    found = [
        (basis, omega, stage)
        for modes, omegas, stage in stages
        for basis, omega in zip(modes.bases, omegas)
    ]
    labels = [group["label"] for group in group_adp.groups()]
    return [
        group_motion(label, stage, basis, omega @ omega.T, eigenvalues)
        for label, (basis, omega, stage), eigenvalues in zip(
            labels, found, group_adp.eigenvalues
        )
    ]


def group_motion(
    label: str,
    stage: str,
    basis: ModeBasis,
    pi: np.ndarray,
    eigenvalues: np.ndarray,
) -> GroupMotion:
    """The motion of one group.

    :param pi: (n, n) refined covariance of the modes' coordinates.
    :param eigenvalues: (n,) of the modes, zero for rigid-body ones.
    """
    vectors = basis.vectors
    flat = vectors.reshape(-1, basis.n_modes)
    metric = flat.T @ flat / basis.n_atoms
    squares, axes = np.linalg.eigh(metric)
    root = axes * np.sqrt(squares) @ axes.T
    inverse_root = axes / np.sqrt(squares) @ axes.T
    variance, weights = np.linalg.eigh(root @ pi @ root)
    # Rounding leaves the smallest ones below zero.
    variance, weights = variance[::-1].clip(min=0.0), weights[:, ::-1]
    moved = vectors @ (inverse_root @ weights)
    amplitudes = np.sqrt(variance[:N_DISPLAYED])
    # Rounding may leave a zero mode slightly unstable.
    eigenvalues = np.maximum(eigenvalues, 0.0)
    return GroupMotion(
        label=label,
        stage=stage,
        atoms=basis.atoms,
        mode_frequency=np.sqrt(eigenvalues),
        mode_variance=np.diag(pi) * np.diag(metric),
        mode_collectivity=_collectivity(vectors),
        frequency=np.sqrt(weights.T**2 @ eigenvalues),
        variance=variance,
        collectivity=_collectivity(moved),
        weights=weights.T[:N_DISPLAYED] ** 2,
        displacements=moved[:, :, :N_DISPLAYED] * amplitudes,
    )


def _collectivity(vectors: np.ndarray) -> np.ndarray:
    n_atoms, _, n_modes = vectors.shape
    return collectivity(Motion(vectors, np.ones(n_modes), np.zeros((n_atoms, 3))))
