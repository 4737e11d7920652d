"""The models of U_group behind one face, and the one without any.

Each has the ``displacements`` of all atoms, and ``begin`` (make its groups, split
the model's ADPs), ``follow`` (moved coordinates), ``take_up`` (U as another run left
it), ``steps`` (refine its part, one step after the other, named as in ``step_names``),
``hold`` (the context of U_local refinement), ``absorb`` (what mmtbx did to the
structure), ``groups`` (for the report), and ``state`` and ``restore`` (for the restart
file).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import numpy as np

from hnmref.refine import arrays
from hnmref.refine.displacements import LOCAL_FLOOR, Displacements
from hnmref.refine.inputs import Inputs
from hnmref.refine.normal_modes import NormalModes
from hnmref.refine.record import GroupStep
from hnmref.refine.tls_baseline import Tls


class NoGroupAdp:
    """Individual isotropic B only."""

    step_names = ()

    def __init__(self, inputs: Inputs, params) -> None:
        self.notes: list[str] = []

    def begin(self, structure) -> None:
        """Every atom isotropic, with the equivalent of what it had."""
        structure.convert_to_isotropic()
        self.absorb(structure)

    def follow(self, structure) -> None:
        """Nothing depends on the coordinates."""

    def take_up(
        self, structure, total: np.ndarray, u_whole: np.ndarray, u_group: np.ndarray
    ) -> None:
        """Go on from the equivalent of the total U that another run left."""
        u_iso = np.maximum(total[:, :3].mean(axis=1), LOCAL_FLOOR)
        structure.set_u_iso(values=arrays.to_double(u_iso))
        self.absorb(structure)

    def steps(self, fmodel, rng: np.random.Generator) -> Iterator[GroupStep]:
        """There are none."""
        return iter(())

    def absorb(self, structure) -> None:
        """The displacements are those of the structure."""
        self.displacements = Displacements.of(structure)

    def hold(self, structure):
        """Nothing to hold during U_local refinement."""
        return contextlib.nullcontext()

    def groups(self) -> list[dict]:
        """No groups."""
        return []

    def state(self) -> dict[str, np.ndarray]:
        """Nothing beyond the displacements."""
        return {}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Nothing beyond the displacements."""


def group_adp_name(params) -> str:
    """``hnm``, ``tls`` or ``none``, of which an extracted PHIL choice makes None."""
    return params.group_adp or "none"


def group_adp(
    inputs: Inputs, params, on_evaluation: Callable[[], None] = lambda: None
) -> NormalModes | Tls | NoGroupAdp:
    """The model of U_group that ``group_adp`` names.

    :param on_evaluation: called at each evaluation of a target, where these are ours
        and not mmtbx's.
    """
    name = group_adp_name(params)
    if name == "hnm":
        return NormalModes(inputs, params, on_evaluation=on_evaluation)
    return {"tls": Tls, "none": NoGroupAdp}[name](inputs, params)
