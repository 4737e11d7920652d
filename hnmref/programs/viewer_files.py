"""What viewers need of a run: scripts, maps around the model, and motions as NMD."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import iotbx.ccp4_map
import numpy as np
from cctbx.array_family import flex

from hnmref.adp.metrics import B_PER_U, anisotropy, u_eq
from hnmref.files import write_text, written_whole
from hnmref.modes.mode_set import ModeSet
from hnmref.modes.nmd import AtomNames, write_nmd
from hnmref.refine import arrays
from hnmref.refine.group_adp import group_adp_name
from hnmref.refine.macro_cycle import Refinement
from hnmref.refine.motions import GroupMotion
from hnmref.report.viewers import (
    Arrows,
    Scene,
    bild,
    chimerax_script,
    coot_script,
    defattr,
    motion_arrows,
    pymol_script,
)

MAP_KINDS = ("2mFo-DFc", "mFo-DFc")

#: Motions of a group that the scripts show.
_SHOWN = 2

#: Motions of less than this share of the largest are rounding.
_LEAST_SHARE = 1e-12

#: Room around the model in its maps (Å).
_MARGIN = 4.0

#: Atoms that trace a chain.
_TRACE = ("CA", "P")


def viewer_paths(stem: Path, params, n_substructures: int) -> dict[str, Path]:
    """The files that :func:`write_viewers` makes, by their endings.

    :param stem: ``run_001``.
    :param n_substructures: groups of stage two.
    """
    names = ["pymol.py", "chimerax.cxc", "coot.py", "anisotropy.defattr"]
    names += [f"{kind}.ccp4" for kind in MAP_KINDS]
    if params.group_adp == "hnm":
        numbers = range(1, n_substructures + 1)
        names += ["motions.bild", "motions_whole.nmd"]
        names += [f"motions_{number}.nmd" for number in numbers]
    return {name: stem.with_name(f"{stem.name}_{name}") for name in names}


def write_viewers(
    refinement: Refinement,
    motions: Sequence[GroupMotion],
    paths: dict[str, Path],
    levels: Sequence[str],
    model_format: str,
) -> None:
    """Write them, beside the model, the maps and the levels that stand there.

    :param motions: refined ones of every group; none without normal modes.
    :param paths: those of :func:`viewer_paths` and of the run.
    :param levels: parts of U that have models of their own.
    :param model_format: that of the models to show, ``pdb`` or ``cif``.
    """
    arrows = _write_motions(refinement, motions, paths)
    for kind in MAP_KINDS:
        write_map(refinement.fmodel, kind, paths[f"{kind}.ccp4"])
    model_name = paths[model_format].name
    level_files = {
        level: Path(model_name).stem + f"_{level}.{model_format}" for level in levels
    }
    isotropic = [name for level, name in level_files.items() if level == "local"]
    if group_adp_name(refinement.params) == "none":
        isotropic.append(model_name)
    scene = Scene(
        model=model_name,
        mtz=paths["mtz"].name,
        maps={kind: paths[f"{kind}.ccp4"].name for kind in MAP_KINDS},
        levels=level_files,
        isotropic=isotropic,
        motions=arrows,
        anisotropy=residue_anisotropy(refinement),
    )
    shapes = paths["motions.bild"].name if motions else ""
    attributes = paths["anisotropy.defattr"]
    write_text(paths["pymol.py"], pymol_script(scene))
    write_text(paths["coot.py"], coot_script(scene))
    write_text(paths["chimerax.cxc"], chimerax_script(scene, shapes, attributes.name))
    write_text(attributes, defattr(scene))
    if motions:
        write_text(paths["motions.bild"], bild(arrows))


def write_map(fmodel, kind: str, path: Path) -> None:
    """A CCP4 map in sigmas around the model's atoms.

    :param kind: ``2mFo-DFc`` (missing amplitudes filled) or ``mFo-DFc``.
    """
    coefficients = fmodel.electron_density_map().map_coefficients(
        map_type=kind, fill_missing=kind == "2mFo-DFc", isotropize=True
    )
    density = coefficients.average_bijvoet_mates().fft_map(resolution_factor=0.25)
    density.apply_sigma_scaling()
    structure = fmodel.xray_structure
    sites = arrays.vec3_to_numpy(structure.sites_frac())
    # The distance of a cell's planes is what a fractional step is measured by.
    margin = _MARGIN * np.array(structure.unit_cell().reciprocal_parameters()[:3])
    n_real = np.array(density.n_real())
    first = np.floor((sites.min(axis=0) - margin) * n_real).astype(int)
    last = np.ceil((sites.max(axis=0) + margin) * n_real).astype(int)
    with written_whole(path) as partial:
        iotbx.ccp4_map.write_ccp4_map(
            file_name=str(partial),
            unit_cell=density.unit_cell(),
            space_group=density.space_group(),
            gridding_first=tuple(int(i) for i in first),
            gridding_last=tuple(int(i) for i in last),
            map_data=density.real_map(),
            labels=flex.std_string([f"{kind}, sigma"]),
        )


def residue_anisotropy(refinement: Refinement) -> dict[tuple[str, str], float]:
    """Mean anisotropy of total U by chain and residue, in the order of the model."""
    values = anisotropy(refinement.group_adp.displacements.total())
    labels = refinement.model.get_hierarchy().atoms_with_labels()
    by_residue: dict[tuple[str, str], list[float]] = {}
    for atom, value in zip(labels, values):
        key = (atom.chain_id.strip(), atom.resid().strip())
        by_residue.setdefault(key, []).append(value)
    return {key: float(np.mean(found)) for key, found in by_residue.items()}


def _write_motions(
    refinement: Refinement, motions: Sequence[GroupMotion], paths: dict[str, Path]
) -> list[Arrows]:
    """NMD files of every group; the largest motions of stage two as arrows."""
    b_factors = B_PER_U * u_eq(refinement.group_adp.displacements.total())
    names = _atom_names(refinement.model, b_factors)
    trace = np.isin(names.atoms, _TRACE)
    arrows = []
    # The whole complex comes first.
    for number, motion in enumerate(motions):
        sites = refinement.group_adp.sites[motion.atoms]
        _write_nmd(paths[f"motions_{number or 'whole'}.nmd"], motion, sites, names)
        if number == 0:
            continue
        shown = trace[motion.atoms] if trace[motion.atoms].any() else slice(None)
        arrows += [
            motion_arrows(
                f"group_{number}_motion_{rank + 1}",
                rank,
                sites[shown],
                motion.displacements[shown, :, rank],
            )
            for rank in range(min(_SHOWN, _n_moving(motion)))
        ]
    return arrows


def _n_moving(motion: GroupMotion) -> int:
    """How many of the displayed motions move anything."""
    displayed = motion.variance[: motion.displacements.shape[2]]
    return int(np.count_nonzero(displayed > _LEAST_SHARE * motion.variance[0]))


def _write_nmd(
    path: Path, motion: GroupMotion, sites: np.ndarray, names: AtomNames
) -> None:
    """Principal motions of a group as modes, whose eigenvalues are 1/variance.

    The variance is that of all its atoms together, as vectors have unit length.
    """
    displacements = motion.displacements[:, :, : _n_moving(motion)]
    lengths = np.sqrt(np.sum(displacements**2, axis=(0, 1)))
    modes = ModeSet(
        eigenvalues=lengths**-2,
        vectors=displacements / lengths,
        n_zero=0,
        coordinates=sites,
        masses=np.ones(len(sites)),
    )
    kept = AtomNames(**{key: value[motion.atoms] for key, value in vars(names).items()})
    write_nmd(path, modes, kept, path.stem)


def _atom_names(model, b_factors: np.ndarray) -> AtomNames:
    """What NMD files say of the model's atoms; (N,) B in Å²."""
    atoms = model.get_hierarchy().atoms()
    labels = [atom.fetch_labels() for atom in atoms]
    return AtomNames(
        atoms=np.array([atom.name.strip() for atom in atoms]),
        residues=np.array([label.resname.strip() for label in labels]),
        residue_numbers=np.array([label.resseq_as_int() for label in labels]),
        chains=np.array([label.chain_id.strip() for label in labels]),
        b_factors=b_factors,
    )
