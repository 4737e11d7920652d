"""A run as the plain mapping that the report is made from."""

from __future__ import annotations

import platform

import numpy as np
import scipy
from libtbx.version import get_version

from hnmref import __version__
from hnmref.adp.metrics import B_PER_U, anisotropy, u_eq
from hnmref.refine import arrays
from hnmref.refine.atoms import AtomGroups
from hnmref.refine.group_adp import group_adp_name
from hnmref.refine.macro_cycle import Refinement


def run_summary(refinement: Refinement, files: dict[str, str], parameters: str) -> dict:
    """What docs/outputs.md describes as the run's JSON.

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


def per_atom(refinement: Refinement) -> dict[str, np.ndarray]:
    """Arrays of all atoms for the report's plots; B in Å², U and sites in Å."""
    atoms = refinement.model.get_hierarchy().atoms()
    labels = [atom.fetch_labels() for atom in atoms]
    displacements = refinement.group_adp.displacements
    total = displacements.total()
    assigned = np.zeros(len(total), bool)
    assigned[refinement.inputs.groups.assigned] = True
    return {
        "chain_id": np.array([label.chain_id for label in labels]),
        "residue": np.array([label.resid().strip() for label in labels]),
        "atom_name": np.array([atom.name.strip() for atom in atoms]),
        "b_group_eq": B_PER_U * u_eq(displacements.u_group),
        "b_local": B_PER_U * displacements.u_local,
        "b_total": B_PER_U * u_eq(total),
        "anisotropy": anisotropy(total),
        "assigned": assigned,
        "sites": arrays.vec3_to_numpy(
            refinement.model.get_xray_structure().sites_cart()
        ),
        "u_group": displacements.u_group,
    }
