"""The rules by which atoms go to substructures, each on a small model."""

import json

import numpy as np
import pytest
from pdb_text import atom, ligand, model, nucleotides, peptide, residue, text

from hnmref.errors import InputError
from hnmref.refine.atoms import (
    NOT_SELECTED,
    TOUCHES_NONE,
    WATER,
    group_atoms,
)
from hnmref.refine.model import read_model
from hnmref.refine.partitions import contiguous_segments, header_tls_selections
from tests.shared_pdb import entry_ids, require_entry


def selected(a_model, string):
    return np.flatnonzero(a_model.selection(string).as_numpy_array())


def by_label(groups):
    return {s.label: set(s.atoms.tolist()) for s in groups.substructures}


def assert_each_atom_once(groups):
    """Every atom is in exactly one substructure or has exactly one reason."""
    everywhere = [s.atoms for s in groups.substructures] + list(
        groups.local_only.values()
    )
    np.testing.assert_array_equal(
        np.sort(np.concatenate(everywhere)), range(groups.n_atoms)
    )


def assert_selections_name_the_atoms(a_model, substructures):
    for substructure in substructures:
        np.testing.assert_array_equal(
            selected(a_model, substructure.selection), substructure.atoms
        )


def water(number, xyz, chain="W"):
    return atom("O", "HOH", chain, number, xyz, record="HETATM")


def two_chains():
    return peptide("A", 6), peptide("B", 6, origin=(0, 20, 0))


def test_a_chain_is_a_substructure_and_waters_are_local_only():
    a, b = two_chains()
    # The water bears chain A's name and sits on it: it stays local all the same.
    m = model(a, b, [water(900, (3, 3, 0), chain="A")])
    groups = group_atoms(m, [])
    assert [s.label for s in groups.substructures] == ["A", "B"]
    assert by_label(groups)["A"] == set(range(24))
    np.testing.assert_array_equal(groups.local_only[WATER], [48])
    np.testing.assert_array_equal(groups.assigned, range(48))
    assert_each_atom_once(groups)
    assert_selections_name_the_atoms(m, groups.substructures)


def test_conformers_hydrogens_and_empty_occupancy_go_with_their_residue():
    a = peptide("A", 4)
    a += [
        atom("CB", "ALA", "A", 5, (15.6, 2.3, 0.0), altloc="A", occupancy=0.5),
        atom("CB", "ALA", "A", 5, (15.6, 2.3, 0.8), altloc="B", occupancy=0.5),
        atom("CA", "ALA", "A", 5, (15.6, 0.8, 0.0)),
        atom("HA", "ALA", "A", 5, (15.6, 0.2, 0.9), element="H"),
        atom("N", "ALA", "A", 5, (14.4, 0.0, 0.0), occupancy=0.0),
    ]
    groups = group_atoms(model(a), [])
    np.testing.assert_array_equal(groups.substructures[0].atoms, range(21))
    assert groups.local_only == {}
    assert len(set(groups.blocks[16:].tolist())) == 1
    assert groups.blocks[15] != groups.blocks[16]


def test_a_ligand_belongs_to_the_chain_that_it_touches_not_to_its_name():
    a, b = two_chains()
    m = model(a, b, ligand("LIG", "A", 300, (5, 22.5, 0)))
    groups = group_atoms(m, [])
    assert {48, 49, 50} <= by_label(groups)["B"]
    assert not {48, 49, 50} & by_label(groups)["A"]
    assert_each_atom_once(groups)
    assert_selections_name_the_atoms(m, groups.substructures)


def test_more_contacts_win_between_two_chains():
    a, b = (
        peptide("A", 6),
        peptide("B", 1, origin=(0, 6, 0)) + peptide("B", 5, origin=(30, 6, 0), first=2),
    )
    groups = group_atoms(model(a, b, ligand("LIG", "B", 300, (9, 3.5, 0))), [])
    assert {48, 49, 50} <= by_label(groups)["A"]


def test_ions_join_and_what_touches_nothing_says_so():
    a, b = two_chains()
    near = [atom("ZN", "ZN", "B", 301, (3, 2.2, 0), record="HETATM", element="ZN")]
    far = [atom("ZN", "ZN", "B", 302, (90, 90, 90), record="HETATM", element="ZN")]
    groups = group_atoms(model(a, b, near, far), [])
    assert 48 in by_label(groups)["A"]
    np.testing.assert_array_equal(groups.local_only[TOUCHES_NONE], [49])
    assert_each_atom_once(groups)


