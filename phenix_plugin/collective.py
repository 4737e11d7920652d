"""What the plugin keeps of a model between two calls of mmtbx's manager.

It hangs on the model. Between the calls mmtbx may tidy the structure's ADPs,
shift them by an overall B, move or change atoms: what is still ours is put back,
and the rest begins anew.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from hnmref.adp.metrics import add_isotropic
from hnmref.refine import arrays
from hnmref.refine.displacements import Displacements, u_star_of
from hnmref.refine.normal_modes import NormalModes
from phenix_plugin.substructures import substructures

_ATTRIBUTE = "hnmref_collective"
#: Sites and U are unchanged where they differ by less (Å, Å²).
_SAME_SITE = 1e-4
_SAME_U = 1e-4


class Collective:
    """The normal modes of one model, and how its atoms were when they were left.

    :ivar modes: Ω and displacements.
    :ivar labels: of all atoms; others mean another model.
    :ivar tls_selections: strings; the model's own are gone once HNM has refined.
    """

    def __init__(self, model, hnm, tls_selections: list[str]) -> None:
        self.tls_selections = tls_selections
        self.labels = atom_labels(model)
        self.atom_groups = substructures(model, hnm, tls_selections)
        inputs = SimpleNamespace(model=model, groups=self.atom_groups)
        params = SimpleNamespace(hnm=hnm, main=SimpleNamespace(nproc=1))
        self.modes = NormalModes(inputs, params, keep_others=True)

    @property
    def assigned(self) -> np.ndarray:
        """Sorted indices of the atoms in substructures."""
        return self.atom_groups.assigned

    def begin(self, structure) -> None:
        """Modes and Ω from the structure as it is."""
        self.modes.begin(structure)

    def go_on(self, structure) -> bool:
        """Put U_group back after what mmtbx did; False where it is not ours any more.

        An overall B that was added, and individual B, stay as they are.
        """
        if self._counted_twice(structure):
            self._count_once(structure)
        elif not self._is_ours(structure):
            return False
        self.modes.absorb(structure)
        sites = arrays.vec3_to_numpy(structure.sites_cart())
        if np.abs(sites - self.modes.sites).max() > _SAME_SITE:
            self.modes.follow(structure)
        return True

    def _is_ours(self, structure) -> bool:
        """Whether u_star is as it was left, but for tidying."""
        both = arrays.to_numpy(structure.use_u_iso() & structure.use_u_aniso())
        if not both[self.assigned].all():
            return False
        left = structure.deep_copy_scatterers()
        u_group = self.modes.displacements.u_group
        left.scatterers().set_u_star(u_star_of(u_group, structure.unit_cell()))
        return self._same_u(structure, left) or self._same_u(structure, _tidied(left))

    def _counted_twice(self, structure) -> bool:
        """Whether u_iso and u_star of every atom both hold its total isotropic U.

        The model's set_b_iso leaves it so; the DEN refinement calls that.
        """
        twice = Displacements.of(structure)
        u_star = twice.u_group[self.assigned]
        isotropic = add_isotropic(np.zeros_like(u_star), twice.u_local[self.assigned])
        return bool(np.abs(u_star - isotropic).max() < _SAME_U)

    def _count_once(self, structure) -> None:
        """u_iso of the substructures' atoms less what is U_group's part of it."""
        u_iso = arrays.to_numpy(structure.scatterers().extract_u_iso())
        shared = self.modes.displacements.u_group[:, :3].mean(axis=1)
        selected = np.zeros(len(u_iso), bool)
        selected[self.assigned] = True
        structure.set_u_iso(
            values=arrays.to_double(u_iso - shared),
            selection=arrays.to_bool(selected),
        )

    def _same_u(self, structure, other) -> bool:
        difference = _u_aniso(structure) - _u_aniso(other)
        return bool(np.abs(difference[self.assigned]).max() < _SAME_U)


def _tidied(structure):
    structure.tidy_us()
    return structure


def _u_aniso(structure) -> np.ndarray:
    """(N, 6) Cartesian U of u_star alone, Å²."""
    scatterers = structure.scatterers()
    return arrays.sym_mat3_to_numpy(scatterers.extract_u_cart(structure.unit_cell()))


def atom_labels(model) -> list[str]:
    """A name of every atom."""
    return [atom.id_str() for atom in model.get_hierarchy().atoms()]


def known_collective(model) -> Collective | None:
    """What an earlier call left on the model, if its atoms are the same."""
    collective = getattr(model, _ATTRIBUTE, None)
    if collective is None or collective.labels != atom_labels(model):
        return None
    return collective


def remember(model, collective: Collective) -> None:
    """Leave it on the model for the next call."""
    setattr(model, _ATTRIBUTE, collective)


def remembered_selections(model) -> list[str] | None:
    """TLS selections that an earlier call was given, if there was one."""
    return getattr(getattr(model, _ATTRIBUTE, None), "tls_selections", None)
