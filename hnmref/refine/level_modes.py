"""The modes of both levels at one set of coordinates: the complex and its parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from hnmref.adp.groups import GroupedModes
from hnmref.refine.atoms import AtomGroups
from hnmref.refine.modes import group_modes, read_group_modes, scaled_basis


@dataclass(frozen=True)
class LevelModes:
    """Modes of the whole complex, one group, and of its substructures, a group each.

    :ivar eigenvalues: of the modes of each group, the whole complex first.
    :ivar notes: what the modes gave cause to say.
    """

    whole: GroupedModes
    parts: GroupedModes
    eigenvalues: list[np.ndarray]
    notes: list[str]

    @property
    def most(self) -> tuple[int, int]:
        """Modes of the whole complex, and of the substructure that has most."""
        return tuple(
            max(basis.n_modes for basis in modes.bases)
            for modes in (self.whole, self.parts)
        )

    def first(self, n_whole: int, n_substructure: int) -> LevelModes:
        """The first modes of each level; all of a group that has fewer."""
        whole, parts = self.whole.first(n_whole), self.parts.first(n_substructure)
        eigenvalues = [
            values[: basis.n_modes]
            for values, basis in zip(self.eigenvalues, whole.bases + parts.bases)
        ]
        return replace(self, whole=whole, parts=parts, eigenvalues=eigenvalues)


def compute_level_modes(
    sites: np.ndarray,
    groups: AtomGroups,
    hnm,
    site_averages: Mapping[int, np.ndarray],
) -> LevelModes:
    """Modes of both levels.

    Where their number is Auto always as many as may be tried, of which the first are
    taken. Another number computed would mix nearly equal modes in another way, and Ω
    of a restart file would not belong to them.

    :param sites: (N, 3) Cartesian coordinates of the model, Å.
    :param hnm: the extracted scope.
    :param site_averages: see :class:`GroupedModes`.
    :raises InputError: a group has fewer modes than are asked for.
    """
    network, blocks, assigned = hnm.network, groups.blocks, groups.assigned
    if hnm.modes_file is None:
        whole = group_modes(sites, assigned, blocks, hnm.n_whole, network)
    else:
        whole = read_group_modes(hnm.modes_file, sites, assigned, hnm.n_whole)
    notes = [f"whole complex: {note}" for note in whole.notes]
    eigenvalues, bases = [whole.eigenvalues], []
    for part in groups.substructures:
        modes = group_modes(sites, part.atoms, blocks, hnm.n_substructure, network)
        notes += [f"substructure {part.label}: {note}" for note in modes.notes]
        eigenvalues.append(modes.eigenvalues)
        bases.append(scaled_basis(modes, part.atoms))
    n_atoms = len(sites)
    return LevelModes(
        GroupedModes([scaled_basis(whole, assigned)], n_atoms, site_averages),
        GroupedModes(bases, n_atoms, site_averages),
        eigenvalues,
        notes,
    )