def test_a_glycan_goes_whole_to_the_chain_that_it_is_bonded_to():
    """Its branch makes more contacts with B, but its first sugar is bonded to A."""
    a, b = peptide("A", 6), peptide("B", 6, origin=(0, 12.5, 0))
    # From the CA of A's second residue, bond after bond, then along B.
    stem = [(4.8, 2.2 + 1.4 * i, 0.0) for i in range(5)]
    branch = [(4.8 + 1.4 * (i + 1), 7.8, 0.0) for i in range(7)]
    sugars = [
        atom(f"C{i % 4}", "NAG", "A", 500 + i // 4, xyz, record="HETATM")
        for i, xyz in enumerate(stem + branch)
    ]
    m = model(a, b, sugars)
    groups = group_atoms(m, [])
    assert set(range(48, 60)) <= by_label(groups)["A"]
    np.testing.assert_array_equal(np.bincount(groups.blocks)[-3:], [4, 4, 4])
    assert_selections_name_the_atoms(m, groups.substructures)
    # Without the first sugar the contacts decide, and they are with B.
    groups = group_atoms(model(a, b, sugars[4:]), [])
    assert set(range(48, 56)) <= by_label(groups)["B"]


def test_a_ligand_behind_a_ligand_joins_through_it():
    a, b = two_chains()
    # Each 3.5 Å beyond the last: no bonds, and only the first touches a chain.
    chain_of = [ligand("LIG", "X", 1 + i, (3, 4.0 + 4.8 * i, 0)) for i in range(2)]
    groups = group_atoms(model(a, peptide("B", 6, origin=(0, 60, 0)), *chain_of), [])
    assert set(range(48, 54)) <= by_label(groups)["A"]
    assert groups.local_only == {}


def test_hydrogens_do_not_make_contacts():
    a, b = two_chains()
    far = ligand("LIG", "X", 1, (3, 7.0, 0))
    hydrogen = [atom("H1", "LIG", "X", 1, (3, 3.0, 0), record="HETATM", element="H")]
    with_hydrogen = group_atoms(model(a, b, far + hydrogen), [])
    np.testing.assert_array_equal(with_hydrogen.local_only[TOUCHES_NONE], range(48, 52))


def test_different_conformers_do_not_touch():
    a = peptide("A", 5)
    side = [atom("CB", "GLY", "A", 5, (15.6, 12.0, 0), altloc="A", occupancy=0.5)]
    partner = ligand("LIG", "X", 1, (15.6, 14.0, 0), altloc="B", occupancy=0.5)
    groups = group_atoms(model(a + side, partner), [])
    np.testing.assert_array_equal(groups.local_only[TOUCHES_NONE], [21, 22, 23])
    same = ligand("LIG", "X", 1, (15.6, 14.0, 0), altloc="A", occupancy=0.5)
    assert group_atoms(model(a + side, same), []).local_only == {}


def test_nucleic_acid_and_modified_residues_are_polymer():
    protein = peptide("A", 3)
    protein += residue("MSE", "A", 4, (10.8, 0, 0), record="HETATM")
    protein += peptide("A", 2, origin=(14.4, 0, 0), first=5)
    m = model(protein, nucleotides("D", 4, origin=(0, 30, 0)))
    groups = group_atoms(m, [])
    assert [len(s.atoms) for s in groups.substructures] == [24, 24]
    assert groups.substructures[0].selection == "(chain A and resid 1 through 6)"


def test_an_unknown_residue_with_a_bonded_backbone_is_polymer():
    """Chain B ends in it: as a ligand it could not extend chain B's segments."""
    chain = peptide("B", 5) + residue("XYZ", "B", 6, (18.0, 0, 0), record="HETATM")
    m = model(chain)
    assert [len(s.atoms) for s in contiguous_segments(m, 2)] == [12, 12]
    lone = model(peptide("B", 5), residue("XYZ", "B", 6, (70, 0, 0), record="HETATM"))
    assert len(group_atoms(lone, []).local_only[TOUCHES_NONE]) == 4


def test_a_free_amino_acid_is_a_ligand():
    a, b = two_chains()
    free = residue("GLU", "A", 400, (5, 23, 0), record="HETATM")
    groups = group_atoms(model(a, b, free), [])
    assert {48, 49, 50, 51} <= by_label(groups)["B"]


def test_a_chain_id_used_again_for_hetatms_is_one_chain():
    a, b = two_chains()
    later = ligand("LIG", "A", 300, (5, 3, 0))
    groups = group_atoms(model(a, b, later), [])
    assert [s.label for s in groups.substructures] == ["A", "B"]


def test_repeated_chain_ids_are_told_apart_by_segid():
    first = peptide("A", 5, segid="S1")
    second = peptide("A", 5, origin=(0, 20, 0), segid="S2")
    m = model(first, second)
    groups = group_atoms(m, [])
    assert by_label(groups) == {"A/S1": set(range(20)), "A/S2": set(range(20, 40))}
    assert_selections_name_the_atoms(m, groups.substructures)


def test_segids_do_not_part_a_chain_whose_numbers_do_not_repeat():
    m = model(peptide("A", 5, segid="S1"), ligand("LIG", "A", 9, (5, 3, 0), segid="S2"))
    assert [s.label for s in group_atoms(m, []).substructures] == ["A"]


def test_repeated_chain_ids_without_segids_are_told_apart_by_ter():
    m = model(
        peptide("A", 5), peptide("B", 4, origin=(0, 40, 0)), peptide("A", 5, (0, 20, 0))
    )
    groups = group_atoms(m, [])
    assert [(s.label, len(s.atoms)) for s in groups.substructures] == [
        ("A#1", 20),
        ("A#2", 20),
        ("B", 16),
    ]


def test_a_short_piece_joins_the_chain_that_it_touches():
    a, b = two_chains()
    groups = group_atoms(model(a, b, peptide("C", 2, origin=(4, 23, 0))), [])
    assert set(range(48, 56)) <= by_label(groups)["B"]
    assert len(groups.substructures) == 2


def test_ca_traces_are_chains():
    trace = [atom("CA", "GLY", "A", i, (3.6 * i, 1.0 * (i % 2), 0)) for i in range(8)]
    trace += [
        atom("CA", "MSE", "A", 8, (28.8, 0, 0), record="HETATM"),
        atom("CA", "GLY", "A", 9, (32.4, 1, 0)),
    ]
    groups = group_atoms(model(trace), [])
    np.testing.assert_array_equal(groups.assigned, range(10))
    assert len(set(groups.blocks.tolist())) == 10


def test_a_model_without_polymer_is_one_substructure():
    m = model(ligand("LIG", "X", 1, (0, 0, 0)), [water(2, (5, 5, 5))])
    groups = group_atoms(m, [])
    assert [len(s.atoms) for s in groups.substructures] == [3]
    assert_selections_name_the_atoms(m, groups.substructures)
    with pytest.raises(InputError, match="no polymer chain .* three non-collinear"):
        group_atoms(model([water(i, (i, 0, 0)) for i in range(5)]), [])


def test_users_selections_with_their_ligands():
    a, b = two_chains()
    m = model(a, b, ligand("LIG", "X", 1, (3, 3, 0)), [water(2, (8, 3, 0), "A")])
    groups = group_atoms(m, ["chain A and resseq 1:3", "chain A and resseq 4:6"])
    assert set(range(12)) | {48, 49, 50} == by_label(groups)["1"]
    np.testing.assert_array_equal(groups.local_only[NOT_SELECTED], range(24, 48))
    np.testing.assert_array_equal(groups.local_only[WATER], [51])
    assert_each_atom_once(groups)


def test_a_selected_ligand_stays_where_the_user_put_it():
    a, b = two_chains()
    m = model(a, b, ligand("LIG", "X", 1, (3, 3, 0)))
    groups = group_atoms(m, ["chain A", "chain B or chain X"])
    assert {48, 49, 50} <= by_label(groups)["2"]


@pytest.mark.parametrize(
    "selections, message",
    [
        (["chain A", "chain Q"], 'hnm.substructure="chain Q" selects no atom'),
        (["chain A", "resseq 6"], 'resseq 6" overlaps .*chain A" in 4 atoms'),
        (["chain A and resseq 1 and name CA"], "holds 1 atoms: .* three"),
        (["chain A and name CA"], "not on one line"),
        (["chain A and and"], "is not an atom selection"),
        (["resname HOH"], "no atom besides waters"),
    ],
)
def test_unusable_selections_are_named(selections, message):
    m = model(*two_chains(), [water(1, (50, 50, 50))])
    with pytest.raises(InputError, match=message) as caught:
        group_atoms(m, selections)
    assert "hnm.substructure" in str(caught.value)


def test_as_dict_is_json_and_counts_every_atom():
    a, b = two_chains()
    m = model(a, b, [water(900, (3, 3, 0))], ligand("LIG", "X", 1, (90, 90, 90)))
    report = json.loads(json.dumps(group_atoms(m, []).as_dict()))
    assert report["local_only"] == {WATER: 1, TOUCHES_NONE: 3}
    assert report["assigned"] == 48
    assert [s["n_atoms"] for s in report["substructures"]] == [24, 24]
    assert report["n_atoms"] == report["assigned"] + sum(report["local_only"].values())


def test_segments_are_contiguous_equal_and_carry_their_ligands():
    a = peptide("A", 11)
    m = model(a, ligand("LIG", "X", 1, (36.5, 2.5, 0)), [water(1, (3, 3, 0))])
    segments = contiguous_segments(m, 3)
    assert [s.label for s in segments] == ["A.1", "A.2", "A.3"]
    sizes = [len(s.atoms) for s in segments]
    assert sizes == [16, 16, 12 + 3]
    assert_selections_name_the_atoms(m, segments)
    assert len(contiguous_segments(m, 1)) == 1


def test_a_short_chain_is_cut_into_fewer_segments():
    assert len(contiguous_segments(model(peptide("A", 7)), 6)) == 2


def test_header_selections_without_atoms_are_left_out(tmp_path):
    header = []
    for i, chain in enumerate("AQ"):
        header += [
            f"REMARK   3   TLS GROUP : {i + 1}",
            f"REMARK   3    SELECTION: CHAIN {chain}",
            "REMARK   3    ORIGIN FOR THE GROUP (A):   1.0000   1.0000   1.0000",
            "REMARK   3    T TENSOR",
            "REMARK   3      T11:   0.1000 T22:   0.1000",
            "REMARK   3      T33:   0.1000 T12:   0.0000",
            "REMARK   3      T13:   0.0000 T23:   0.0000",
            "REMARK   3    L TENSOR",
            "REMARK   3      L11:   1.0000 L22:   1.0000",
            "REMARK   3      L33:   1.0000 L12:   0.0000",
            "REMARK   3      L13:   0.0000 L23:   0.0000",
            "REMARK   3    S TENSOR",
            "REMARK   3      S11:   0.0000 S12:   0.0000 S13:   0.0000",
            "REMARK   3      S21:   0.0000 S22:   0.0000 S23:   0.0000",
            "REMARK   3      S31:   0.0000 S32:   0.0000 S33:   0.0000",
        ]
    refinement = [
        "REMARK   3 REFINEMENT.",
        "REMARK   3   PROGRAM     : REFMAC",
        "REMARK   3",
    ]
    file_name = tmp_path / "tls.pdb"
    file_name.write_text("\n".join(refinement + header) + "\n" + text(peptide("A", 5)))
    m, _ = read_model(str(file_name))
    assert [s.upper() for s in header_tls_selections(m, str(file_name))] == ["CHAIN A"]


@pytest.mark.parametrize("entry_id", entry_ids() or ["4drw"])
def test_real_entries(entry_id):
    entry = require_entry(entry_id)
    m, _ = read_model(entry.model)
    groups = group_atoms(m, [])
    assert_each_atom_once(groups)
    assert len(groups.substructures) == entry.facts["chains"]
    assert set(groups.local_only) <= {WATER, TOUCHES_NONE}
    assert_selections_name_the_atoms(m, groups.substructures)
    segments = contiguous_segments(m, 6)
    assert_selections_name_the_atoms(m, segments)
    np.testing.assert_array_equal(
        np.sort(np.concatenate([s.atoms for s in segments])), groups.assigned
    )
    assert len(header_tls_selections(m, entry.model)) == entry.facts["n_tls"]
