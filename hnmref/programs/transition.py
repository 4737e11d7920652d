"""hnmref.transition: from one structure towards another along normal modes.

    hnmref.transition start.pdb target.pdb               ten modes, computed five times
    hnmref.transition start.pdb target.pdb method=nonlinear        computed once
    hnmref.transition start.pdb target.pdb method=linear n_modes=20
    hnmref.transition start.pdb target.pdb relax=True    bonds and angles kept
    hnmref.transition start.cif target.pdb method=nonlinear modes_file=m_modes.npz

Writes PREFIX_transition.pdb (a model a frame, to be played by any viewer), .json,
.log and .png: how far the modes come, step by step.
"""

from __future__ import annotations

from pathlib import Path

import hnmref  # noqa: F401  (cctbx's extensions must load before scipy's)

import numpy as np
from libtbx.program_template import ProgramTemplate
from libtbx.utils import Sorry

from hnmref.errors import InputError
from hnmref.files import written_whole
from hnmref.modes import ModeSet, compute_modes
from hnmref.modes.alignment import AtomMatch, match_atoms
from hnmref.modes.superpose import superpose, superpose_core
from hnmref.modes.transition import Transition, find_transition
from hnmref.programs.command import run_command, sorry
from hnmref.programs.frames import atom_labels
from hnmref.programs.mode_settings import block_labels
from hnmref.programs.nodes import KINDS, Nodes, label, network_nodes, selected
from hnmref.programs.trajectory import bare_hierarchy, write_trajectory
from hnmref.refine.topology import distance_bonds
from hnmref.report.transition import log_text, plot_rmsd, write_json

#: Within the class below, __doc__ is the class's own.
_DESCRIPTION = __doc__

MASTER_PHIL = """
method = linear nonlinear *iterative
  .type = choice
  .help = "Straight lines; screws of rigid blocks; or screws, with modes computed "
          "anew where the last ones led to."
n_modes = 10
  .type = int(value_min=1)
  .help = "Modes, the zero ones not counted. One more comes where the cut would "
          "part equal eigenvalues."
n_iterations = 5
  .type = int(value_min=1)
  .help = "Computations of modes, the first one counted, of method=iterative."
n_frames = 20
  .type = int(value_min=2)
  .help = "Structures of the trajectory, at the most."
max_step = 0.1
  .type = float(value_min=0.001)
  .help = "Root-mean-square displacement (A) of a step at the most."
relax = False
  .type = bool
  .help = "Bring bond lengths and angles back to what they were, in every frame."
fit = *ca all
  .type = choice
  .help = "Atoms, of those that both structures have, that are to come near: "
          "C-alpha (and P of nucleic acid), or all."
superpose_on = *fitted core
  .type = choice
  .help = "Lay the frames on the target by all fitted atoms, or on the start by "
          "those that move least."
modes_file = None
  .type = path
  .help = "Modes of the start that hnmref.modes wrote, instead of computing them."
forcefield = *constant distance_power hinsen
  .type = choice
  .help = "Stiffness of the springs: one for all, r^-power, or Gaussian (Hinsen "
          "1998)."
cutoff = 5.0
  .type = float(value_min=1)
  .help = "Springs join atoms nearer than this (A)."
power = 2.0
  .type = float(value_min=0)
  .help = "Exponent of forcefield=distance_power."
hinsen_range = 3.0
  .type = float(value_min=0.1)
  .help = "Range (A) of forcefield=hinsen."
blocks = *residue secondary_structure selections none
  .type = choice
  .help = "Rigid blocks: residues; helices and strands of the file's records, or "
          "the selections given as block, each a block, and residues elsewhere; or "
          "none, with method=linear."
residues_per_block = 1
  .type = int(value_min=1)
  .help = "Residues of a chain that make a block."
block = None
  .type = atom_selection
  .multiple = True
  .help = "One rigid block, with blocks=selections."
masses = *unit element residue
  .type = choice
  .help = "Mass of an atom: 1, its element's, or its residue's, shared."
selection = "not water"
  .type = atom_selection
  .help = "Atoms of both structures that are looked at. Of alternate conformers "
          "only the one with the highest occupancy is taken, the first of equals."
output
{
  prefix = None
    .type = str
    .help = "Begin the names of the files with this. Default: the first model's "
            "stem and _hnmref."
}
"""

#: Lines of unmatched residues that the screen shows; the log has them all.
_SHOWN = 10


