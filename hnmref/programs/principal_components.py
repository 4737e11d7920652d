"""hnmref.principal_components: what an ensemble or a trajectory does most.

    hnmref.principal_components ensemble.pdb            models of a file
    hnmref.principal_components model.pdb run.xtc nodes=ca step=10
    hnmref.principal_components model.pdb a.dcd b.dcd masses=element
    hnmref.principal_components ensemble.pdb m_modes.npz
                                                        frames along other modes
    hnmref.principal_components eigenvec.trr eigenval.xvg
                                                        what gmx covar has found
    hnmref.principal_components model.pdb components_file=evecs.dat
                                                        what cpptraj has found

Writes PREFIX_modes.npz, which hnmref.analyse reads as it does normal modes,
PREFIX_modes.nmd for VMD (NMWiz) and ProDy, and PREFIX_projections.csv and .png: the
frames along the components. With modes, PREFIX_along_modes.csv and .png as well.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import hnmref  # noqa: F401  (cctbx's extensions must load before scipy's)

import numpy as np
from libtbx.program_template import ProgramTemplate
from libtbx.utils import Sorry

from hnmref.errors import InputError
from hnmref.files import written_whole
from hnmref.modes import ModeSet, write_nmd
from hnmref.modes.principal import PrincipalComponents, principal_components, project
from hnmref.programs.command import console_script, run_command, sorry
from hnmref.programs.frames import Frames, read_frames, read_nodes
from hnmref.programs.md_components import (
    read_amber_components,
    read_gromacs_components,
)
from hnmref.programs.nodes import Nodes
from hnmref.report.matrix_files import write_csv
from hnmref.report.projection_plot import plot_projections

#: Within the class below, __doc__ is the class's own.
_DESCRIPTION = __doc__

MASTER_PHIL = """
model_file = None
  .type = str
  .help = "The ensemble (PDB or mmCIF of several models), or the model of the "
          "trajectory: just its atoms, in its order. Also taken as a bare name."
trajectory_file = None
  .type = str
  .multiple = True
  .help = "Trajectory (XTC, TRR, DCD, AMBER NetCDF and what else the package "
          "chemfiles reads), molecules whole. Also taken as bare names."
components_file = None
  .type = str
  .help = "Principal components that were computed before: eigenvec.trr of gmx "
          "covar, or what diagmatrix of cpptraj wrote for a covariance matrix."
eigenvalues_file = None
  .type = str
  .help = "eigenval.xvg of gmx covar, for the shares of the total variance."
modes_file = None
  .type = str
  .help = "Modes of the same atoms, from hnmref.modes: the frames are laid along "
          "these, too. Also taken as a bare name."
selection = "not water"
  .type = atom_selection
  .help = "Atoms that are looked at. Of alternate conformers only the one with the "
          "highest occupancy is taken, the first of equals."
nodes = *all ca backbone
  .type = choice
  .help = "Atoms of the selection that are kept, as in hnmref.modes."
masses = *unit element residue
  .type = choice
  .help = "Mass of an atom: 1, its element's, or its residue's, shared by the "
          "residue's atoms."
step = 1
  .type = int(value_min=1)
  .help = "Keep each step-th frame."
n_components = 50
  .type = int(value_min=1)
  .help = "Components, the largest first."
temperature = 300.0
  .type = float(value_min=1)
  .help = "Temperature (K) at which a variance v has the eigenvalue kT/v."
