"""hnmref.modes: normal modes of a model.

    hnmref.modes model.pdb                             56 modes, a residue a block
    hnmref.modes model.cif forcefield=constant cutoff=5 n_modes=26
    hnmref.modes model.pdb nodes=ca blocks=none forcefield=hinsen_fitted cutoff=12
    hnmref.modes model.pdb forcefield=mgr blocks=none masses=element
    hnmref.modes model.pdb nodes=ca forcefield=gaussian cutoff=10 n_modes=20
    hnmref.modes model.pdb contacts=crystal output.prefix=m
    hnmref.modes model.pdb fsub.n_substructure=26      modes of chains, then of all
    hnmref.modes model.pdb preset=ddpt                 as the ddPT toolbox does it

Writes PREFIX_modes.npz, which hnmref.refine reads, and PREFIX_modes.nmd, which
VMD (NMWiz) and ProDy show. Modes of a Gaussian network have no direction: they
come as .npz alone.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import hnmref  # noqa: F401  (cctbx's extensions must load before scipy's)

import numpy as np
from libtbx.program_template import ProgramTemplate
from libtbx.utils import Sorry

from hnmref.errors import InputError
from hnmref.modes import (
    GaussianModes,
    ModeSet,
    collectivity,
    compute_fsub_modes,
    compute_gaussian_modes,
    compute_modes,
    quanta_in_kt,
    wavenumbers,
    write_nmd,
)
from hnmref.programs.command import run_command, sorry
from hnmref.programs.mode_settings import (
    block_labels,
    network_settings,
    substructure_labels,
)
from hnmref.programs.nodes import network_nodes

#: Within the class below, __doc__ is the class's own.
_DESCRIPTION = __doc__

#: What preset=NAME stands for; parameters that are given besides win.
PRESETS = {
    "ddpt": (
        "forcefield=constant",
        "cutoff=12",
        "masses=unit",
        "spring_constant=1",
        "blocks=residue",
        "n_modes=56",
    ),
}

MASTER_PHIL = """
preset = *none ddpt
  .type = choice
  .help = "Begin from another program's defaults. ddpt: GENENMM and DIAGRTB of the "
          "ddPT toolbox (springs of 1 kcal/mol/A**2 within 12 A, masses of 1 Da, a "
          "residue a block; blocks=none is DIAGSTD). Parameters given besides win."
forcefield = constant *distance_power hinsen hinsen_fitted listed mgr gaussian
  .type = choice
  .help = "Stiffness of the springs: one for all, r^-power, Gaussian (Hinsen "
          "1998), fitted for C-alpha atoms (Hinsen et al. 2000), or only those "
          "of springs_file. mgr: bonds, angles and dihedrals, and springs of "
          "one stiffness between all other atoms (Lu & Ma 2011). gaussian: "
          "Gaussian network, modes without a direction."
cutoff = 8.0
  .type = float(value_min=1)
  .help = "Springs join atoms nearer than this (A)."
power = 2.0
  .type = float(value_min=0)
  .help = "Exponent of forcefield=distance_power."
hinsen_range = 3.0
  .type = float(value_min=0.1)
  .help = "Range (A) of forcefield=hinsen: 3 for all atoms, 7 for C-alpha atoms."
springs_file = None
  .type = str
  .help = "Text file of springs that stand in the place of the force field's: "
          "lines of chain, residue (and atom) of both ends, and a stiffness."
nodes = *all ca backbone
  .type = choice
  .help = "Atoms of the selection that are nodes. ca: C-alpha, and P of nucleic "
          "acid; backbone: N, CA, C, O, and P to O3'."
blocks = *residue secondary_structure selections none
  .type = choice
  .help = "Rigid blocks (RTB): residues; helices and strands of the file's "
          "records, or the selections given as block, each a block, and residues "
          "elsewhere; or none, every atom free. A Gaussian network has none."
residues_per_block = 1
  .type = int(value_min=1)
  .help = "Residues of a chain that make a block."
block = None
  .type = atom_selection
  .multiple = True
  .help = "One rigid block, with blocks=selections."
masses = *unit element residue
  .type = choice
  .help = "Mass of a node: 1, its element's, or its residue's, shared by the "
          "residue's nodes."
contacts = *none crystal
  .type = choice
  .help = "Springs to symmetry mates as well: totally symmetric modes of the "
          "crystal's zone centre. Only translations are zero modes then."
