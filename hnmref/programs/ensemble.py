"""hnmref.ensemble: conformers that move as a run of hnmref.refine found.

    hnmref.ensemble run_001.hnm.npz n=50
    hnmref.ensemble run_001.hnm.npz stage=one            the whole complex's modes
    hnmref.ensemble run_001.hnm.npz hold=bonds           bonds and angles first, then U
    hnmref.ensemble run_001.hnm.npz local=True           and U_local, atom by atom
    hnmref.ensemble run_001.hnm.npz model.pdb other.eff  where these are not beside it

Takes the refined model and the parameters from run_001.pdb (or .cif) and run_001.eff
beside the restart file. Writes PREFIX_ensemble.pdb (a model a conformer; .cif where the
PDB format cannot hold it), .json, .log and .png: bond lengths, and U of the ensemble.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import hnmref  # noqa: F401  (cctbx's extensions must load before scipy's)

import numpy as np
from iotbx.pdb import format_cryst1_and_scale_records
from libtbx.program_template import ProgramTemplate
from libtbx.utils import Sorry

from hnmref.adp.metrics import (
    B_PER_U,
    add_isotropic,
    relative_difference,
    tensor_correlation,
    u_eq,
)
from hnmref.errors import InputError
from hnmref.files import write_text, written_whole
from hnmref.modes.ensemble import (
    MovingGroup,
    block_turns,
    can_be_exact,
    draw_conformers,
    ensemble_u,
    length_changes,
    scatter,
    settle,
)
from hnmref.modes.relaxation import geometry_of
from hnmref.programs.command import console_script, run_command, sorry
from hnmref.programs.nodes import label
from hnmref.programs.trajectory import write_cif_models, write_pdb_models
from hnmref.refine.arrays import to_double
from hnmref.refine.finished_run import model_beside, read_run, run_stem
from hnmref.refine.outputs import pdb_obstacle
from hnmref.refine.topology import distance_bonds
from hnmref.report.ensemble import log_text, plot_ensemble, write_json

#: Within the class below, __doc__ is the class's own.
_DESCRIPTION = __doc__

MASTER_PHIL = """
restart_file = None
  .type = str
  .help = "The run's .hnm.npz. Also taken as a bare name."
model_file = None
  .type = str
  .help = "The model of the run. Default: PDB or mmCIF file beside restart_file. Also "
          "taken as a bare name."
parameters_file = None
  .type = str
  .help = "The run's parameters. Default: the .eff file beside restart_file. Also "
          "taken as a bare name."
n = 50
  .type = int
  .help = "Conformers. From twice the modes of a group on, they can have the refined U."
stage = one *two
  .type = choice
  .help = "Modes of the whole complex (one), or of each substructure, which move "
          "independently (two)."
hold = *u bonds screws
  .type = choice
  .optional = False
  .help = "What is exact in the end: U of each atom, with bonds that are nearly the "
          "model's; bonds and angles, with U that is nearly the refined one; or rigid "
          "residues on screws, with neither."
local = False
  .type = bool
  .help = "Scatter every atom by its U_local too, which no bond survives."
random_seed = 2679941
  .type = int
  .help = "The same seed gives the same conformers."
