"""The TLS baseline: mmtbx's own TLS refinement as phenix.refine runs it.

Groups come from the user, as contiguous segments of each chain (of equal lengths, or
those that TLSMD would find), or from the model's header. mmtbx refines a B of each
group first, then T, L and S, and leaves what the groups do not explain in U_local.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator

import mmtbx
import mmtbx.refinement.refinement_flags
import numpy as np
from mmtbx.refinement import adp_refinement
from mmtbx_tls_ext import tlso

from hnmref.refine import arrays
from hnmref.refine.atoms import Substructure, group_atoms
from hnmref.refine.displacements import Displacements, use_both_parts
from hnmref.refine.inputs import Inputs
from hnmref.refine.partitions import contiguous_segments, header_tls_selections
from hnmref.refine.record import GroupStep
from hnmref.refine.tls_segments import best_segments

#: Independent parameters of one group's T, L and S (the trace of S is zero).
PARAMETERS_PER_GROUP = 20


class Tls:
    """U_group from TLS groups, refined by mmtbx once a macro-cycle."""

    step_names = ("tls",)

    def __init__(self, inputs: Inputs, params) -> None:
        self._model = inputs.model
        self._groups = tls_groups(inputs, params.tls)
        self._cycle = 0
        self.notes: list[str] = []

    def begin(self, structure) -> None:
        """Tell the model its groups, and give their atoms both parts of U."""
        use_both_parts(structure, np.concatenate([g.atoms for g in self._groups]))
        self._selections = [arrays.to_size_t(group.atoms) for group in self._groups]
        self._model.determine_tls_groups(
            selection_strings=[group.selection for group in self._groups],
            generate_tlsos=self._selections,
        )
        self.absorb(structure)

    def follow(self, structure) -> None:
        """TLS is fitted to the displacements at each refinement anyway."""

    def steps(self, fmodel, rng: np.random.Generator) -> Iterator[GroupStep]:
        """One TLS refinement; f_model and model get a new structure by it."""
        self._cycle += 1
        self._model.set_refinement_flags(
            mmtbx.refinement.refinement_flags.manager(
                tls=True, adp_tls=self._selections
            )
        )
        adp_refinement.manager(
            fmodels=mmtbx.fmodels(fmodel_xray=fmodel),
            model=self._model,
            all_params=None,
            group_adp_selections=[],
            tls_selections=self._selections,
            tls_params=adp_refinement.tls_master_params.extract(),
            refine_tls=True,
            tan_b_iso_max=0,
            macro_cycle=self._cycle,
            log=io.StringIO(),
        )
        yield GroupStep("tls", PARAMETERS_PER_GROUP * len(self._groups), 0)

    def take_up(
        self, structure, total: np.ndarray, u_whole: np.ndarray, u_group: np.ndarray
    ) -> None:
        """Go on from U as another run left it; stage one's, ``u_whole``, is none."""
        u_local = (total - u_group)[:, :3].mean(axis=1)
        # Of mmtbx's TLS atoms U_local may be nothing.
        self.displacements = Displacements(u_group, np.maximum(u_local, 0.0))
        self.displacements.put_into(structure)

    def absorb(self, structure) -> None:
        """The displacements are those of the structure."""
        self.displacements = Displacements.of(structure)

    def hold(self, structure):
        """mmtbx tidies TLS tensors as it always does."""
        return contextlib.nullcontext()

    def groups(self) -> list[dict]:
        """Every TLS group for the report."""
        return [
            {
                "label": group.label,
                "selection": group.selection,
                "atoms": len(group.atoms),
                "modes": 6,
                "parameters": PARAMETERS_PER_GROUP,
            }
            for group in self._groups
        ]

    def state(self) -> dict[str, np.ndarray]:
        """T, L, S and origin of each group, and the number of cycles."""
        rows = [(*o.t, *o.l, *o.s, *o.origin) for o in self._model.tls_groups.tlsos]
        return {"tls": np.array(rows), "tls_cycle": np.array(self._cycle)}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Take up the groups' tensors as :meth:`state` gave them."""
        self._cycle = int(state["tls_cycle"])
        self._model.tls_groups.tlsos = [
            tlso(t=row[:6], l=row[6:12], s=row[12:21], origin=row[21:])
            for row in state["tls"].tolist()
        ]


def tls_groups(inputs: Inputs, params) -> list[Substructure]:
    """The groups: selections, else segments a chain, else the header, else chains.

    Segments are of equal lengths, or those that fit the file's B best.

    :param params: the extracted ``tls`` scope.
    """
    selections = [text for text in params.selection if text is not None]
    if selections:
        return group_atoms(inputs.model, selections).substructures
    if params.partition == "tlsmd":
        return best_segments(inputs.model, inputs.file_u, params.groups_per_chain)
    if params.groups_per_chain is not None:
        return contiguous_segments(inputs.model, params.groups_per_chain)
    header = header_tls_selections(inputs.model, inputs.files["model"])
    return group_atoms(inputs.model, header).substructures
