"""Diffraction data of a model whose motion is known: two levels of it, and noise.

The truth is ``U = U_group + U_local`` (thesis, eq. 13). U_group is the sum of
the whole complex's modes and of each substructure's own, with covariances drawn
at random that fall as 1/λ; U_local is isotropic and smooth along the chain. The
network behind these modes has another cut-off and another law than the one
hnmref.refine takes by itself, more of its modes are used, and its loose ends are
held back, so that the truth lies outside the space that a refinement searches.

The data are ``|F_model|`` of mmtbx with flat bulk solvent and a small overall
anisotropy, plus Gaussian noise that grows with resolution.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import iotbx.pdb.hierarchy
import mmtbx.f_model
import numpy as np
from cctbx import adptbx, crystal, miller
from scipy.spatial import cKDTree

from hnmref.adp.basis import ModeBasis, lower_factor
from hnmref.adp.metrics import u_eq
from hnmref.errors import InputError
from hnmref.files import write_text, written_whole
from hnmref.modes import compute_modes
from hnmref.refine.arrays import (
    numpy_to_sym_mat3,
    numpy_to_vec3,
    to_bool,
    to_double,
    to_numpy,
    vec3_to_numpy,
)

#: B = 8π² U.
B_PER_U = 8.0 * np.pi**2

#: Bulk solvent: density (electron/Å³) and B (Å²), the usual means.
K_SOL, B_SOL = 0.35, 46.0

#: Sizes (Å²) of the components of the overall anisotropic B.
_B_OVERALL = 2.0

#: Fewer free reflections than this give no steady R_free.
_MIN_FREE = 500

#: No atom deforms with more than this many times the median of all (in U).
_LIMIT = 6.0

#: Reflections whose mean amplitude scales their noise.
_SHELL_SIZE = 500


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
    motion: Motion = Motion(),
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
    f_true = _true_amplitudes(hierarchy, crystal_symmetry, d_min, rng)
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


def put_in_box(
    hierarchy: iotbx.pdb.hierarchy.root, contact: float = 4.0
) -> crystal.symmetry:
    """Move the model to the middle of a P 1 cell with right angles; the cell.

    Each edge, the longest first, is shortened until a neighbour comes nearer
    than ``contact`` Å: cells as loosely packed as a bounding box hold more
    solvent, and more reflections, than crystals do.
    """
    atoms = hierarchy.atoms()
    sites = vec3_to_numpy(atoms.extract_xyz())
    edges = np.ceil(np.ptp(sites, axis=0) + contact)
    # Down to half, where only next neighbours can touch.
    shortest = 0.5 * edges
    for axis in np.argsort(-edges):
        shorter = edges - np.eye(3)[axis]
        while shorter[axis] >= shortest[axis] and not _touches_itself(
            sites, shorter, contact
        ):
            edges, shorter = shorter, shorter - np.eye(3)[axis]
    middle = 0.5 * (sites.min(axis=0) + sites.max(axis=0))
    # Whole thousandths, so that a PDB file holds the very same coordinates.
    atoms.set_xyz(numpy_to_vec3(sites + np.round(0.5 * edges - middle, 3)))
    return crystal.symmetry(
        unit_cell=(*edges, 90, 90, 90), space_group_symbol="P 1"
    )


def _touches_itself(sites: np.ndarray, edges: np.ndarray, contact: float) -> bool:
    """Whether lattice translations bring atoms nearer than ``contact``."""
    neighbours = np.array(np.meshgrid(*[[-1, 0, 1]] * 3)).reshape(3, -1).T
    tree = cKDTree(sites)
    # One of each pair of opposite translations: they make the same contacts.
    return any(
        tree.count_neighbors(cKDTree(sites + shift * edges), contact) > 0
        for shift in neighbours[14:]
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


def _true_amplitudes(
    hierarchy: iotbx.pdb.hierarchy.root,
    crystal_symmetry: crystal.symmetry,
    d_min: float,
    rng: np.random.Generator,
) -> miller.array:
    """|F_model| of the hierarchy's U with bulk solvent and overall anisotropy."""
    structure = hierarchy.extract_xray_structure(crystal_symmetry=crystal_symmetry)
    structure.scattering_type_registry(table="n_gaussian", d_min=d_min)
    indices = structure.build_miller_set(anomalous_flag=False, d_min=d_min)
    fmodel = mmtbx.f_model.manager(
        f_obs=indices.array(data=to_double(np.ones(indices.size()))),
        xray_structure=structure,
        k_sol=K_SOL,
        b_sol=B_SOL,
        b_cart=_draw_overall_b(crystal_symmetry, rng),
    )
    amplitudes = fmodel.f_model().amplitudes()
    return miller.array(amplitudes.set(), amplitudes.data())


def _draw_overall_b(
    crystal_symmetry: crystal.symmetry, rng: np.random.Generator
) -> tuple[float, ...]:
    """An overall anisotropic B (Å²) of trace zero that obeys the space group."""
    b = _B_OVERALL * rng.normal(size=6)
    b[:3] -= b[:3].mean()
    cell = crystal_symmetry.unit_cell()
    b_star = adptbx.u_cart_as_u_star(cell, tuple(b))
    average = crystal_symmetry.space_group().average_u_star(b_star)
    return adptbx.u_star_as_u_cart(cell, average)