output
{
  prefix = None
    .type = str
    .help = "Begin the names of the files with this. Default: the model's stem "
            "and _hnmref."
}
"""

#: Components that the log shows, and columns of the table of projections.
_SHOWN, _COLUMNS = 10, 20

#: Parameters that bare names of these suffixes are for.
_SUFFIXES = {
    ".pdb": "model_file",
    ".ent": "model_file",
    ".cif": "model_file",
    ".mmcif": "model_file",
    ".xtc": "trajectory_file",
    ".trr": "trajectory_file",
    ".dcd": "trajectory_file",
    ".nc": "trajectory_file",
    ".tng": "trajectory_file",
    ".xvg": "eigenvalues_file",
    ".npz": "modes_file",
}


class Program(ProgramTemplate):
    """The command, as libtbx runs it."""

    program_name = "hnmref.principal_components"
    description = _DESCRIPTION
    epilog = ""
    datatypes = ["phil"]
    master_phil_str = MASTER_PHIL

    def validate(self) -> None:
        """Read what is small; see that files can be made."""
        params = self.params
        if params.model_file is None and params.components_file is None:
            raise Sorry(
                "hnmref.principal_components needs an ensemble, a model and its "
                "trajectory, or components_file"
            )
        if params.modes_file is not None and not self._has_frames():
            raise Sorry(
                f"{params.modes_file} is for laying frames along its modes, and there "
                f"are none: give the trajectory, too"
            )
        if params.trajectory_file and params.model_file is None:
            raise Sorry(
                f"{params.trajectory_file[0]} has no names of atoms: give the model of "
                f"its atoms, too"
            )
        with sorry():
            existing = [path for path in self._paths().values() if path.exists()]
            if existing and not params.output.overwrite:
                raise InputError(
                    f"{existing[0]} exists: choose another output.prefix or give "
                    f"output.overwrite=True"
                )
            self.other = None
            if params.modes_file is not None:
                self.other = ModeSet.load(params.modes_file)

    def run(self) -> None:
        """Read, compute, write, tell."""
        with sorry():
            self.frames = self._frames()
            nodes = self._nodes()
            for note in [] if nodes is None else nodes.notes:
                self._print(f"Note: {note}")
            self.components = self._components(nodes)
            self._check_other(nodes)
            computed = self.params.components_file is None
            self.modes = self.components.to_mode_set(
                self.params.temperature,
                rigid_body=computed,
                atom_labels=None if nodes is None else nodes.labels(),
            )
            self._show()
            self._write(nodes)

    def get_results(self) -> ModeSet:
        """The components, as modes."""
        return self.modes

    def _paths(self) -> dict[str, Path]:
        """Files that may be written, by what is in them."""
        prefix = self.params.output.prefix
        if prefix is None:
            source = self.params.model_file or self.params.components_file
            prefix = f"{Path(source).stem}_hnmref"
        names = ["modes.npz"]
        if self.params.model_file is not None:
            names.append("modes.nmd")
        if self._has_frames():
            names += ["projections.csv", "projections.png"]
            if self.params.modes_file is not None:
                names += ["along_modes.csv", "along_modes.png"]
        return {name: Path(f"{prefix}_{name}") for name in names}

    def _has_frames(self) -> bool:
        return bool(self.params.components_file is None or self.params.trajectory_file)

    def _frames(self) -> Frames | None:
        """The ensemble's or trajectories' frames; None where there are none."""
        params = self.params
        if not self._has_frames():
            return None
        frames = read_frames(
            params.model_file,
            params.trajectory_file,
            params.selection,
            params.nodes,
            params.step,
        )
        n_frames, n_atoms = frames.coordinates.shape[:2]
        self._print(f"{n_frames} frames of {n_atoms} atoms")
        return frames

    def _nodes(self) -> Nodes | None:
        """The atoms, where a model tells of them."""
        params = self.params
        if self.frames is not None:
            return self.frames.nodes
        if params.model_file is None:
            return None
        return read_nodes(params.model_file, params.selection, params.nodes)

    def _components(self, nodes: Nodes | None) -> PrincipalComponents:
        """Computed from the frames, or read."""
        params = self.params
        masses = None if nodes is None else nodes.masses(params.masses)
        if params.components_file is None:
            return principal_components(
                self.frames.coordinates,
                masses,
                reference=nodes.coordinates(),
                n_components=params.n_components,
            )
        if params.components_file.lower().endswith(".trr"):
            components = read_gromacs_components(
                params.components_file, masses, params.eigenvalues_file
            )
        elif params.eigenvalues_file is not None:
            raise InputError(
                f"{params.eigenvalues_file} goes with a .trr file of GROMACS, and "
                f"{params.components_file} is none: leave it out"
            )
        else:
            components = read_amber_components(params.components_file, masses)
        if nodes is not None and len(nodes.atoms) != len(components.mean):
            raise InputError(
                f"{params.components_file} is of {len(components.mean)} atoms and "
                f"{len(nodes.atoms)} of {params.model_file} are selected: select those "
                f"that it was made of"
            )
        return components.truncate(params.n_components)

    def _check_other(self, nodes: Nodes | None) -> None:
        """Raise InputError where the modes to project on are of other atoms."""
        if self.other is None or nodes is None:
            return
        labels = self.other.atom_labels
        other_names = labels is not None and list(labels) != nodes.labels()
        if other_names or self.other.n_atoms != len(nodes.atoms):
            raise InputError(
                f"{self.params.modes_file} has {self.other.n_atoms} atoms and "
                f"{len(nodes.atoms)} of {self.params.model_file} are selected, and "
                f"these are not the same: give both the same selection and nodes"
            )
        if self.other.n_modes == self.other.n_zero:
            raise InputError(
                f"{self.params.modes_file} has zero modes alone: make more with "
                f"hnmref.modes"
            )

    def _show(self) -> None:
        """A line a component: variance, share and cumulative share."""
        components = self.components
        for note in components.notes:
            self._print(f"Note: {note}")
        unit = "A^2" if (components.masses == 1).all() else "A^2 Da"
        self._print(f"{'component':>11s}{'variance (' + unit + ')':>20s}   share   sum")
        before = 0.0
        for i, total in enumerate(components.cumulative_share[:_SHOWN]):
            variance = components.variances[i]
            self._print(
                f"{i + 1:11d}{variance:20.4g}{100 * (total - before):7.1f}%"
                f"{100 * total:6.1f}%"
            )
            before = total

    def _write(self, nodes: Nodes | None) -> None:
        paths = self._paths()
        paths["modes.npz"].parent.mkdir(parents=True, exist_ok=True)
        self.modes.save(paths["modes.npz"])
        if nodes is not None:
            title = Path(self.params.model_file).stem
            write_nmd(paths["modes.nmd"], self.modes, nodes.names(), title)
        if self.frames is not None:
            sites = self.frames.coordinates
            along = project(sites, self.components)
            _write_projections(paths, "projections", along, self.components.masses)
            if self.other is not None:
                along = project(sites, self.other)[:, self.other.n_zero :]
                _write_projections(paths, "along_modes", along, self.other.masses)
        for path in paths.values():
            self._print(f"Wrote {path}")


@console_script
def run(args: list[str] | None = None) -> ModeSet | None:
    """Run the command with these arguments (None: the command line's)."""
    with sorry():
        named = _with_named_files(sys.argv[1:] if args is None else args)
    return run_command(Program, named)


def _with_named_files(args: Sequence[str]) -> list[str]:
    """Bare names as parameters, by their suffixes.

    A .trr is taken for components where no model is given.

    Raises
    ------
    InputError : two files where one is wanted.
    """
    named = []
    bare = {
        argument: _SUFFIXES.get(Path(argument.removesuffix(".gz")).suffix.lower())
        for argument in args
        if "=" not in argument and not argument.startswith("-")
    }
    has_model = "model_file" in bare.values() or any("model_file=" in a for a in args)
    for argument in args:
        parameter = bare.get(argument)
        if parameter == "trajectory_file" and not has_model:
            parameter = "components_file"
        if parameter is not None:
            single = parameter != "trajectory_file"
            if single and any(x.startswith(f"{parameter}=") for x in named):
                raise InputError(
                    f"{argument} is a second {parameter}: give one (trajectories may "
                    f"be several)"
                )
            argument = f'{parameter}="{argument}"'
        named.append(argument)
    return named


def _write_projections(
    paths: dict[str, Path], name: str, along: np.ndarray, masses: np.ndarray
) -> None:
    """Table and picture of frames along components or modes."""
    unit = "Å" if (masses == 1).all() else "Å Da$^{1/2}$"
    columns = {"frame": range(1, len(along) + 1)}
    for i in range(min(along.shape[1], _COLUMNS)):
        columns[str(i + 1)] = along[:, i]
    write_csv(paths[f"{name}.csv"], columns)
    with written_whole(paths[f"{name}.png"]) as partial:
        partial.write_bytes(plot_projections(along, unit))


if __name__ == "__main__":
    run()
