"""hnmref.analyse: what normal modes say of a structure's motion.

    hnmref.analyse m_modes.npz                          collectivity, mean squares
    hnmref.analyse m_modes.npz model.pdb                B-factors against the model's
    hnmref.analyse m_modes.npz analyses=correlation+distance_fluctuations
    hnmref.analyse m_modes.npz model.pdb analyses=correlation atoms=all \\
        selection="chain A"
    hnmref.analyse open_modes.npz other_modes.npz analyses=overlap
    hnmref.analyse open_modes.npz target_file=closed.pdb analyses=overlap
    hnmref.analyse m_modes.npz analyses=thermodynamics spring_constant=0.6 \\
        last_mode=25

The first modes file is analysed, a second one is for the overlap; the first model
has the B-factors, a second one is the target. Writes PREFIX_NAME.csv, .npz and .png
of each analysis, PREFIX_analysis.html with all of them, and PREFIX_analysis.log.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import hnmref  # noqa: F401  (cctbx's extensions must load before scipy's)

from libtbx.program_template import ProgramTemplate

from hnmref.errors import InputError
from hnmref.files import write_text
from hnmref.modes import GaussianModes
from hnmref.modes.fluctuations import mode_range, thermal_motion
from hnmref.modes.units import KJ_IN_KCAL
from hnmref.programs.command import console_script, run_command, sorry
from hnmref.programs.mode_analyses import ANALYSES, analysis_paths, check_task
from hnmref.programs.mode_atoms import (
    atom_names,
    chosen_atoms,
    model_b_factors,
    read_modes,
    require_same_atoms,
    target_coordinates,
)
from hnmref.programs.mode_task import OtherModes, Task
from hnmref.report.mode_page import AnalysisResult, write_mode_page

#: Within the class below, __doc__ is the class's own.
_DESCRIPTION = __doc__

MASTER_PHIL = """
analyses = *bfactors correlation *collectivity distance_fluctuations \
           *thermodynamics overlap covariance
  .type = choice(multi=True)
  .help = "What to compute. bfactors: mean squares and B, against those of a "
          "model. correlation: which atoms move together. collectivity: of each "
          "mode. distance_fluctuations: of pairs of atoms. thermodynamics: "
          "frequencies, free energy, entropy. overlap: with other modes, or with "
          "the difference to a target. covariance: matrix and tensors."
modes_file = None
  .type = str
  .help = "Modes, from hnmref.modes (npz). Also taken as a bare name."
other_modes_file = None
  .type = str
  .help = "Modes to compare with. Also taken as a second bare name."
target_file = None
  .type = str
  .help = "Structure of the same atoms, the difference to which is compared with "
          "the modes. Also taken as a second bare model."
first_mode = None
  .type = int(value_min=1)
  .help = "First mode, counted from 1. Default: the first beyond the zero modes."
last_mode = None
  .type = int(value_min=1)
  .help = "Last mode. Default: the last in the file. The range widens where it "
          "would part equal eigenvalues."
temperature = 300.0
  .type = float(value_min=1)
  .help = "Temperature (K)."
spring_constant = None
  .type = float(value_min=1e-9)
  .help = "What a spring of stiffness 1 is worth (kcal/mol/A**2). Default: 1; for "
          "hinsen_fitted, whose springs have units, 1 kJ/mol."
atoms = *representative all
  .type = choice
  .help = "Atoms of the matrices: CA, P or C1' of each residue (its first atom "
          "where it has none), or all."
selection = None
  .type = atom_selection
  .help = "Of these atoms only the selected ones. Needs the model."
