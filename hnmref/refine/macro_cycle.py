"""The macro-cycle: scale, sites, the steps of U_group, U_local."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict

import numpy as np
from cctbx import adptbx
from cctbx.array_family import flex
from threadpoolctl import threadpool_limits

from hnmref.refine.adp_restraints import adp_restraints_manager
from hnmref.refine.geometry import process_restraints
from hnmref.refine.group_adp import group_adp
from hnmref.refine.inputs import Inputs
from hnmref.refine.record import StepRecord
from hnmref.refine.scaling import refresh, scaled_fmodel, update_scales
from hnmref.refine.sites_step import SitesStep, run_sites_step
from hnmref.refine.u_local import refine_u_local


class Refinement:
    """One run, from inputs to the refined model.

    A macro-cycle depends on the structure, Ω, the data, the seed and its own
    number only, so a run that stops between two can be continued exactly.

    :param params: all parameters of :mod:`hnmref.params`, extracted.
    :param on_step: called with each finished step's record.
    :param on_cycle: called after each macro-cycle, with this refinement.
    :param on_detail: called with lines that tell of the inside of a step.
    :param on_count: called with ``evaluation`` or ``trial`` as a step begins its next
        one; not for trials in processes of their own.

    :ivar group_adp: the model of U_group, see :mod:`hnmref.refine.group_adp`.
    :ivar fmodel: f_model of the newest scaling; it shares the model's structure.
    :ivar start: R-factors before the first step.
    :ivar records: of all finished steps, those before a restart among them.
    :ivar notes: sentences for the log and the report.
    """

    def __init__(
        self,
        inputs: Inputs,
        params,
        *,
        on_step: Callable[[StepRecord], None] = lambda record: None,
        on_cycle: Callable[[Refinement], None] = lambda refinement: None,
        on_detail: Callable[[str], None] = lambda line: None,
        on_count: Callable[[str], None] = lambda what: None,
    ) -> None:
        self.inputs = inputs
        self.model = inputs.model
        self.params = params
        self.records: list[StepRecord] = []
        self.notes = list(inputs.notes)
        self.n_cycles_done = 0
        self._on_step = on_step
        self._on_cycle = on_cycle
        self._on_detail = on_detail
        self._on_count = on_count
        self._refine_sites = "sites" in params.strategy
        if self._refine_sites:
            process_restraints(self.model)
        else:
            self.model.restraints_manager = adp_restraints_manager(
                self.model.get_xray_structure()
            )
        self.group_adp = group_adp(inputs, params, lambda: on_count("evaluation"))
        self.fmodel = scaled_fmodel(self._structure(), inputs.data, params)
        self.start = self.r_factors()
        self.group_adp.begin(self._structure())
        self.notes += self.group_adp.notes

    @threadpool_limits.wrap(limits=1, user_api="blas")
    def run(self) -> None:
        """All macro-cycles that are still to do, and a last scaling."""
        while self.n_cycles_done < self.params.main.number_of_macro_cycles:
            self._macro_cycle(self.n_cycles_done + 1)
            self.n_cycles_done += 1
            self._on_cycle(self)
        refresh(self.fmodel, mask=True)
        update_scales(self.fmodel, self.params)

    @property
    def step_names(self) -> tuple[str, ...]:
        """The steps of each macro-cycle, in order."""
        sites = ("sites",) if self._refine_sites else ()
        return ("scale", *sites, *self.group_adp.step_names, "u_local")

    def r_factors(self) -> dict[str, float]:
        """R_work and R_free as fractions."""
        return {"r_work": self.fmodel.r_work(), "r_free": self.fmodel.r_free()}

    def _structure(self):
        return self.model.get_xray_structure()

    def _macro_cycle(self, cycle: int) -> None:
        rng = _seeded(self.params.main.random_seed, cycle)
        clock = _Clock()
        self._scale()
        self._record(cycle, "scale", clock)
        if self._refine_sites:
            sites = self._sites(cycle)
            self._record(
                cycle, "sites", clock, sites.n_parameters, changes=sites.changes
            )
        for step in self.group_adp.steps(self.fmodel, rng):
            refresh(self.fmodel)
            self._tell(step.details())
            self._record(
                cycle,
                step.name,
                clock,
                step.n_parameters,
                step.n_evaluations,
                [asdict(choice) for choice in step.choices],
            )
        with self.group_adp.hold(self._structure()):
            n_parameters, choices = refine_u_local(
                self.fmodel,
                self.model,
                self.params.u_local,
                rng=rng,
                nproc=self.params.main.nproc,
                on_trial=self._count_trial,
            )
        self.group_adp.absorb(self._structure())
        refresh(self.fmodel)
        self._tell([line for choice in choices for line in choice.lines()])
        choices = [asdict(choice) for choice in choices]
        self._record(cycle, "u_local", clock, n_parameters, choices=choices)

    def _scale(self) -> None:
        """A new f_model; U_group is put back after it has changed the structure."""
        self.fmodel = scaled_fmodel(self._structure(), self.inputs.data, self.params)
        self.group_adp.absorb(self._structure())
        refresh(self.fmodel)

    def _sites(self, cycle: int) -> SitesStep:
        """Refine sites, and let U_group follow them."""
        step = run_sites_step(
            self.fmodel,
            self.model,
            self.params.sites,
            nproc=self.params.main.nproc,
            macro_cycle=cycle,
            random_seed=self.params.main.random_seed,
            on_trial=self._count_trial,
        )
        self._tell(step.details)
        self.group_adp.follow(self._structure())
        return step

    def _count_trial(self) -> None:
        self._on_count("trial")

    def _tell(self, details: list[str]) -> None:
        for line in details:
            self._on_detail(line)

    def _record(
        self,
        cycle: int,
        step: str,
        clock: _Clock,
        n_parameters: int = 0,
        n_evaluations: int = 0,
        choices: Sequence[dict] = (),
        changes: dict | None = None,
    ) -> None:
        """Keep what a finished step cost and led to, and tell it."""
        u_equivalent = self._structure().extract_u_iso_or_u_equiv()
        record = StepRecord(
            cycle=cycle,
            step=step,
            mean_b=adptbx.u_as_b(flex.mean(u_equivalent)),
            n_parameters=n_parameters,
            n_target_evaluations=n_evaluations,
            seconds=clock.lap(),
            choices=list(choices),
            changes=changes or {},
            **self.r_factors(),
        )
        self.records.append(record)
        self._on_step(record)


class _Clock:
    """Seconds from one step to the next."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def lap(self) -> float:
        """Seconds since the last lap."""
        now = time.monotonic()
        seconds, self._last = now - self._last, now
        return seconds


def cycle_generator(seed: int, cycle: int) -> tuple[np.random.Generator, int]:
    """The generator of one macro-cycle, and a seed for mmtbx's own two."""
    rng = np.random.default_rng([seed % 2**32, cycle])
    return rng, int(rng.integers(2**31 - 1))


def _seeded(seed: int, cycle: int) -> np.random.Generator:
    """The cycle's generator; mmtbx's two global ones are seeded along with it."""
    rng, mmtbx_seed = cycle_generator(seed, cycle)
    random.seed(mmtbx_seed)
    flex.set_random_seed(mmtbx_seed)
    return rng
