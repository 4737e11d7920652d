"""What a run reports of each of its steps."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from hnmref.refine.cross_validation import Choice


@dataclass(frozen=True)
class GroupStep:
    """A step of U_group: its name, its parameters, what it cost, what was chosen."""

    name: str
    n_parameters: int
    n_evaluations: int
    choices: list[Choice] = field(default_factory=list)

    def details(self) -> list[str]:
        """Lines for the log."""
        return [line for choice in self.choices for line in choice.lines()]


@dataclass(frozen=True)
class StepRecord:
    """One step of a macro-cycle.

    :ivar step: scale, sites, stage_one, stage_two, tls or u_local.
    :ivar r_work: fraction.
    :ivar mean_b: mean equivalent B of all atoms, Å².
    :ivar n_parameters: parameters that the step refined.
    :ivar n_target_evaluations: structure-factor calculations with gradients, 0
        where mmtbx does not tell.
    :ivar choices: what was found from reflections kept apart before the step, each a
        :class:`Choice` as a mapping.
    :ivar changes: what options of the sites step did, by name, see
        :class:`hnmref.refine.sites_step.SitesStep`.
    """

    cycle: int
    step: str
    r_work: float
    r_free: float
    mean_b: float
    n_parameters: int
    n_target_evaluations: int
    seconds: float
    choices: list[dict] = field(default_factory=list)
    changes: dict = field(default_factory=dict)

    def as_dict(self) -> dict:
        """For JSON and the log; choices and changes only where there are any."""
        result = asdict(self)
        for name in ("choices", "changes"):
            if not result[name]:
                del result[name]
        return result
