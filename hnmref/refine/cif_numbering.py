"""Both numberings of residues in the mmCIF categories that name them.

cctbx writes helices and strands with the authors' numbers in the columns of the label
numbering, where PDBx/mmCIF wants the ordinal within the chain's sequence, as
``_atom_site.label_seq_id`` has it. Readers that take the authors' columns first, cctbx
among them, find the same residues either way.
"""

from __future__ import annotations

import iotbx.cif.model

_ORDINAL = "label_seq_id"

#: An author's name of a residue: chain, number and insertion code.
AuthorName = tuple[str, str, str]


def _insertion_code(text: str) -> str:
    return "" if text.strip() in ("?", ".") else text.strip()


def label_numbers(atom_site) -> dict[AuthorName, tuple[str, str]]:
    """Label chain and ordinal of each residue, by its author's name."""
    columns = (
        "auth_asym_id",
        "auth_seq_id",
        "pdbx_PDB_ins_code",
        "label_asym_id",
        _ORDINAL,
    )
    rows = zip(*(atom_site[f"_atom_site.{column}"] for column in columns))
    return {
        (chain, number.strip(), _insertion_code(code)): (label_chain, ordinal)
        for chain, number, code, label_chain, ordinal in rows
    }


def _insertion_codes(loop, end: str):
    """The column of insertion codes at one end of a range: two spellings exist."""
    category, _, prefix = end.partition(".")
    name = f"{category}.pdbx_{prefix}PDB_ins_code"
    return loop[name if name in loop.keys() else f"{end}PDB_ins_code"]


def with_both_numberings(loop, numbers: dict[AuthorName, tuple[str, str]]):
    """The loop with its residues' authors' numbers as such, and label numbers beside.

    :param loop: iotbx CIF loop whose ``label`` columns hold the authors' numbers.
    :returns: a new loop; a residue without atoms has "?" for its label numbers.
    """
    result = iotbx.cif.model.loop()
    ends = [
        key.removesuffix(_ORDINAL) for key in loop.keys() if key.endswith(_ORDINAL)
    ]
    for key in loop.keys():
        result[key] = loop[key]
    for end in ends:
        chains, residues = loop[f"{end}label_asym_id"], loop[f"{end}{_ORDINAL}"]
        names = zip(chains, residues, _insertion_codes(loop, end))
        found = [
            numbers.get((chain, number.strip(), _insertion_code(code)), ("?", "?"))
            for chain, number, code in names
        ]
        result[f"{end}auth_asym_id"] = chains
        result[f"{end}auth_seq_id"] = residues
        result[f"{end}label_asym_id"] = [chain for chain, _ in found]
        result[f"{end}{_ORDINAL}"] = [ordinal for _, ordinal in found]
    return result


def atom_types(atom_site):
    """The category ``_atom_type`` that atoms' types refer to."""
    symbols = sorted(set(atom_site["_atom_site.type_symbol"]))
    return iotbx.cif.model.loop(header=["_atom_type.symbol"], data=symbols)