output
{
  prefix = None
    .type = str
    .help = "Begin the names of the files with this. Default: what the run's files "
            "begin with."
}
"""

#: Beyond this angle (radians, rms) a block's turn is no longer nearly linear.
_LARGE_TURN = 0.5

#: Parameters that bare names of these suffixes are for.
_SUFFIXES = {
    ".npz": "restart_file",
    ".pdb": "model_file",
    ".ent": "model_file",
    ".cif": "model_file",
    ".mmcif": "model_file",
    ".eff": "parameters_file",
}


@dataclass
class Ensemble:
    """Conformers of a run.

    :ivar conformers: (n, N, 3) Å, as written.
    :ivar facts: what the JSON file holds.
    """

    conformers: np.ndarray
    facts: dict


class Program(ProgramTemplate):
    """The command, as libtbx runs it."""

    program_name = "hnmref.ensemble"
    description = _DESCRIPTION
    epilog = ""
    datatypes = ["phil"]
    master_phil_str = MASTER_PHIL

    def validate(self) -> None:
        """Read the run, and see that files can be made."""
        params = self.params
        if params.restart_file is None:
            raise Sorry(
                "hnmref.ensemble needs a run's restart file: give its run_001.hnm.npz"
            )
        stem = run_stem(params.restart_file)
        prefix = params.output.prefix or stem
        kinds = ("pdb", "cif", "json", "log", "png")
        self.paths = {kind: Path(f"{prefix}_ensemble.{kind}") for kind in kinds}
        existing = [path for path in self.paths.values() if path.exists()]
        if existing and not params.output.overwrite:
            raise Sorry(
                f"{existing[0]} exists: choose another output.prefix or give "
                "output.overwrite=True"
            )
        with sorry():
            self.model_file = params.model_file or model_beside(params.restart_file)
            self.finished = read_run(
                params.restart_file,
                self.model_file,
                params.parameters_file or stem.with_name(f"{stem.name}.eff"),
            )

    def run(self) -> None:
        """Draw, write, tell."""
        with sorry():
            self._draw()
            self.paths["json"].parent.mkdir(parents=True, exist_ok=True)
            written = self._write_models()
            facts = self.ensemble.facts
            write_json(self.paths["json"], facts)
            text = log_text(facts)
            write_text(self.paths["log"], text)
            with written_whole(self.paths["png"]) as partial:
                partial.write_bytes(self._picture)
        print(text, file=self.logger)
        for path in (written, *(self.paths[kind] for kind in ("json", "log", "png"))):
            print(f"Wrote {path}", file=self.logger)

    def get_results(self) -> Ensemble:
        """The conformers and their figures."""
        return self.ensemble

    def _draw(self) -> None:
        """The conformers, and everything that is said of them."""
        params, finished = self.params, self.finished
        rng = np.random.default_rng(params.random_seed)
        sites, blocks = finished.modes.sites, finished.groups.blocks
        groups = finished.moving_groups(params.stage)
        moving = np.sort(np.concatenate([group.atoms for group in groups]))
        bonds = moving_bonds(finished.model.get_hierarchy(), moving)
        on_screws = draw_conformers(sites, blocks, groups, params.n, rng)
        u_wanted = finished.u_group(params.stage)
        conformers = on_screws
        if params.hold != "screws":
            geometry = geometry_of(sites, bonds)
            conformers = settle(
                on_screws,
                geometry,
                u_wanted if self._is_exact(groups) else None,
                end_with_u=params.hold == "u",
            )
        changes = length_changes(conformers, sites, bonds)
        within = blocks[bonds[:, 0]] == blocks[bonds[:, 1]]
        u_found = ensemble_u(conformers)
        moved = conformers[:, moving] - sites[moving]
        by_kind = {"within": changes[:, within], "between": changes[:, ~within]}
        facts = {
            "restart_file": str(params.restart_file),
            "model_file": str(self.model_file),
            "n": params.n,
            "stage": params.stage,
            "random_seed": params.random_seed,
            "hold": params.hold,
            "local": params.local,
            "n_atoms": len(sites),
            "n_moving": len(moving),
            "n_groups": len(groups),
            "rms_displacement": _rms_length(moved),
            "mean_shift": _rms_length(moved.mean(axis=0)),
            "bonds": {kind: _spread(values) for kind, values in by_kind.items()},
            "u": _likeness(u_found[moving], u_wanted[moving]),
            "large_turns": self._large_turns(groups),
            "u_total": None,
            "notes": self._notes(groups),
        }
        facts["bonds"]["all"] = _spread(changes)
        facts["on_screws"] = {
            "bonds": _spread(length_changes(on_screws, sites, bonds)),
            "u": _likeness(ensemble_u(on_screws)[moving], u_wanted[moving]),
        }
        if params.local:
            conformers = scatter(conformers, finished.u_local, rng)
            total = add_isotropic(u_wanted, finished.u_local)
            facts["u_total"] = _likeness(ensemble_u(conformers), total)
        b_wanted, b_found = (B_PER_U * u_eq(u[moving]) for u in (u_wanted, u_found))
        self._picture = plot_ensemble(b_wanted, b_found, by_kind)
        self.ensemble = Ensemble(conformers, facts)

    def _large_turns(self, groups: Sequence[MovingGroup]) -> list[dict]:
        """Residues whose turns are far from linear, the largest first."""
        finished = self.finished
        blocks = finished.groups.blocks
        turns = block_turns(finished.modes.sites, blocks, groups)
        large = np.flatnonzero(turns > _LARGE_TURN)
        _, first = np.unique(blocks[large], return_index=True)
        atoms = finished.model.get_hierarchy().atoms()
        return [
            {
                "residue": label(atoms[int(i)].fetch_labels()).rsplit(" ", 1)[0],
                "degrees": float(np.degrees(turns[i])),
            }
            for i in sorted(large[first], key=lambda i: -turns[i])
        ]

    def _is_exact(self, groups: Sequence[MovingGroup]) -> bool:
        """Whether the conformers are enough to have the refined covariance."""
        return can_be_exact(self.params.n, _n_amplitudes(groups))

    def _notes(self, groups: Sequence[MovingGroup]) -> list[str]:
        """What a reader of the figures should know."""
        notes = []
        if not self._is_exact(groups):
            notes.append(
                f"{self.params.n} conformers have U of a sample; from "
                f"n={2 * _n_amplitudes(groups)} on it is held"
            )
        if self.params.local:
            notes.append("bonds and U are told of the conformers before U_local")
        return notes

    def _write_models(self) -> Path:
        """The conformers as PDB, or as mmCIF where that does not hold them."""
        finished, params = self.finished, self.params
        hierarchy = finished.model.get_hierarchy().deep_copy()
        atoms = hierarchy.atoms()
        for atom in atoms:
            atom.uij_erase()
        u_left = np.zeros(len(atoms)) if params.local else finished.u_local
        atoms.set_b(to_double(B_PER_U * u_left))
        atoms.reset_serial()
        symmetry = finished.model.crystal_symmetry()
        in_b = "ZERO: U_LOCAL IS IN THE COORDINATES TOO" if params.local else "U_LOCAL"
        details = (
            f"ENSEMBLE OF {params.n} CONFORMERS DRAWN FROM THE REFINED COVARIANCE OF "
            f"NORMAL MODES, STAGE {params.stage.upper()}; B IS {in_b}"
        )
        obstacle = pdb_obstacle(hierarchy, np.zeros((0, 6)))
        if obstacle is not None:
            self.ensemble.facts["notes"].append(
                f"no PDB file: {obstacle}, more than the format holds"
            )
            path = self.paths["cif"]
            conformers = self.ensemble.conformers
            write_cif_models(path, hierarchy, conformers, symmetry, details)
            return path
        head = [
            *(f"REMARK   3  {part}." for part in details.split("; ")),
            *format_cryst1_and_scale_records(symmetry).splitlines(),
        ]
        path = self.paths["pdb"]
        write_pdb_models(path, hierarchy, self.ensemble.conformers, head)
        return path


@console_script
def run(args: list[str] | None = None) -> Ensemble | None:
    """Run the command with these arguments (None: the command line's)."""
    with sorry():
        named = _with_named_files(sys.argv[1:] if args is None else args)
    return run_command(Program, named)


def moving_bonds(hierarchy, moving: np.ndarray) -> np.ndarray:
    """Bonds (n, 2) with an atom that moves, none between alternate conformers.

    :param moving: indices of the atoms that move.
    """
    bonds = distance_bonds(hierarchy)
    altlocs = [atom.parent().altloc.strip() for atom in hierarchy.atoms()]
    first, second = np.array(altlocs)[bonds].T
    together = (first == second) | (first == "") | (second == "")
    return bonds[together & np.isin(bonds, moving).any(axis=1)]


def _with_named_files(args: Sequence[str]) -> list[str]:
    """Bare names of files as parameters, by their suffixes.

    :raises InputError: two files where one is wanted.
    """
    named: list[str] = []
    for argument in args:
        parameter = _SUFFIXES.get(Path(argument).suffix.lower())
        if parameter is not None and "=" not in argument:
            if any(other.startswith(f"{parameter}=") for other in named):
                raise InputError(f"{argument} is a second {parameter}: give one")
            argument = f'{parameter}="{argument}"'
        named.append(argument)
    return named


def _n_amplitudes(groups: Sequence[MovingGroup]) -> int:
    """Independent amplitudes of the group that has most of them."""
    return max(group.omega.shape[1] for group in groups)


def _rms_length(vectors: np.ndarray) -> float:
    """Root mean square length of (..., 3) vectors."""
    return float(np.sqrt(np.mean(np.sum(vectors**2, axis=-1))))


def _spread(changes: np.ndarray) -> dict | None:
    """Bonds, and root mean square and largest change of (k, n) lengths, Å."""
    if not changes.size:
        return None
    return {
        "n": changes.shape[1],
        "rms": float(np.sqrt(np.mean(changes**2))),
        "max": float(np.abs(changes).max()),
    }


def _likeness(u: np.ndarray, wanted: np.ndarray) -> dict:
    """How near (M, 6) tensors are to those that were wanted."""
    return {
        "n_atoms": len(u),
        "relative_difference": relative_difference(u, wanted),
        "correlation": tensor_correlation(u, wanted),
    }


if __name__ == "__main__":
    run()
