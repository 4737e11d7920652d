"""hnmref.refine: hierarchical normal-mode refinement of displacements.

    hnmref.refine model.pdb data.mtz
    hnmref.refine model.pdb data.mtz group_adp=tls tls.groups_per_chain=4
    hnmref.refine model.pdb data.mtz strategy=sites+adp ligand.cif \\
        hnm.substructure="chain A" hnm.substructure="chain B or chain C"
    hnmref.refine model.pdb data.mtz hnm.n_whole=20 hnm.n_substructure=20 --dry-run

Writes PREFIX_001.{pdb,cif,mtz,log,eff,json,html} and PREFIX_001.hnm.npz, from
which main.restart_file continues.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import hnmref  # noqa: F401  (cctbx's extensions must load before scipy's)

import numpy as np
from libtbx import Auto
from libtbx.program_template import ProgramTemplate
from libtbx.utils import Sorry, null_out

from hnmref import params as scopes
from hnmref.adp.basis import n_parameters
from hnmref.files import write_text
from hnmref.programs.command import console_script, run_command, sorry
from hnmref.programs.interruption import lasting_interrupt
from hnmref.programs.live_line import live_line
from hnmref.programs.run_clock import RunClock
from hnmref.programs.viewer_files import viewer_paths, write_viewers
from hnmref.refine.arrays import to_numpy
from hnmref.refine.fit_quality import fit_information
from hnmref.refine.group_adp import group_adp_name
from hnmref.refine.inputs import read_inputs
from hnmref.refine.macro_cycle import Refinement
from hnmref.refine.levels import LEVEL_REMARKS, LEVELS, level_u
from hnmref.refine.log_graphs import shell_graphs, step_graphs
from hnmref.refine.outputs import (
    adp_remarks,
    output_paths,
    refuse_existing,
    write_maps,
    write_models,
)
from hnmref.refine.record import StepRecord
from hnmref.refine.restart import resume, write_restart
from hnmref.refine.summary import findings, per_atom, run_summary
from hnmref.refine.tls_baseline import PARAMETERS_PER_GROUP, tls_groups
from hnmref.refine.uncertainty import standard_errors
from hnmref.report.html import write_html
from hnmref.report.json_report import write_json
from hnmref.report.log_table import format_header, format_step
from hnmref.report.progress import add_line, check_progress_file

#: Within the class below, __doc__ is the class's own.
_DESCRIPTION = __doc__


class Program(ProgramTemplate):
    """The command, as libtbx runs it."""

    program_name = "hnmref.refine"
    description = _DESCRIPTION
    epilog = ""
    datatypes = ["model", "miller_array", "restraint", "phil"]
    master_phil_str = scopes.REFINE + scopes.OUTPUT

    def set_target_output_format(self) -> None:
        """Nothing: output.model_format says it.

        Without a model, the template would take the scope ``model`` for its name.
        """

    def validate(self) -> None:
        """Read the inputs, say what would be refined, see that files can be made."""
        with sorry():
            model_file = self._only(self.data_manager.get_model_names(), "model")
            data_file = self._only(
                self.data_manager.get_miller_array_names(), "reflection file"
            )
            if self.params.output.prefix is None:
                self.params.output.prefix = f"{Path(model_file).stem}_hnmref"
            self.paths = output_paths(
                self.params.output.prefix,
                model_formats=tuple(self.params.output.model_format),
                levels=self._levels(),
                serial=self.params.output.serial or 1,
                overwrite=bool(self.params.output.overwrite),
            )
            self.inputs = read_inputs(
                model_file,
                data_file,
                self.data_manager.get_restraint_names(),
                self.params,
            )
            check_progress_file(self.params.output.progress)
            if self.params.output.viewers:
                self._viewers = viewer_paths(
                    self.paths["json"].with_suffix(""),
                    self.params,
                    len(self.inputs.groups.substructures),
                )
                refuse_existing(self._viewers, bool(self.params.output.overwrite))
            self._plan = "\n".join(self._plan_lines()) + "\n"
            self._say(self._plan)

    def run(self) -> None:
        """Refine, write, tell."""
        self.refinement = None
        if self.params.output.dry_run:
            return
        with sorry(), lasting_interrupt() as self._stop_if_interrupted:
            self.refinement = self._begin()
            with self._log_file():
                self._begin_table()
                self._clock = self._new_clock()
                with live_line(self.logger, self._clock.text):
                    self.refinement.run()
                    self._write_outputs()

    def _begin(self) -> Refinement:
        """The refinement before its first step, or as a restart file left it."""
        refinement = Refinement(
            self.inputs,
            self.params,
            on_step=self._show_step,
            on_cycle=self._end_cycle,
            on_detail=lambda line: self._say(f"      {line}"),
            on_count=self._count,
        )
        if self.params.main.restart_file is not None:
            resume(refinement, self.params.main.restart_file)
        return refinement

    def _new_clock(self) -> RunClock:
        """The clock of a refinement that is about to run."""
        done = self.refinement
        newest = done.records[-1].r_free if done.records else done.start["r_free"]
        return RunClock(
            done.step_names,
            self.params.main.number_of_macro_cycles,
            done.n_cycles_done,
            newest,
        )

    def get_results(self) -> Refinement | None:
        """The finished run; None after a dry one."""
        return self.refinement

    @contextlib.contextmanager
    def _log_file(self) -> Iterator[None]:
        """Everything said, from the plan on, also goes to the log file."""
        with open(self.paths["log"], "w", encoding="utf-8") as file:
            file.write(self._plan)
            self._log = file
            self.logger.register("log", file)
            try:
                yield
            finally:
                # A logger that outlives this run must not write to a closed file.
                self.logger.file_objects[self.logger.labels.index("log")] = null_out()

    def _only(self, names: list[str], what: str) -> str:
        """The one file that there has to be."""
        if len(names) != 1:
            raise Sorry(
                f"hnmref.refine takes one {what} and got {len(names)}"
                f"{': ' + ', '.join(names) if names else ''}"
            )
        return names[0]

    def _say(self, text: str = "") -> None:
        print(text, file=self.logger, flush=True)

    def _plan_lines(self) -> Iterator[str]:
        """What would be refined, with how many parameters."""
        data, groups = self.inputs.data, self.inputs.groups
        yield (
            f"Data: {data.f_obs.size()} amplitudes from {data.labels}, "
            f"{data.f_obs.d_max_min()[0]:.1f} to {data.f_obs.d_min():.2f} A; "
            f"{data.r_free_flags.data().count(True)} in the free set "
            f"({data.free_label})"
        )
        yield (
            f"Model: {groups.n_atoms} atoms, {len(groups.assigned)} of them in "
            f"{len(groups.substructures)} substructures"
        )
        for reason, atoms in groups.local_only.items():
            yield f"  {len(atoms)} atoms have only U_local: {reason}"
        yield "Parameters:"
        for line in self._parameter_counts():
            yield f"  {line}"
        for note in self.inputs.notes:
            yield f"Note: {note}"

    def _parameter_counts(self) -> Iterator[str]:
        """How many parameters each kind of step would refine."""
        n_atoms = self.inputs.groups.n_atoms
        if "sites" in self.params.strategy:
            yield f"sites: {3 * n_atoms} parameters"
        hnm = self.params.hnm
        if self.params.group_adp == "hnm":
            n_parts = len(self.inputs.groups.substructures)
            yield f"stage one: {_modes_of_stage(hnm.n_whole)}"
            yield f"stage two: {_modes_of_stage(hnm.n_substructure, n_parts)}"
        elif self.params.group_adp == "tls":
            n_groups = len(tls_groups(self.inputs, self.params.tls))
            yield (
                f"TLS: {n_groups} groups, {PARAMETERS_PER_GROUP * n_groups} parameters"
            )
        yield f"U_local: {n_atoms} parameters"

    def _begin_table(self) -> None:
        """The start, and the steps of the run that a restart continues."""
        start = self.refinement.start
        n_cycles = self.params.main.number_of_macro_cycles
        self._progress("start", {**start, "n_cycles": n_cycles})
        self._say(f"Start: R_work {start['r_work']:.4f}, R_free {start['r_free']:.4f}")
        self._say(format_header())
        for record in self.refinement.records:
            self._say(format_step(record.as_dict()))

    def _show_step(self, record: StepRecord) -> None:
        """A row of the table, with the time left once a whole cycle has been timed."""
        self._stop_if_interrupted()
        self._clock.end_step(record)
        left = self._clock.seconds_left()
        told = record.as_dict()
        if left is not None:
            told["seconds_left"] = left
        self._say(format_step(told))
        self._progress("step", told)

    def _count(self, what: str) -> None:
        """Another evaluation or trial begins."""
        self._stop_if_interrupted()
        self._clock.count(what)

    def _end_cycle(self, refinement: Refinement) -> None:
        """A restart goes on from here."""
        write_restart(refinement, self.paths["hnm.npz"])
        self._clock.end_cycle()

    def _progress(self, event: str, values: dict) -> None:
        """A line for whoever watches the run, where that was asked for."""
        if self.params.output.progress is not None:
            add_line(self.params.output.progress, {"event": event, **values})

    def _write_outputs(self) -> None:
        """All files of ``output_paths`` but the log, which is being written."""
        refinement, paths = self.refinement, self.paths
        name = group_adp_name(self.params)
        structure = refinement.model.get_xray_structure()
        anisotropic = np.zeros(self.inputs.groups.n_atoms, bool)
        if name == "hnm":
            anisotropic[self.inputs.groups.assigned] = True
        elif name == "tls":
            anisotropic[:] = to_numpy(structure.use_u_aniso())
        stem = paths["json"].with_suffix("")
        fit = fit_information(refinement.fmodel)
        written = write_models(
            refinement.model,
            refinement.group_adp.displacements.total(),
            anisotropic,
            stem,
            formats=tuple(self.params.output.model_format),
            remarks=adp_remarks(name),
            fit=fit,
        )
        refinement.notes += written.notes
        self._write_levels(stem)
        write_maps(
            refinement.fmodel,
            paths["mtz"],
            f_obs=self.inputs.data.f_obs,
            r_free_flags=self.inputs.data.r_free_flags,
        )
        found = findings(refinement, fit)
        covariances = found.u_covariances
        errors = None if covariances is None else standard_errors(covariances)
        write_restart(refinement, paths["hnm.npz"], errors)
        if self.params.output.viewers:
            paths.update(self._viewers)
            # The first format asked for, or mmCIF where PDB could not hold the model.
            model_format, model_file = next(iter(written.paths.items()))
            paths[model_format] = model_file
            write_viewers(
                refinement, found.motions, paths, self._levels(), model_format
            )
        phil = self.get_program_phil_str()
        write_text(paths["eff"], phil)
        files = {ending: str(path) for ending, path in paths.items()}
        summary = run_summary(refinement, found, files, phil)
        write_json(summary, paths["json"])
        write_html(
            summary, per_atom(refinement, found), paths["html"], motions=found.motions
        )
        final = refinement.r_factors()
        self._progress("final", {**final, "files": files})
        # For viewers of log files; nobody reads them on a screen.
        graphs = step_graphs(refinement.records) + shell_graphs(found.shells)
        self._log.write(f"\n{graphs}\n")
        self._say(
            f"Final: R_work {final['r_work']:.4f}, R_free {final['r_free']:.4f}\n"
            f"Wrote {stem}.*; look at {paths['html']}"
        )

    def _levels(self) -> tuple[str, ...]:
        """The parts of U that are to have models of their own."""
        if not self.params.output.levels:
            return ()
        return LEVELS[group_adp_name(self.params)]

    def _write_levels(self, stem: Path) -> None:
        """Those models, beside the refined one."""
        for level in self._levels():
            u = level_u(self.refinement.group_adp, level)
            write_models(
                self.refinement.model,
                u,
                np.any(u[:, 3:] != 0, axis=1),
                stem.with_name(f"{stem.name}_{level}"),
                formats=tuple(self.params.output.model_format),
                remarks=[LEVEL_REMARKS[level]],
            )


def _modes_of_stage(n_modes, n_groups: int | None = None) -> str:
    """Modes of every group, and the parameters that they make."""
    times = "" if n_groups is None else f"{n_groups} x "
    if n_modes is Auto:
        return f"{times}as many modes as the data ask for (Auto)"
    count = (n_groups or 1) * n_parameters(n_modes)
    return f"{times}{n_modes} modes, {count} parameters"


@console_script
def run(args: list[str] | None = None) -> Refinement | None:
    """Run the command with these arguments (None: the command line's)."""
    return run_command(Program, args)


if __name__ == "__main__":
    run()
