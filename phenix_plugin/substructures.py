"""Which atoms move together: the user's selections, the TLS groups, or chains."""

from __future__ import annotations

import numpy as np

from hnmref.errors import InputError
from hnmref.refine import arrays
from hnmref.refine.atoms import AtomGroups, group_atoms


def check_tls_selections(tls_selections) -> None:
    """See that the TLS groups hold atoms, and no atom twice.

    :param tls_selections: a flex.size_t a group, as mmtbx's manager takes them.
    :raises InputError: otherwise.
    """
    if not tls_selections:
        raise InputError(
            "tls is in the strategy, but there is no TLS group: "
            "select atoms with refine.adp.tls, or leave tls out"
        )
    seen = np.zeros(0, int)
    for i, selection in enumerate(tls_selections):
        atoms = arrays.to_numpy(selection).astype(int)
        if not len(atoms):
            raise InputError(
                f"TLS group {i + 1} holds no atom: correct its refine.adp.tls selection"
            )
        shared = np.intersect1d(atoms, seen)
        if len(shared):
            raise InputError(
                f"TLS group {i + 1} overlaps those before it in {len(shared)} atoms: "
                "correct the refine.adp.tls selections"
            )
        seen = np.union1d(seen, atoms)


def tls_strings(model, all_params, tls_selections) -> list[str]:
    """The user's selections of TLS groups; none where one group holds all atoms.

    phenix.refine gives the whole model one group where the user gave none. The
    model's strings go first; a copy of a model that HNM has refined lacks them.

    :raises InputError: there are groups, but not their selections.
    """
    if tls_selections is not None and _is_everything(tls_selections, model):
        return []
    adp = getattr(getattr(all_params, "refine", None), "adp", None)
    for strings in (
        getattr(model.tls_groups, "selection_strings", None),
        getattr(adp, "tls", None),
    ):
        found = [text for text in strings or [] if isinstance(text, str)]
        if found:
            return found
    raise InputError(
        "the TLS groups have no selection strings: name the substructures with "
        "tls.hnm.substructure"
    )


def _is_everything(tls_selections, model) -> bool:
    return len(tls_selections) == 1 and tls_selections[0].size() == model.size()


def substructures(model, hnm, tls_selections: list[str]) -> AtomGroups:
    """``hnm.substructure``, else the TLS groups, else one a chain.

    :param hnm: the extracted ``hnm`` scope.
    :raises InputError: a selection cannot be used.
    """
    own = [text for text in hnm.substructure if text is not None]
    if own or not tls_selections:
        return group_atoms(model, own)
    try:
        return group_atoms(model, tls_selections)
    except InputError as error:
        message = str(error).replace("hnm.substructure", "refine.adp.tls")
        raise InputError(message) from error
