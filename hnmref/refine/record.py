"""What a run reports of each of its steps."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class GroupStep:
    """A step of U_group: its name, its parameters, what it cost, lines for the log."""

    name: str
    n_parameters: int
    n_evaluations: int
    details: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class StepRecord:
    """One step of a macro-cycle.

    :ivar step: scale, sites, stage_one, stage_two, tls or u_local.
    :ivar r_work: fraction.
    :ivar mean_b: mean equivalent B of all atoms, Å².
    :ivar n_parameters: parameters that the step refined.
    :ivar n_target_evaluations: structure-factor calculations with gradients, 0
        where mmtbx does not tell.
    """

    cycle: int
    step: str
    r_work: float
    r_free: float
    mean_b: float
    n_parameters: int
    n_target_evaluations: int
    seconds: float

    def as_dict(self) -> dict:
        """For JSON and the log."""
        return asdict(self)
