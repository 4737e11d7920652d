"""Models cut into TLS groups: segments of chains, or those of the header."""

from __future__ import annotations

import mmtbx.model
import numpy as np
from libtbx.utils import Sorry

from hnmref.refine.atoms import Substructure, substructures_of_parts
from hnmref.refine.chains import Part, polymer_chains
from hnmref.refine.model import header_tls
from hnmref.refine.residues import residue_table

#: Segments of a chain have at least this many residues.
MIN_SEGMENT_RESIDUES = 3


def contiguous_segments(
    model: mmtbx.model.manager, n_per_chain: int
) -> list[Substructure]:
    """Each polymer chain cut into segments of equal numbers of residues.

    Ligands, glycans and ions join the segment that they touch. A chain too
    short for ``n_per_chain`` segments of three residues is cut into fewer.
    """
    table = residue_table(model)
    parts = []
    for chain in polymer_chains(table):
        n_segments = min(
            n_per_chain, max(1, len(chain.residues) // MIN_SEGMENT_RESIDUES)
        )
        for i, piece in enumerate(np.array_split(chain.residues, n_segments)):
            label = f"{chain.label}.{i + 1}"
            parts.append(Part(label, piece.tolist(), chain.use_segid))
    return substructures_of_parts(table, parts)


def header_tls_selections(model: mmtbx.model.manager, file_name: str) -> list[str]:
    """Selection strings of the TLS groups in a model file's header.

    Groups that select no atom of the model are left out.
    """
    selections = []
    for group in header_tls(file_name, model):
        try:
            n_atoms = model.selection(group.selection).count(True)
        except (Sorry, RuntimeError, ValueError):
            continue
        if n_atoms:
            selections.append(group.selection)
    return selections
