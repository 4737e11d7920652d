"""A run as the plain mapping that the report is made from."""

from __future__ import annotations

import platform
from dataclasses import dataclass

import numpy as np
import scipy
from libtbx.version import get_version

from hnmref import __version__
from hnmref.adp.metrics import B_PER_U, anisotropy, u_eq
from hnmref.refine import arrays
from hnmref.refine.atoms import AtomGroups
from hnmref.refine.fit_quality import residue_correlations, resolution_shells
from hnmref.refine.group_adp import group_adp_name
from hnmref.refine.levels import LEVELS, level_u
from hnmref.refine.macro_cycle import Refinement
from hnmref.refine.motions import GroupMotion, refined_motions
from hnmref.refine.neighbours import Neighbours, neighbours
from hnmref.refine.normal_modes import NormalModes
from hnmref.refine.residues import Kind, ResidueTable, residue_table
from hnmref.refine.tls_baseline import tls_groups
from hnmref.refine.uncertainty import b_eq_errors, u_group_covariances

#: Residues of the lowest map correlation that the JSON names.
N_WORST = 20


@dataclass(frozen=True)
class Findings:
    """What is worked out of a finished run, once, for all that is written of it.

    :ivar data: ``n_work``, ``n_free``, ``d_max``, ``d_min`` (Å).
    :ivar shells: see :func:`hnmref.refine.fit_quality.resolution_shells`.
    :ivar map_correlation: (R,) of each residue of ``table``.
    :ivar u_covariances: of :func:`u_group_covariances`; None without normal modes.
    """

    data: dict
    shells: list[dict]
    motions: list[GroupMotion]
    neighbours: Neighbours
    map_correlation: np.ndarray
    table: ResidueTable
    u_covariances: np.ndarray | None


def findings(refinement: Refinement, fit) -> Findings:
    """Work them out.

    :param fit: of the end, as :func:`hnmref.refine.fit_quality.fit_information` has it.
    """
    table = residue_table(refinement.model)
    return Findings(
        data={
            "n_work": fit.number_of_work_reflections,
            "n_free": fit.number_of_test_reflections,
            "d_max": fit.d_max,
            "d_min": fit.d_min,
        },
        shells=resolution_shells(fit),
        motions=refined_motions(refinement.group_adp),
        neighbours=neighbours(
            refinement.group_adp.displacements.total(),
            table,
            refinement.model.get_hierarchy(),
            _partition(refinement),
        ),
        map_correlation=residue_correlations(refinement.fmodel, table),
        table=table,
        u_covariances=_u_covariances(refinement),
    )


def _u_covariances(refinement: Refinement) -> np.ndarray | None:
    """Of U_group from normal modes, where a stage two was refined."""
    group_adp = refinement.group_adp
    if not isinstance(group_adp, NormalModes) or group_adp.penalties is None:
        return None
    return u_group_covariances(
        refinement.fmodel, group_adp, refinement.params.hnm.target
    )


def _partition(refinement: Refinement) -> list[np.ndarray]:
    """Atoms of each TLS group, else of each substructure."""
    inputs, params = refinement.inputs, refinement.params
    if group_adp_name(params) == "tls":
        return [group.atoms for group in tls_groups(inputs, params.tls)]
    return [part.atoms for part in inputs.groups.substructures]


def run_summary(
    refinement: Refinement, found: Findings, files: dict[str, str], parameters: str
) -> dict:
    """What docs/outputs.md describes as the run's JSON.

    :param found: of the finished run.
    :param files: names of the files written, by kind.
    :param parameters: every parameter, as PHIL.
    """
    params = refinement.params
    return {
        "start": refinement.start,
        "final": refinement.r_factors(),
        "cycles": [record.as_dict() for record in refinement.records],
        "atoms": atom_counts(refinement.inputs.groups),
        "groups": refinement.group_adp.groups(),
        "data": found.data,
        "shells": found.shells,
        "motions": [motion.as_dict() for motion in found.motions],
        "neighbours": found.neighbours.as_dict(),
        "worst_residues": _worst_residues(refinement, found),
        "strategy": "+".join(params.strategy),
        "group_adp": group_adp_name(params),
        "random_seed": params.main.random_seed,
        "versions": versions(),
        "notes": refinement.notes,
        "files": files,
        "input": refinement.inputs.files,
        "parameters": parameters,
    }


def atom_counts(groups: AtomGroups) -> dict:
    """Atoms in substructures, and those with U_local only by reason."""
    reasons = {why: len(atoms) for why, atoms in groups.local_only.items()}
    return {
        "assigned": len(groups.assigned),
        "local_only": sum(reasons.values()),
        "reasons": reasons,
    }


def versions() -> dict[str, str]:
    """Versions of everything that the numbers depend on."""
    return {
        "hnmref": __version__,
        "cctbx": get_version(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
    }


def _worst_residues(refinement: Refinement, found: Findings) -> list[dict]:
    """Those of the lowest map correlation, waters apart, from the lowest."""
    table = found.table
    is_water = np.array([residue.kind == Kind.WATER for residue in table.residues])
    lowest_first = np.argsort(np.where(is_water, np.nan, found.map_correlation))
    n_known = np.count_nonzero(~is_water & ~np.isnan(found.map_correlation))
    first_atoms = np.unique(table.residue_of, return_index=True)[1]
    b = B_PER_U * u_eq(refinement.group_adp.displacements.total())
    mean_b = np.bincount(table.residue_of, b) / np.bincount(table.residue_of)
    atoms = refinement.model.get_hierarchy().atoms()
    return [
        {
            "chain": table.residues[i].chain_id.strip(),
            "residue": table.residues[i].resid,
            "name": atoms[int(first_atoms[i])].parent().resname.strip(),
            "map_correlation": found.map_correlation[i],
            "mean_b": mean_b[i],
        }
        for i in lowest_first[: min(N_WORST, n_known)]
    ]


def per_atom(refinement: Refinement, found: Findings) -> dict[str, np.ndarray]:
    """Arrays of all atoms for the report's plots; B in Å², U and sites in Å.

    ``b_whole_eq`` and ``b_group_error`` are there for normal modes alone.
    """
    atoms = refinement.model.get_hierarchy().atoms()
    labels = [atom.fetch_labels() for atom in atoms]
    group_adp = refinement.group_adp
    displacements = group_adp.displacements
    total = displacements.total()
    # Why an atom has only U_local; empty where it has more.
    reasons = np.full(len(total), "", dtype=object)
    for reason, members in refinement.inputs.groups.local_only.items():
        reasons[members] = reason
    levels = {}
    if "whole" in LEVELS[group_adp_name(refinement.params)]:
        levels["b_whole_eq"] = B_PER_U * u_eq(level_u(group_adp, "whole"))
    if found.u_covariances is not None:
        levels["b_group_error"] = b_eq_errors(found.u_covariances)
    return {
        "chain_id": np.array([label.chain_id for label in labels]),
        "residue": np.array([label.resid().strip() for label in labels]),
        "residue_name": np.array([label.resname.strip() for label in labels]),
        "atom_name": np.array([atom.name.strip() for atom in atoms]),
        "b_group_eq": B_PER_U * u_eq(displacements.u_group),
        "b_local": B_PER_U * displacements.u_local,
        "b_total": B_PER_U * u_eq(total),
        "anisotropy": anisotropy(total),
        "local_only": reasons.astype(str),
        "map_correlation": found.map_correlation[found.table.residue_of],
        "sites": arrays.vec3_to_numpy(
            refinement.model.get_xray_structure().sites_cart()
        ),
        "u_group": displacements.u_group,
        **levels,
    }