correlation
  .help = "Cross-correlation."
{
  kind = *weighted ddpt
    .type = choice
    .help = "weighted: by the modes' mean squares, as usual. ddpt: the mean of the "
            "cosine over the modes."
}
distance_fluctuations
  .help = "Distance fluctuations."
{
  kind = *distance vector ddpt
    .type = choice
    .help = "distance: variance of the distance. vector: mean square of the "
            "relative displacement. ddpt: equation 12 of the DDPT paper."
}
overlap
  .help = "Overlap."
{
  n_rmsip = 10
    .type = int(value_min=1)
    .help = "Modes of each set in the root mean square inner product."
}
output
{
  prefix = None
    .type = str
    .help = "Begin the names of the files with this. Default: the stem of the "
            "modes file without _modes."
}
"""


class Program(ProgramTemplate):
    """The command, as libtbx runs it."""

    program_name = "hnmref.analyse"
    description = _DESCRIPTION
    epilog = ""
    datatypes = ["model", "phil"]
    master_phil_str = MASTER_PHIL

    def validate(self) -> None:
        """Read the modes, match the models, see that files can be made."""
        self._log: list[str] = []
        with sorry():
            self.task = self._task()
            check_task(self.task)
            self._check_free(
                analysis_paths(
                    self.task.stem,
                    self.params.analyses,
                    len(self.task.chosen),
                    self.task.motion.vectors.shape[1],
                )
            )
        task = self.task
        self._say(
            f"{task.name}: {task.motion.n_atoms} atoms, {task.modes.n_modes} modes, "
            f"{task.modes.n_zero} of them zero; modes {task.numbers[0]} to "
            f"{task.numbers[-1]} are analysed, matrices are of {len(task.chosen)} atoms"
        )
        for note in self._notes():
            self._say(f"Note: {note}")

    def run(self) -> None:
        """Analyse, write, tell."""
        self.results: dict[str, AnalysisResult] = {}
        with sorry():
            Path(self.task.stem).parent.mkdir(parents=True, exist_ok=True)
            for name, analyse in ANALYSES.items():
                if name in self.params.analyses:
                    began = time.monotonic()
                    self.results[name] = result = analyse(self.task)
                    self._say(f"{result.title} ({time.monotonic() - began:.1f} s)")
                    for sentence in result.sentences:
                        self._say(f"  {sentence}")
                    for path in result.files:
                        self._say(f"  Wrote {path}")
        self._write_page()
        write_text(self.task.path("analysis.log"), "\n".join(self._log) + "\n")

    def get_results(self) -> dict[str, AnalysisResult]:
        """What each analysis found, by its name."""
        return self.results

    def _say(self, line: str) -> None:
        self._log.append(line)
        self._print(line)

    def _task(self) -> Task:
        """Everything that the analyses need, checked."""
        params = self.params
        if not params.analyses:
            raise InputError(f"analyses names none: give some of {'+'.join(ANALYSES)}")
        name = params.modes_file
        if name is None:
            raise InputError("hnmref.analyse needs the npz file of hnmref.modes")
        modes = read_modes(name)
        kept = mode_range(modes, params.first_mode, params.last_mode)
        spring_constant = params.spring_constant
        if spring_constant is None:
            fitted = modes.provenance.get("spring_law") == "hinsen_fitted"
            spring_constant = KJ_IN_KCAL if fitted else 1.0
        model_name, target_name = self._model_names()
        model = None if model_name is None else self._hierarchy(model_name)
        if params.selection is not None and model is None:
            raise InputError(
                "selection is one of the model's atoms: give the model file too"
            )
        b_model = target = shared = None
        if model is not None:
            b_model = model_b_factors(modes, model, model_name, name)
        if target_name is not None:
            hierarchy = self._hierarchy(target_name)
            shared, target, notes = target_coordinates(
                modes, hierarchy, (target_name, name), model, model_name or ""
            )
            for note in notes:
                self._say(note)
        others = self._others(modes, name)
        if "overlap" in params.analyses and others is None and target is None:
            raise InputError(
                "overlap needs something to compare with: give a second modes file or "
                "target_file=model.pdb, or leave it out of analyses"
            )
        return Task(
            modes=modes,
            name=Path(name).name,
            motion=thermal_motion(modes, kept, spring_constant, params.temperature),
            kept=kept,
            labels=atom_names(modes),
            chosen=chosen_atoms(
                modes, params.atoms, params.selection, model, model_name, name
            ),
            b_model=b_model,
            others=others,
            target=target,
            target_atoms=shared,
            target_name="" if target_name is None else Path(target_name).name,
            spring_constant=spring_constant,
            params=params,
            stem=params.output.prefix or Path(name).stem.removesuffix("_modes"),
            say=self._say,
        )

    def _model_names(self) -> tuple[str | None, str | None]:
        """The model's file and the target's, where there are any."""
        names = self.data_manager.get_model_names()
        target = self.params.target_file
        if target is not None:
            if not Path(target).is_file():
                raise InputError(f"there is no target_file {target}")
        elif len(names) > 1:
            target = names[1]
            names = names[:1] + names[2:]
        if len(names) > 1:
            raise InputError(
                f"hnmref.analyse takes one model and one target and got "
                f"{', '.join(self.data_manager.get_model_names())}: leave some out"
            )
        return (names[0] if names else None), target

    def _hierarchy(self, file_name: str):
        if file_name not in self.data_manager.get_model_names():
            self.data_manager.process_model_file(file_name)
        return self.data_manager.get_model(file_name).get_hierarchy()

    def _others(self, modes, name: str) -> OtherModes | None:
        """The second modes, of the same atoms."""
        file_name = self.params.other_modes_file
        if file_name is None:
            return None
        others = read_modes(file_name)
        if isinstance(others, GaussianModes) or isinstance(modes, GaussianModes):
            raise InputError(
                "modes of a Gaussian network have no direction to compare: give two "
                "files of another force field"
            )
        require_same_atoms(modes, others, name, file_name)
        return OtherModes(others, mode_range(others), Path(file_name).name)

    def _check_free(self, paths: Sequence[Path]) -> None:
        """Raise InputError where a file is in the way."""
        existing = [path for path in paths if path.exists()]
        if existing and not self.params.output.overwrite:
            raise InputError(
                f"{existing[0]} exists: choose another output.prefix or give "
                f"output.overwrite=True"
            )

    def _notes(self) -> Iterator[str]:
        """What the reader has to know of modes and assumptions."""
        task, params = self.task, self.params
        yield from task.modes.notes
        for asked, got in (
            (params.first_mode, task.numbers[0]),
            (params.last_mode, task.numbers[-1]),
        ):
            if asked is not None and asked != got:
                yield (
                    f"mode {asked} has the eigenvalue of mode {got}: the range goes "
                    f"to {got}"
                )
        if params.spring_constant is None:
            yield (
                f"a spring of stiffness 1 is taken for {task.spring_constant:.4g} "
                f"kcal/mol/A^2: amplitudes, B-factors and frequencies depend on it "
                f"(spring_constant)"
            )

    def _write_page(self) -> None:
        task = self.task
        facts = [
            (f"{task.motion.n_atoms:,}", "atoms"),
            (f"{task.numbers[0]} to {task.numbers[-1]}", "modes"),
            (f"{self.params.temperature:g} K", "temperature"),
            (f"{task.spring_constant:.4g}", "spring constant (kcal/mol/Å²)"),
        ]
        path = write_mode_page(
            task.path("analysis.html"),
            f"Normal modes of {task.name}",
            facts,
            list(self._notes()),
            list(self.results.values()),
        )
        self._say(f"Wrote {path}; look at it")


@console_script
def run(args: list[str] | None = None) -> dict[str, AnalysisResult] | None:
    """Run the command with these arguments (None: the command line's)."""
    with sorry():
        named = _with_named_modes(sys.argv[1:] if args is None else args)
    return run_command(Program, named)


def _with_named_modes(args: Sequence[str]) -> list[str]:
    """Bare .npz names as parameters: the parser takes such files for maps.

    Raises
    ------
    InputError : more than two of them.
    """
    result, parameters = [], ["modes_file", "other_modes_file"]
    for argument in args:
        if argument.lower().endswith(".npz") and "=" not in argument:
            if not parameters:
                raise InputError(
                    f"hnmref.analyse takes one modes file, and a second one for the "
                    f"overlap; {argument} is one more: leave it out"
                )
            argument = f'{parameters.pop(0)}="{argument}"'
        result.append(argument)
    return result


if __name__ == "__main__":
    run()
