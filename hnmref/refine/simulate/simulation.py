"""A simulation: the model with its true U, and the data from it."""

from __future__ import annotations

from dataclasses import dataclass

import iotbx.pdb.hierarchy
import numpy as np
from cctbx import crystal, miller

from hnmref.adp.metrics import B_PER_U, add_isotropic, u_eq
from hnmref.errors import InputError
from hnmref.refine.arrays import (
    numpy_to_sym_mat3,
    to_double,
    to_numpy,
    vec3_to_numpy,
)
from hnmref.refine.simulate.amplitudes import (
    add_noise,
    draw_free_flags,
    true_amplitudes,
)
from hnmref.refine.simulate.box import put_in_box
from hnmref.refine.simulate.motion import (
    DEFAULT_MOTION,
    Motion,
    draw_u_group,
    draw_u_local,
)


@dataclass(frozen=True)
class Simulation:
    """Simulated data and the truth behind them.

    :ivar hierarchy: the model in its crystal, with the true total U.
    :ivar crystal_symmetry: its cell and space group.
    :ivar f_obs: amplitudes with noise, and their sigmas.
    :ivar f_true: amplitudes without.
    :ivar r_free_flags: True for the free set.
    :ivar u_group: (N, 6) Å², Cartesian; ``u_local``: (N,) Å².
    :ivar labels: (N,) the substructure of each atom.
    """

    hierarchy: iotbx.pdb.hierarchy.root
    crystal_symmetry: crystal.symmetry
    f_obs: miller.array
    f_true: miller.array
    r_free_flags: miller.array
    u_group: np.ndarray
    u_local: np.ndarray
    labels: np.ndarray

    @property
    def u_total(self) -> np.ndarray:
        """(N, 6) U_group + U_local, Å²."""
        return add_isotropic(self.u_group, self.u_local)

    def r_factors(self) -> tuple[float, float]:
        """R_work and R_free of the truth itself: what noise alone leaves."""
        free = to_numpy(self.r_free_flags.data())
        observed = to_numpy(self.f_obs.data())
        true = to_numpy(self.f_true.data())
        return _r_factor(observed[~free], true[~free]), _r_factor(
            observed[free], true[free]
        )


def simulate(
    hierarchy: iotbx.pdb.hierarchy.root,
    labels: np.ndarray,
    rng: np.random.Generator,
    *,
    crystal_symmetry: crystal.symmetry | None = None,
    d_min: float = 3.0,
    noise: float = 0.05,
    motion: Motion = DEFAULT_MOTION,
) -> Simulation:
    """Data to ``d_min`` from a model that moves on two levels.

    :param hierarchy: atoms on general positions; their own B are not used. Left
        as it is.
    :param labels: (N,) int, the substructure of each atom.
    :param rng: the same state gives the same data.
    :param crystal_symmetry: None puts the model into a P 1 cell.
    :param d_min: resolution, Å.
    :param noise: Σ|F_obs − F_true| / ΣF_true that the noise makes.
    :raises InputError: where labels and atoms do not match, ``d_min`` is no
        resolution, or the data would be too few.
    :raises ModesError: where a substructure is too small for its modes.
    """
    labels = np.asarray(labels)
    if len(labels) != hierarchy.atoms_size():
        raise InputError(
            f"{len(labels)} substructure labels for {hierarchy.atoms_size()} atoms: "
            "give one label an atom"
        )
    if not d_min > 0:
        raise InputError(f"the resolution must be a positive length in Å, not {d_min}")
    hierarchy = hierarchy.deep_copy()
    if crystal_symmetry is None:
        crystal_symmetry = put_in_box(hierarchy)
    sites = vec3_to_numpy(hierarchy.atoms().extract_xyz())
    blocks = residue_labels(hierarchy)
    u_group = draw_u_group(sites, blocks, labels, motion, rng)
    u_local = draw_u_local(blocks, motion, rng)
    _set_u(hierarchy, add_isotropic(u_group, u_local))
    f_true = true_amplitudes(hierarchy, crystal_symmetry, d_min, rng)
    return Simulation(
        hierarchy=hierarchy,
        crystal_symmetry=crystal_symmetry,
        f_obs=add_noise(f_true, noise, rng),
        f_true=f_true,
        r_free_flags=draw_free_flags(f_true, rng),
        u_group=u_group,
        u_local=u_local,
        labels=labels,
    )


def residue_labels(hierarchy: iotbx.pdb.hierarchy.root) -> np.ndarray:
    """(N,) the number of each atom's residue, from 0 in the order of the file."""
    sizes = [residue.atoms_size() for residue in hierarchy.residue_groups()]
    return np.repeat(np.arange(len(sizes)), sizes)


def substructure_labels(
    hierarchy: iotbx.pdb.hierarchy.root, selections: list[str]
) -> np.ndarray:
    """(N,) the number of the selection that each atom is in.

    :raises InputError: where an atom is in none of them, or in two.
    """
    cache = hierarchy.atom_selection_cache()
    chosen = np.array([to_numpy(cache.selection(text)) for text in selections])
    wrong = np.flatnonzero(chosen.sum(axis=0) != 1)
    if len(wrong):
        atom = hierarchy.atoms()[int(wrong[0])]
        raise InputError(
            f"{len(wrong)} atoms, the first {atom.id_str().strip()}, are not in "
            "exactly one substructure: give selections that part the whole model"
        )
    return np.argmax(chosen, axis=0)


def _set_u(hierarchy: iotbx.pdb.hierarchy.root, u: np.ndarray) -> None:
    """Give the atoms anisotropic U, and the equivalent B."""
    hierarchy.atoms().set_uij(numpy_to_sym_mat3(u))
    hierarchy.atoms().set_b(to_double(B_PER_U * u_eq(u)))


def _r_factor(observed: np.ndarray, model: np.ndarray) -> float:
    return float(np.abs(observed - model).sum() / observed.sum())
