"""Fit MGR's constants to anisotropic displacements at high resolution.

    python -m regression.mgr_constants
    python -m regression.mgr_constants --table

One molecule (the asymmetric unit) at a time, all atoms but waters and hydrogens,
free to move. Observed U (ANISOU) is compared with
``s sum_m V_m V_m^T / lambda_m`` over the lowest 100 internal modes plus a TLS model
of the rigid body: s (kT over the network's stiffness) and the 21 elements of TLS's
covariance come from linear least squares, each atom weighted by 1 / trace(U)^2, so
only the ratios of the constants matter. The score is the share of the
displacements beyond TLS that the modes explain,
``1 - |U - fit|^2 / |U - TLS alone|^2``, averaged over the entries.

The constants are looked for one after the other on grids of factors of about
three, until none changes. ``--table`` shows the score of MGR's fitted constants
beside that of plain networks.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import hnmref  # noqa: F401  (cctbx's extensions load first)

import iotbx.pdb
import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.entries import add_pdb_dir, find_entry
from hnmref.modes import MgrConstants, Topology, compute_modes, rigid_body_modes
from hnmref.programs.nodes import network_nodes
from hnmref.refine.topology import distance_bonds, topology_of

ENTRIES = ("1exr", "2xiu", "4hg7")
CUTOFF = 8.0
N_INTERNAL = 100
SELECTION = "not water and not element H and not element D"

#: Values tried of each constant.
GRID = {
    "dihedral": (1.0, 3.0, 10.0, 30.0, 100.0, 300.0),
    "angle": (10.0, 30.0, 100.0, 300.0, 1000.0),
    "bond": (100.0, 300.0, 1000.0, 3000.0),
}

#: Six components of a symmetric tensor, and how often each stands in it.
_ROWS, _COLUMNS = (0, 1, 2, 0, 0, 1), (0, 1, 2, 1, 2, 2)
_TIMES = np.array([1.0, 1, 1, 2, 2, 2])


@dataclass
class Molecule:
    """Coordinates (N, 3) in Å, residues (N,), observed U (N, 6) in Å², bonds."""

    name: str
    coordinates: np.ndarray
    residues: np.ndarray
    u: np.ndarray
    topology: Topology


def read_molecule(name: str, path: Path) -> Molecule:
    """The atoms of an entry that have an ANISOU record."""
    hierarchy = iotbx.pdb.input(str(path)).construct_hierarchy()
    nodes = network_nodes(hierarchy, f"({SELECTION}) and anisou", "all", str(path))
    bonds = distance_bonds(hierarchy, nodes.indices)
    return Molecule(
        name,
        nodes.coordinates(),
        nodes.residues,
        np.array([atom.uij for atom in nodes.atoms]),
        topology_of(bonds, nodes.indices, len(hierarchy.atoms())),
    )


def score(molecule: Molecule, **settings) -> float:
    """Share of the displacements beyond TLS that the modes explain, at most 1."""
    modes = compute_modes(
        molecule.coordinates, n_modes=N_INTERNAL + 6, cutoff=CUTOFF, **settings
    )
    inner = slice(modes.n_zero, None)
    scaled = modes.vectors[:, :, inner] / np.sqrt(modes.eigenvalues[inner])
    collective = (scaled @ scaled.transpose(0, 2, 1))[:, _ROWS, _COLUMNS]
    weight = np.sqrt(_TIMES) / molecule.u[:, :3].sum(axis=1)[:, None]
    observed = (weight * molecule.u).ravel()
    rigid = (_rigid_columns(molecule.coordinates) * weight[:, :, None]).reshape(
        len(observed), -1
    )
    basis, _ = np.linalg.qr(rigid)
    beyond = observed - basis @ (basis.T @ observed)
    modelled = (weight * collective).ravel()
    modelled -= basis @ (basis.T @ modelled)
    scale = max(modelled @ beyond / (modelled @ modelled), 0.0)
    left = beyond - scale * modelled
    return 1.0 - (left @ left) / (beyond @ beyond)


def _rigid_columns(coordinates: np.ndarray) -> np.ndarray:
    """U (N, 6, 21) of each element of a rigid body's covariance matrix."""
    e = rigid_body_modes(coordinates)
    a, b = np.triu_indices(6)
    product = np.einsum("jxm,jym->jxym", e[:, :, a], e[:, :, b])
    return (product + product.transpose(0, 2, 1, 3))[:, _ROWS, _COLUMNS]


def mean_score(molecules: list[Molecule], constants: MgrConstants) -> float:
    """Average score of MGR with these constants."""
    return float(
        np.mean(
            [
                score(molecule, topology=molecule.topology, mgr_constants=constants)
                for molecule in molecules
            ]
        )
    )


def fit(molecules: list[Molecule]) -> MgrConstants:
    """The best constants on the grid, one after the other until none changes."""
    best = {"bond": 1000.0, "angle": 100.0, "dihedral": 10.0}
    seen: dict[tuple, float] = {}

    def judged(trial: dict) -> float:
        key = tuple(trial.values())
        if key not in seen:
            seen[key] = mean_score(molecules, MgrConstants(**trial))
            text = " ".join(f"{name} {value:g}" for name, value in trial.items())
            print(f"{text}: {seen[key]:.4f}", flush=True)
        return seen[key]

    while True:
        before = dict(best)
        for name, values in GRID.items():
            best = max(({**best, name: value} for value in values), key=judged)
        if best == before:
            return MgrConstants(**best)


def print_table(molecules: list[Molecule]) -> None:
    """Scores of MGR and of plain networks, an entry a column."""
    kinds = {
        "constant": lambda m: dict(spring_law="constant"),
        "r^-2": lambda m: dict(spring_law="distance_power"),
        "constant, residue blocks": lambda m: dict(blocks=m.residues),
        "r^-2, residue blocks": lambda m: dict(
            spring_law="distance_power", blocks=m.residues
        ),
        "MGR": lambda m: dict(topology=m.topology),
        "MGR, residue blocks": lambda m: dict(
            topology=m.topology, blocks=m.residues
        ),
    }
    print(f"| {CUTOFF:g} A | {' | '.join(m.name for m in molecules)} | mean |")
    print("|---" * (len(molecules) + 2) + "|")
    for name, settings in kinds.items():
        scores = [score(molecule, **settings(molecule)) for molecule in molecules]
        texts = [f"{value:.3f}" for value in (*scores, float(np.mean(scores)))]
        print(f"| {name} | {' | '.join(texts)} |", flush=True)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_pdb_dir(parser)
    parser.add_argument("--table", action="store_true", help="compare, do not fit")
    options = parser.parse_args()
    molecules = [
        read_molecule(name, find_entry(options.pdb_dir, name).model)
        for name in ENTRIES
    ]
    with threadpool_limits(limits=1):
        if options.table:
            print_table(molecules)
        else:
            print(f"Fitted: {fit(molecules)}")


if __name__ == "__main__":
    main()