n_modes = 56
  .type = int(value_min=1)
  .help = "Modes, the zero ones (six for a structure in isolation, one for a "
          "Gaussian network) counted. One more comes where the cut would part "
          "equal eigenvalues."
selection = "not water"
  .type = atom_selection
  .help = "Atoms of the network. Of alternate conformers only the one with the "
          "highest occupancy is taken, the first of equals."
repair = True
  .type = bool
  .help = "Hold loose atoms and parts that touch nothing by longer springs."
factorisation = *superlu cholmod
  .type = choice
  .help = "Sparse solver. cholmod, faster for large models, needs the package "
          "cvxopt."
spring_constant = None
  .type = float(value_min=1e-9)
  .help = "What a spring of stiffness 1 is worth (kcal/mol/A**2): modes are then "
          "told in cm^-1 and kT. With masses=unit a node counts as 1 Da."
temperature = 300.0
  .type = float(value_min=1)
  .help = "Temperature (K) of that kT."
mgr
  .help = "Constants of forcefield=mgr, in units of a network spring. Default: those "
          "that were fitted to high-resolution structures."
{
  bond = None
    .type = float(value_min=0)
    .help = "Of bonds, per A**2."
  angle = None
    .type = float(value_min=0)
    .help = "Of angles, per radian**2."
  dihedral = None
    .type = float(value_min=0)
    .help = "Of rotation about a bond, per radian**2."
  bonds = *distances restraints
    .type = choice
    .help = "Bonds between atoms nearer than their covalent radii, or those that "
            "the monomer library restrains."
}
fsub
  .help = "Modes of substructures first, then of the whole in their space."
{
  n_substructure = None
    .type = int(value_min=6)
    .help = "Modes of each substructure, six rigid-body ones counted. None: the "
            "whole at once."
  substructure = None
    .type = atom_selection
    .multiple = True
    .help = "One substructure. Default: one a chain."
}
output
{
  prefix = None
    .type = str
    .help = "Begin the names of the files with this. Default: the model's stem "
            "and _hnmref."
}
"""

#: Modes beyond the zero ones that the log shows.
_SHOWN = 20

#: Seconds between two lines that tell how far a long run has come.
_TELL_EVERY = 10.0


class Program(ProgramTemplate):
    """The command, as libtbx runs it."""

    program_name = "hnmref.modes"
    description = _DESCRIPTION
    epilog = ""
    datatypes = ["model", "phil"]
    master_phil_str = MASTER_PHIL

    def validate(self) -> None:
        """One model, no file in the way, atoms to work on; tell how many."""
        names = self.data_manager.get_model_names()
        if len(names) != 1:
            raise Sorry(
                f"hnmref.modes takes one model and got {len(names)}: give one PDB or "
                f"mmCIF file"
            )
        if not self.params.output.overwrite:
            for path in self._paths():
                if path.exists():
                    raise Sorry(
                        f"{path} exists: choose another output.prefix or give "
                        f"output.overwrite=True"
                    )
        self.model = self.data_manager.get_model(names[0])
        with sorry():
            _check_together(self.params)
            self.nodes = network_nodes(
                self.model.get_hierarchy(),
                self.params.selection,
                self.params.nodes,
                names[0],
            )
        for note in self.nodes.notes:
            self._print(note)
        if self.params.spring_constant is not None and self.params.masses == "unit":
            self._print(
                "Frequencies are those of nodes of 1 Da: masses=element or residue "
                "gives true ones"
            )
        self._print(
            f"{len(self.nodes.atoms)} atoms in "
            f"{len(np.unique(self.nodes.residues))} residues of {names[0]}, "
            f"{self.params.n_modes} modes"
        )

    def run(self) -> None:
        """Compute, write, tell."""
        with sorry():
            self.modes = self._compute()
        for note in self.modes.notes:
            self._print(f"Note: {note}")
        self._show(self.modes)
        paths = self._paths()
        title = Path(self.data_manager.get_model_names()[0]).stem
        paths[0].parent.mkdir(parents=True, exist_ok=True)
        self.modes.save(paths[0])
        if isinstance(self.modes, ModeSet):
            write_nmd(paths[1], self.modes, self.nodes.names(), title)
        for path in paths:
            self._print(f"Wrote {path}")

    def get_results(self) -> ModeSet | GaussianModes:
        """The modes."""
        return self.modes

    def _paths(self) -> list[Path]:
        prefix = self.params.output.prefix
        if prefix is None:
            prefix = f"{Path(self.data_manager.get_model_names()[0]).stem}_hnmref"
        suffixes = ["npz"] if self.params.forcefield == "gaussian" else ["npz", "nmd"]
        return [Path(f"{prefix}_modes.{suffix}") for suffix in suffixes]

    def _compute(self) -> ModeSet | GaussianModes:
        """Modes of the nodes, by the parameters."""
        params, nodes = self.params, self.nodes
        file_name = self.data_manager.get_model_names()[0]
        common = dict(
            n_modes=params.n_modes,
            atom_labels=nodes.labels(),
            progress=_told_now_and_then(self._print),
        )
        network = network_settings(self.model, nodes, params)
        if params.forcefield == "gaussian":
            network["spring_law"] = "constant"
            return compute_gaussian_modes(nodes.coordinates(), **network, **common)
        settings = dict(
            masses=nodes.masses(params.masses),
            blocks=block_labels(self.model, nodes, params, file_name),
            repair=params.repair,
            factorisation=params.factorisation,
            **network,
            **common,
        )
        if params.fsub.n_substructure is None:
            return compute_modes(nodes.coordinates(), **settings)
        return compute_fsub_modes(
            nodes.coordinates(),
            substructures=substructure_labels(self.model, nodes, params, file_name),
            n_substructure=params.fsub.n_substructure,
            **settings,
        )

    def _show(self, modes: ModeSet | GaussianModes) -> None:
        """A line a mode: eigenvalue, frequency relative to the lowest, and more.

        Collectivity where modes have directions; cm^-1 and kT where asked for.
        """
        self._print(f"{modes.n_modes} modes, {modes.n_zero} of them zero")
        if modes.n_modes == modes.n_zero:
            return
        columns = _columns(modes, self.params)
        self._print("  mode" + "".join(f"{name:>16s}" for name in columns))
        for mode in range(modes.n_zero, min(modes.n_modes, modes.n_zero + _SHOWN)):
            values = "".join(
                f"{values[mode]:16{form}}" for values, form in columns.values()
            )
            self._print(f"  {mode + 1:4d}{values}")


def run(args: list[str] | None = None) -> None:
    """Run the command with these arguments (None: the command line's)."""
    given = sys.argv[1:] if args is None else args
    run_command(Program, with_preset(given))


def with_preset(args: Sequence[str]) -> list[str]:
    """Arguments with those of their preset before them, so that the given ones win."""
    names = [arg.split("=", 1)[1] for arg in args if arg.startswith("preset=")]
    return [*PRESETS.get(names[-1] if names else "none", ()), *args]


def _columns(modes: ModeSet | GaussianModes, params) -> dict:
    """What the log shows of each mode: values (n,) and their format, by heading."""
    values = modes.eigenvalues
    columns = {"eigenvalue": (values, ".4e")}
    columns["rel. frequency"] = (np.sqrt(values / values[modes.n_zero]), ".3f")
    if isinstance(modes, ModeSet):
        columns["collectivity"] = (collectivity(modes), ".3f")
        if params.spring_constant is not None:
            cm = wavenumbers(values, params.spring_constant)
            columns["cm^-1"] = (cm, ".2f")
            columns["quantum/kT"] = (quanta_in_kt(cm, params.temperature), ".4f")
    return columns


def _check_together(params) -> None:
    """Raise InputError for parameters that do not go together."""
    if params.forcefield == "listed" and params.springs_file is None:
        raise InputError("forcefield=listed needs springs_file")
    if params.forcefield == "gaussian":
        beyond = {
            "fsub.n_substructure": params.fsub.n_substructure is not None,
            "masses": params.masses != "unit",
        }
        for name, asked in beyond.items():
            if asked:
                raise InputError(f"a Gaussian network has no {name}: leave it out")


def _told_now_and_then(tell: Callable[[str], None]) -> Callable[[str], None]:
    """A progress that is silent but for a line every few seconds."""
    began = last = time.monotonic()

    def progress(text: str) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last > _TELL_EVERY:
            last = now
            tell(f"  {now - began:.0f} s: {text}")

    return progress


if __name__ == "__main__":
    run()