class Program(ProgramTemplate):
    """The command, as libtbx runs it."""

    program_name = "hnmref.transition"
    description = _DESCRIPTION
    epilog = ""
    datatypes = ["model", "phil"]
    master_phil_str = MASTER_PHIL

    def validate(self) -> None:
        """Two models, no file in the way, atoms in common; tell how many."""
        self.names = self.data_manager.get_model_names()
        if len(self.names) != 2:
            raise Sorry(
                f"hnmref.transition takes two models, the start and the target, and "
                f"got {len(self.names)}: give two different PDB or mmCIF files"
            )
        if not self.params.output.overwrite:
            for path in self._paths().values():
                if path.exists():
                    raise Sorry(
                        f"{path} exists: choose another output.prefix or give "
                        f"output.overwrite=True"
                    )
        with sorry():
            self._prepare()
        self._print(
            f"{len(self.start.atoms)} atoms of {self.names[0]} move, "
            f"{len(self.fitted)} of them towards {self.names[1]}"
        )

    def run(self) -> None:
        """Go, write, tell."""
        with sorry():
            transition = self._transition()
        frames = transition.frames
        if self.params.superpose_on == "core":
            frames = laid_on_core(transition)
        paths = self._paths()
        paths["pdb"].parent.mkdir(parents=True, exist_ok=True)
        write_trajectory(paths["pdb"], self.moving, frames, transition.frame_rmsd)
        write_json(paths["json"], transition, self._facts())
        text = log_text(transition, self._facts())
        with written_whole(paths["log"]) as partial:
            partial.write_text(text, encoding="utf-8")
        with written_whole(paths["png"]) as partial:
            partial.write_bytes(plot_rmsd(transition))
        self._print(text)
        for path in paths.values():
            self._print(f"Wrote {path}")
        self.transition = transition

    def get_results(self) -> Transition:
        """The transition."""
        return self.transition

    def _paths(self) -> dict[str, Path]:
        prefix = self.params.output.prefix
        if prefix is None:
            prefix = f"{Path(self.names[0]).stem}_hnmref"
        kinds = ("pdb", "json", "log", "png")
        return {kind: Path(f"{prefix}_transition.{kind}") for kind in kinds}

    def _prepare(self) -> None:
        """The atoms of both structures, their blocks, and which are the same."""
        params, names = self.params, self.names
        self.models = [self.data_manager.get_model(name) for name in names]
        hierarchies = [model.get_hierarchy() for model in self.models]
        for hierarchy in hierarchies:
            hierarchy.atoms().set_chemical_element_simple_if_necessary()
        self.start, self.target = (
            network_nodes(hierarchy, params.selection, "all", name)
            for hierarchy, name in zip(hierarchies, names)
        )
        for note in (*self.start.notes, *self.target.notes):
            self._print(note)
        self.moving = bare_hierarchy(hierarchies[0], self.start.indices)
        if not self.moving.fits_in_pdb_format():
            raise InputError(
                f"{names[0]} has names or numbers that a PDB trajectory cannot hold: "
                f"shorten its chain names, or take a part of it by selection"
            )
        self.blocks = block_labels(self.models[0], self.start, params, names[0])
        if self.blocks is None and params.method != "linear":
            raise InputError(
                f"method={params.method} moves rigid blocks: choose blocks other than "
                f"none, or method=linear"
            )
        if self.blocks is not None and len(np.unique(self.blocks)) < 2:
            raise InputError(
                f"the atoms of {names[0]} are one rigid block, which has no motion "
                f"within: use a structure of several residues, or smaller blocks"
            )
        self.match = match_structures(self.start, self.target, names)
        of_kind = [
            selected(hierarchy, KINDS[params.fit], name)[nodes.indices]
            for hierarchy, name, nodes in zip(
                hierarchies, names, (self.start, self.target)
            )
        ]
        self._keep_fitted(*of_kind)
        self._tell_unmatched()

    def _keep_fitted(self, of_kind: np.ndarray, of_kind_there: np.ndarray) -> None:
        """The common atoms of the chosen kind, and those of it without counterpart.

        :param of_kind, of_kind_there: masks of the start's and the target's nodes.
        """
        kept = of_kind[self.match.index_a]
        self.fitted = self.match.index_a[kept]
        self.aimed_at = self.match.index_b[kept]
        self.unmatched = [
            f"{name}: {item}"
            for name, items, mask in zip(
                self.names,
                (self.match.unmatched_a, self.match.unmatched_b),
                (of_kind, of_kind_there),
            )
            for item in items
            if mask[item.atoms].any()
        ]
        if len(self.fitted) < 3:
            raise InputError(
                f"{self.names[0]} and {self.names[1]} have {len(self.fitted)} atoms in "
                f"common that fit={self.params.fit} takes, and a transition needs "
                f"three or more: use fit=all, or other structures"
            )

    def _transition(self) -> Transition:
        """The transition, by the parameters."""
        params = self.params
        bonds = None
        if params.relax:
            bonds = distance_bonds(self.models[0].get_hierarchy(), self.start.indices)
            bonds = np.searchsorted(self.start.indices, bonds)
        return find_transition(
            self.start.coordinates(),
            self.target.coordinates()[self.aimed_at],
            self._modes_of(),
            method=params.method,
            fitted=self.fitted,
            blocks=self.blocks,
            n_iterations=params.n_iterations,
            n_frames=params.n_frames,
            max_step=params.max_step,
            bonds=bonds,
            progress=self._print,
        )

    def _modes_of(self):
        """What gives the modes at some coordinates."""
        params = self.params
        if params.modes_file is not None:
            modes = self._modes_from_file()
            return lambda coordinates: modes
        masses = self.start.masses(params.masses)

        def compute(coordinates: np.ndarray) -> ModeSet:
            return compute_modes(
                coordinates,
                n_modes=6 + params.n_modes,
                cutoff=params.cutoff,
                spring_law=params.forcefield,
                power=params.power,
                hinsen_range=params.hinsen_range,
                masses=masses,
                blocks=self.blocks,
                atom_labels=self.start.labels(),
            )

        return compute

    def _modes_from_file(self) -> ModeSet:
        """The first modes of modes_file, which must be the start's."""
        params, name = self.params, self.params.modes_file
        if params.method == "iterative":
            raise InputError(
                "method=iterative computes modes anew: leave modes_file out, or use "
                "another method"
            )
        modes = ModeSet.load(name)
        here = self.start.coordinates()
        same = modes.coordinates.shape == here.shape
        if not same or np.abs(modes.coordinates - here).max() > 0.01:
            raise InputError(
                f"{name} holds modes of {modes.n_atoms} atoms, which are not the "
                f"{len(here)} atoms of {self.names[0]} that selection takes: compute "
                f"them with hnmref.modes from this file and the same selection"
            )
        return modes.truncate(min(modes.n_modes, modes.n_zero + params.n_modes))

    def _tell_unmatched(self) -> None:
        """The first of what has no counterpart."""
        for item in self.unmatched[:_SHOWN]:
            self._print(f"Not matched: {item}")
        if len(self.unmatched) > _SHOWN:
            self._print(f"and {len(self.unmatched) - _SHOWN} more: see the log")

    def _facts(self) -> dict:
        """What the reports say beside the transition itself."""
        params = self.params
        return {
            "start": self.names[0],
            "target": self.names[1],
            "n_atoms": len(self.start.atoms),
            "n_fitted": len(self.fitted),
            "fit": params.fit,
            "n_modes": params.n_modes,
            "cutoff": params.cutoff,
            "blocks": params.blocks or "none",
            "relax": params.relax,
            "fitted_atoms": [label(self.start.atoms[i]) for i in self.fitted],
            "unmatched": self.unmatched,
            "matching": list(self.match.notes),
        }


def run(args: list[str] | None = None) -> None:
    """Run the command with these arguments (None: the command line's)."""
    run_command(Program, args)


def match_structures(start: Nodes, target: Nodes, names: list[str]) -> AtomMatch:
    """Which atoms of two structures are the same.

    Raises
    ------
    InputError : none is.
    """
    labels = atom_labels(start.atoms), atom_labels(target.atoms)
    return match_atoms(*labels, names=(names[0], names[1]))


def laid_on_core(transition: Transition) -> np.ndarray:
    """Frames (n_frames, N, 3) laid on the first by the atoms that move least."""
    first = transition.frames[0]
    fitted = transition.fitted
    _, core = superpose_core(transition.target, first[fitted])
    atoms = fitted[core]
    return np.array(
        [superpose(x[atoms], first[atoms]).apply(x) for x in transition.frames]
    )


if __name__ == "__main__":
    run()
