"""U_group from normal modes, refined in two stages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass

import numpy as np
from libtbx import Auto

from hnmref.adp.fit import fit_omegas, with_isotropic
from hnmref.adp.groups import GroupedModes
from hnmref.adp.metrics import add_isotropic
from hnmref.errors import InputError
from hnmref.refine import arrays
from hnmref.refine.atoms import AtomGroups
from hnmref.refine.cross_validation import Choice, CrossValidation, kept_apart
from hnmref.refine.displacements import (
    LOCAL_FLOOR,
    LOCAL_RESERVE,
    Displacements,
    held_anisotropy,
    site_averages,
    split,
    total_u_cart,
    use_both_parts,
)
from hnmref.refine.fmodel_stage import give_u_group, refine_fmodel_stage
from hnmref.refine.inputs import Inputs, group_members
from hnmref.refine.level_modes import compute_level_modes
from hnmref.refine.record import GroupStep
from hnmref.refine.stage_settings import (
    StageSettings,
    find_settings,
    first_settings,
    has_settings_to_find,
    known_settings,
    prior_weights,
)
from hnmref.refine.stages import (
    LEAST_PRIOR,
    TOLERANCE,
    TRIAL_TOLERANCE,
    Restraint,
    StageResult,
)


@dataclass(frozen=True)
class Penalties:
    """What the newest stage two minimised beside the target.

    :ivar prior_weight: as :func:`refine_stage` takes it.
    :ivar held_by: the factor of E_nm.
    """

    prior_weight: float
    held_by: float


class NormalModes:
    """U_group of the whole complex, then of each substructure held to it.

    :param keep_others: atoms in no substructure keep their own kind of ADP,
        anisotropic too. Else they become isotropic.
    :param on_evaluation: called at each evaluation of a stage's target.

    :cvar step_names: of the steps, in order.
    :ivar whole: modes of the whole complex, one group; ``parts``: of the
        substructures, one group each. From :meth:`begin` on.
    :ivar omega_whole, omega_parts: Ω of each of their groups.
    :ivar eigenvalues: of the modes of each group, the whole complex first.
    :ivar settings: numbers of modes and stage two's weight.
    :ivar penalties: of the newest stage two; None before the first.
    :ivar displacements: U_group, that of ``parts`` after a stage two, and U_local.
    :ivar notes: what the modes of the newest coordinates gave cause to say.
    """

    step_names = ("stage_one", "stage_two")

    def __init__(
        self,
        inputs: Inputs,
        params,
        *,
        keep_others: bool = False,
        on_evaluation: Callable[[], None] = lambda: None,
    ) -> None:
        self._params = params.hnm
        self.settings: StageSettings = first_settings(params.hnm)
        self._nproc = params.main.nproc
        self._keep_others = keep_others
        self._on_evaluation = on_evaluation
        self._groups: AtomGroups = inputs.groups
        self._members = group_members(inputs.groups)
        structure = inputs.model.get_xray_structure()
        self._site_averages = site_averages(structure)
        self.penalties: Penalties | None = None
        self.omega_whole: list[np.ndarray] = []
        self.omega_parts: list[np.ndarray] = []
        self.notes: list[str] = []

    def begin(self, structure) -> None:
        """Split the model's ADPs, compute modes, and fit Ω to the start."""
        self.displacements = split(total_u_cart(structure), self._members)
        use_both_parts(structure, self._groups.assigned if self._keep_others else None)
        self._sites = arrays.vec3_to_numpy(structure.sites_cart()).copy()
        self._compute_modes()
        self._take_others_from(structure)
        u_group = self.displacements.u_group
        self._express(structure, u_group, u_group)

    def follow(self, structure) -> None:
        """Modes of moved coordinates; Ω and U_group re-expressed in them."""
        u_whole = self.u_whole()
        self._sites = arrays.vec3_to_numpy(structure.sites_cart()).copy()
        self._compute_modes()
        self._take_others_from(structure)
        self._express(structure, u_whole, self.displacements.u_group)

    def take_up(
        self, structure, total: np.ndarray, u_whole: np.ndarray, u_group: np.ndarray
    ) -> None:
        """Go on from U of both stages as another run left it.

        :param total: (N, 6) total U, Å²; what U_group is not of it, is U_local.
        :param u_whole: (N, 6) stage one's U_group, Å².
        :param u_group: (N, 6) stage two's.
        """
        self._express(structure, u_whole, u_group)
        remainder = (total - self.displacements.u_group)[:, :3].mean(axis=1)
        atoms = self._groups.assigned
        self.displacements.u_local[atoms] = np.maximum(remainder[atoms], LOCAL_FLOOR)
        self.displacements.put_into(structure)

    def u_whole(self) -> np.ndarray:
        """(N, 6) U_group of stage one, Å²."""
        return self.whole.u(self.omega_whole)

    @property
    def sites(self) -> np.ndarray:
        """(N, 3) coordinates that the modes belong to, Å."""
        return self._sites

    def steps(self, fmodel, rng: np.random.Generator) -> Iterator[GroupStep]:
        """Stage one, then stage two."""
        self.take_from_local()
        self._set_u_group(fmodel.xray_structure, self.u_whole())
        prior_weight, choices = self._settle(fmodel, rng)
        stages = self._stages(fmodel, rng, prior_weight, TOLERANCE)

        whole = next(stages)
        self.omega_whole, self.displacements.u_group = whole.omegas, whole.u_group
        n_parameters = self.whole.n_parameters
        yield GroupStep("stage_one", n_parameters, whole.n_evaluations, choices)

        parts = next(stages)
        self.omega_parts, self.displacements.u_group = parts.omegas, parts.u_group
        self.penalties = Penalties(max(prior_weight, LEAST_PRIOR), parts.held_by)
        yield GroupStep("stage_two", self.parts.n_parameters, parts.n_evaluations)

    def absorb(self, structure) -> None:
        """U_local as mmtbx has left it; U_group as it is known here.

        mmtbx takes all of a negative overall B from U_local, be there enough of it or
        not. What is not comes from U_group, so that the total is as mmtbx has it.
        """
        u_iso = arrays.to_numpy(structure.scatterers().extract_u_iso())
        self.displacements.take_local(u_iso)
        self._take_others_from(structure)
        atoms = self._groups.assigned
        lowest = u_iso[atoms].min()
        if lowest < 0.0:
            u_group = self.displacements.u_group
            share = np.zeros_like(u_group)
            share[atoms, :3] = LOCAL_RESERVE - lowest
            total = add_isotropic(u_group, u_iso)
            self.take_up(structure, total, self.u_whole() - share, u_group - share)
        else:
            self.displacements.put_into(structure)

    def hold(self, structure):
        """U_local refinement leaves U_group alone."""
        return held_anisotropy(structure)

    def groups(self) -> list[dict]:
        """Every group for the report: the whole complex, then its parts."""
        whole = [("whole complex", "all substructures")]
        parts = [(s.label, s.selection) for s in self._groups.substructures]
        pairs = zip(whole + parts, self.whole.bases + self.parts.bases)
        return [
            {
                "label": label,
                "selection": selection,
                "atoms": basis.n_atoms,
                "modes": basis.n_modes,
                "parameters": basis.n_parameters,
            }
            for (label, selection), basis in pairs
        ]

    def state(self) -> dict[str, np.ndarray]:
        """Arrays that a restart needs."""
        state = {"omega_whole": self.omega_whole[0], "u_whole": self.u_whole()}
        state.update({f"omega_{i}": o for i, o in enumerate(self.omega_parts)})
        state.update(self.settings.state())
        if self.penalties is not None:
            state["penalties"] = np.array(astuple(self.penalties))
        return state

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Take up Ω as :meth:`state` gave it, and what had been found from the data."""
        self.settings = known_settings(self._params, state)
        self._take_first_modes()
        omegas = [state["omega_whole"]]
        omegas += [state[f"omega_{i}"] for i in range(len(self.omega_parts))]
        bases = self.whole.bases + self.parts.bases
        for omega, basis in zip(omegas, bases):
            if len(omega) != basis.n_modes:
                raise InputError(
                    f"the restart file has {len(omega)} modes in a group that now "
                    f"has {basis.n_modes}: restart with the same hnm parameters"
                )
        self.omega_whole, self.omega_parts = omegas[:1], omegas[1:]
        if "penalties" in state:
            self.penalties = Penalties(*state["penalties"].tolist())

    def _express(self, structure, u_whole: np.ndarray, u_group: np.ndarray) -> None:
        """Ω nearest to U of both stages; U_group is then what the modes give."""
        self.omega_whole = fit_omegas(self.whole, u_whole)
        self.omega_parts = fit_omegas(self.parts, u_group)
        self._set_u_group(structure, self.parts.u(self.omega_parts))

    def _take_others_from(self, structure) -> None:
        """Atoms in no substructure, where they keep what the structure has."""
        if not self._keep_others:
            return
        own = Displacements.of(structure)
        others = np.ones(len(own.u_local), bool)
        others[self._groups.assigned] = False
        self.displacements.u_local[others] = own.u_local[others]
        self.displacements.u_group[others] = own.u_group[others]
        elsewhere = np.where(others[:, None], own.u_group, 0.0)
        computed = self._computed
        for modes in (computed.whole, computed.parts, self.whole, self.parts):
            modes.elsewhere = elsewhere

    def _set_u_group(self, structure, u_group: np.ndarray) -> None:
        self.displacements.u_group = u_group
        self.displacements.put_into(structure)

    def _settle(
        self, fmodel, rng: np.random.Generator
    ) -> tuple[float, list[Choice]]:
        """Find what is Auto: the settings, then the prior's weight.

        Without reflections to find it by, as for twinned data, the prior has no weight.

        :returns: the prior's weight, and all that was chosen.
        :raises InputError: there are settings to find, and the data are twinned.
        """
        prior_weight, choices = self._params.prior_weight, []
        finds_settings = has_settings_to_find(self._params)
        if not finds_settings and prior_weight is not Auto:
            return prior_weight, choices
        if fmodel.twin_law is not None:
            if finds_settings:
                raise InputError(
                    "of twinned data no part can be kept apart to find numbers of "
                    "modes and weights by: give hnm.n_whole, hnm.n_substructure and "
                    "hnm.restraint_weight as numbers"
                )
            return 0.0, choices
        seed = int(rng.integers(2**31))
        trials = CrossValidation(kept_apart(fmodel, rng), self._nproc)
        before = None if self.penalties is None else self.penalties.prior_weight
        if finds_settings:
            weight = (before or 0.0) if prior_weight is Auto else prior_weight
            structure = fmodel.xray_structure
            choices += self._find_settings(trials, structure, seed, weight)
        if prior_weight is Auto:

            def refine(part, _, weight: float) -> None:
                rng = np.random.default_rng(seed)
                for _ in self._stages(part, rng, weight, TRIAL_TOLERANCE):
                    pass

            choice, _ = trials.choose("hnm.prior_weight", prior_weights(before), refine)
            choices.append(choice)
            prior_weight = choice.value
        return prior_weight, choices

    def _stages(
        self, fmodel, rng: np.random.Generator, prior_weight: float, tolerance: float
    ) -> Iterator[StageResult]:
        """Both stages from Ω as it is; only f_model's structure is changed."""
        restraint = None
        for modes, start in (
            (self.whole, self.omega_whole),
            (self.parts, self.omega_parts),
        ):
            result = self._stage(
                fmodel, modes, start, rng, restraint, prior_weight, tolerance
            )
            yield result
            restraint = Restraint(result.u_group, self.settings.restraint_weight)

    def _stage(
        self,
        fmodel,
        modes: GroupedModes,
        omegas: list[np.ndarray],
        rng: np.random.Generator,
        restraint: Restraint | None,
        prior_weight: float,
        tolerance: float,
    ) -> StageResult:
        """One stage with U_local as it is, whose result f_model has then."""
        return refine_fmodel_stage(
            fmodel,
            modes,
            omegas,
            self.displacements.u_local,
            self._params,
            rng=rng,
            restraint=restraint,
            prior_weight=prior_weight,
            tolerance=tolerance,
            on_evaluation=self._on_evaluation,
        )

    def _find_settings(
        self, trials: CrossValidation, structure, seed: int, prior_weight: float
    ) -> list[Choice]:
        """Find numbers of modes and stage two's weight, and go on with these."""
        start_whole, start_parts = self.u_whole(), self.parts.u(self.omega_parts)

        def stage(part, modes: GroupedModes, start: np.ndarray, restraint):
            rng, omegas = np.random.default_rng(seed), fit_omegas(modes, start)
            result = self._stage(
                part, modes, omegas, rng, restraint, prior_weight, TRIAL_TOLERANCE
            )
            return result.u_group

        def stage_one(part, _, n_modes: int) -> np.ndarray:
            return stage(part, self._computed.whole.first(n_modes), start_whole, None)

        def stage_two(part, u_whole: np.ndarray, n_modes: int, weight: float) -> None:
            give_u_group(part, u_whole, self.displacements.u_local)
            restraint = Restraint(u_whole, weight)
            stage(part, self._computed.parts.first(n_modes), start_parts, restraint)

        self.settings, choices = find_settings(
            self._params,
            self.settings,
            self._computed.most,
            trials,
            stage_one,
            stage_two,
        )
        self._take_first_modes()
        self._express(structure, start_whole, start_parts)
        self._set_u_group(structure, self.u_whole())
        return choices

    def _compute_modes(self) -> None:
        """Modes of the coordinates as they are."""
        self._computed = compute_level_modes(
            self._sites, self._groups, self._params, self._site_averages
        )
        self.notes = self._computed.notes
        self._take_first_modes()

    def _take_first_modes(self) -> None:
        """As many as the settings have of those that were computed."""
        taken = self._computed.first(
            self.settings.n_whole, self.settings.n_substructure
        )
        self.whole, self.parts = taken.whole, taken.parts
        self.eigenvalues = taken.eigenvalues

    def take_from_local(self) -> None:
        """Isotropic U that all atoms of a substructure share becomes collective.

        As mmtbx's split_u before every TLS refinement. Translations hold it
        exactly; the whole complex takes the smallest share of all.
        """
        u_local = self.displacements.u_local
        shares = [
            max(u_local[atoms].min() - LOCAL_RESERVE, 0.0) for atoms in self._members
        ]
        for atoms, share in zip(self._members, shares):
            u_local[atoms] -= share
        self.omega_parts = [
            with_isotropic(basis, omega, share)
            for basis, omega, share in zip(self.parts.bases, self.omega_parts, shares)
        ]
        self.omega_whole = [
            with_isotropic(self.whole.bases[0], self.omega_whole[0], min(shares))
        ]