def add_noise(
    f_true: miller.array, noise: float, rng: np.random.Generator
) -> miller.array:
    """Amplitudes with Gaussian noise, and its standard deviations as sigmas.

    A sigma follows the mean amplitude of its resolution shell and, relative to
    that, becomes three times as large from low to high resolution. Amplitudes
    that would be negative change their sign.

    :param noise: Σ|F_obs − F_true| / ΣF_true to be expected.
    """
    f = to_numpy(f_true.data())
    s_squared = to_numpy(f_true.d_star_sq().data())
    sigmas = _shell_means(f, s_squared) * (0.5 + s_squared / s_squared.max())
    # A Gaussian's mean absolute value is sqrt(2/pi) sigma.
    sigmas *= noise * f.sum() / (np.sqrt(2.0 / np.pi) * sigmas.sum())
    observed = np.abs(f + sigmas * rng.normal(size=len(f)))
    result = f_true.array(data=to_double(observed), sigmas=to_double(sigmas))
    return result.set_observation_type_xray_amplitude()


def _shell_means(values: np.ndarray, s_squared: np.ndarray) -> np.ndarray:
    """Each reflection's mean over its resolution shell."""
    order = np.argsort(s_squared, kind="stable")
    means = np.empty_like(values)
    for shell in np.array_split(order, max(1, len(values) // _SHELL_SIZE)):
        means[shell] = values[shell].mean()
    return means


def draw_free_flags(indices: miller.set, rng: np.random.Generator) -> miller.array:
    """True for 5% of the reflections, or for 500 where 5% are fewer.

    :raises InputError: where a free set of that size would take half the data.
    """
    n = indices.size()
    n_free = max(round(0.05 * n), _MIN_FREE)
    if 2 * n_free > n:
        raise InputError(
            f"{n} reflections are too few for a free set of {_MIN_FREE}: simulate "
            "to a higher resolution"
        )
    free = np.zeros(n, bool)
    free[rng.choice(n, n_free, replace=False)] = True
    return indices.array(data=to_bool(free))


def write_simulated(
    simulation: Simulation, directory: str | os.PathLike[str], b_start: float = 30.0
) -> dict[str, Path]:
    """Write what a refinement needs, and what it should find.

    model.pdb : coordinates with the same isotropic B for all, no ANISOU.
    truth.pdb : the true total U.
    data.mtz : FOBS, SIGFOBS and R-free-flags (1: free).
    truth.npz : u_group (N, 6), u_local (N,) in Å², and labels (N,).

    :param directory: made where it does not exist; files there are replaced.
    :return: the paths by the names model, truth, data and arrays.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    paths = {
        "model": directory / "model.pdb",
        "truth": directory / "truth.pdb",
        "data": directory / "data.mtz",
        "arrays": directory / "truth.npz",
    }
    _write_pdb(_flat_start(simulation, b_start), simulation, paths["model"])
    _write_pdb(simulation.hierarchy, simulation, paths["truth"])
    with written_whole(paths["data"]) as partial:
        _write_mtz(simulation, partial)
    with written_whole(paths["arrays"]) as partial:
        np.savez(
            partial,
            u_group=simulation.u_group,
            u_local=simulation.u_local,
            labels=simulation.labels,
        )
    return paths


def _flat_start(simulation: Simulation, b: float) -> iotbx.pdb.hierarchy.root:
    """The model with one isotropic B for all, and no anisotropic U."""
    start = simulation.hierarchy.deep_copy()
    n_atoms = start.atoms_size()
    start.atoms().set_b(to_double(np.full(n_atoms, b)))
    # Components of -1 are how the hierarchy marks an atom without ANISOU.
    start.atoms().set_uij(numpy_to_sym_mat3(np.full((n_atoms, 6), -1.0)))
    return start


def _write_pdb(
    hierarchy: iotbx.pdb.hierarchy.root, simulation: Simulation, path: Path
) -> None:
    symmetry = simulation.crystal_symmetry
    write_text(path, hierarchy.as_pdb_string(crystal_symmetry=symmetry))


def _write_mtz(simulation: Simulation, path: Path) -> None:
    dataset = simulation.f_obs.as_mtz_dataset(column_root_label="FOBS")
    flags = simulation.r_free_flags
    flags = flags.array(data=flags.data().as_int())
    dataset.add_miller_array(flags, column_root_label="R-free-flags")
    dataset.mtz_object().write(str(path))


def _set_u(hierarchy: iotbx.pdb.hierarchy.root, u: np.ndarray) -> None:
    """Give the atoms anisotropic U, and the equivalent B."""
    hierarchy.atoms().set_uij(numpy_to_sym_mat3(u))
    hierarchy.atoms().set_b(to_double(B_PER_U * u_eq(u)))


def add_isotropic(u: np.ndarray, u_iso: np.ndarray) -> np.ndarray:
    """(N, 6) of tensors (N, 6) with isotropic ones (N,) added."""
    total = u.copy()
    total[:, :3] += u_iso[:, None]
    return total


def _r_factor(observed: np.ndarray, model: np.ndarray) -> float:
    return float(np.abs(observed - model).sum() / observed.sum())
