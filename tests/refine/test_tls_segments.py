"""Chains of a model cut by their B, alone and in a refinement."""

import hnmref  # noqa: F401  (cctbx's extensions load first)

import numpy as np
import pytest
from known_bodies import STARTS, write_bodies
from pdb_text import atom, ligand, peptide
from small_run import refine_params, small_inputs, small_refinement

from hnmref.errors import InputError
from hnmref.refine.arrays import to_numpy
from hnmref.refine.displacements import total_u_cart
from hnmref.refine.model import read_model
from hnmref.refine.tls_baseline import tls_groups
from hnmref.refine.tls_segments import best_segments, find_segments, segment_groups


def read(path, **how):
    model, _ = read_model(write_bodies(path, **how))
    return model, total_u_cart(model.get_xray_structure())


def first_residues(model, groups):
    """Residue number of each group's first atom."""
    numbers = [
        atom.resseq_as_int() for atom in model.get_hierarchy().atoms_with_labels()
    ]
    return [numbers[group.atoms[0]] for group in groups]


@pytest.mark.parametrize("n_per_chain", [3, None])
def test_bodies_are_found(tmp_path, n_per_chain):
    """Also when it is not said how many, and with absent atoms of absurd B."""
    model, u = read(tmp_path / "m.pdb")
    groups = best_segments(model, u, n_per_chain)
    assert first_residues(model, groups) == list(STARTS)
    assert [group.label for group in groups] == ["A.1", "A.2", "A.3"]
    atoms = np.concatenate([group.atoms for group in groups])
    assert np.array_equal(atoms, np.arange(model.size()))
    for group in groups:
        chosen = to_numpy(model.selection(group.selection))
        assert np.array_equal(np.flatnonzero(chosen), group.atoms)


def test_anisotropic_displacements(tmp_path):
    model, u = read(tmp_path / "m.pdb", anisou=True)
    table, (chain,) = find_segments(model, u, anisotropic=True, max_segments=5)
    assert chain.number.suggested == 3
    starts = [table.residues[i].resid for i in chain.partition(3).starts]
    assert starts == [str(first) for first in STARTS]


def test_ligands_join_the_segment_that_they_touch_and_waters_none(tmp_path):
    """Whatever their B."""
    model, _ = read(tmp_path / "bare.pdb")
    sites = np.array(model.get_sites_cart())
    near = {"LIG": 54, "ZN": 10}
    rows = [x.resseq_as_int() for x in model.get_hierarchy().atoms_with_labels()]
    tail = ["TER"]
    for number, (name, residue) in enumerate(near.items(), start=1):
        place = outside(sites, sites[rows.index(residue)])
        tail += ligand(name, "X", number, place, b=200.0)
    place = outside(sites, sites[rows.index(30)])
    tail.append(atom("O", "HOH", "W", 900, place, record="HETATM"))
    model, u = read(tmp_path / "m.pdb", tail="\n".join(tail))
    groups = best_segments(model, u, 3)
    assert first_residues(model, groups) == list(STARTS)
    owner = np.full(model.size(), -1)
    for i, group in enumerate(groups):
        owner[group.atoms] = i
    labels = list(model.get_hierarchy().atoms_with_labels())
    expected = {"LIG": 2, "ZN": 0, "HOH": -1}
    for name, group in expected.items():
        found = [o for o, x in zip(owner, labels) if x.resname.strip() == name]
        assert found and set(found) == {group}, name


def outside(sites, site):
    """A place 3.2 Å off an atom and as far as can be from the others."""
    turns = np.random.default_rng(1).normal(size=(500, 3))
    turns /= np.linalg.norm(turns, axis=1)[:, None]
    places = site + 3.2 * turns
    away = np.linalg.norm(places[:, None] - sites[None], axis=2)
    return places[np.argmax(np.sort(away, axis=1)[:, 1])]


def test_no_more_segments_than_there_can_be(tmp_path):
    model, u = read(tmp_path / "m.pdb")
    groups = best_segments(model, u, 50)
    assert len(groups) == 20
    table, (chain,) = find_segments(model, u, min_residues=15)
    assert len(chain.partitions) == 4
    assert len(segment_groups(table, chain, 9)) == 4


def test_one_b_says_nothing(tmp_path):
    model, u = read(tmp_path / "m.pdb")
    flat = np.tile([0.3, 0.3, 0.3, 0, 0, 0], (len(u), 1))
    with pytest.raises(InputError, match="the same B, which says nothing.*equal"):
        best_segments(model, flat, 3)


def test_a_chain_of_one_b_or_of_absent_atoms_stays_whole(tmp_path):
    """Beside one that is cut."""
    tail = ["TER", *peptide("B", 12, (0, 50, 0)), "TER"]
    tail += peptide("C", 12, (0, -50, 0), occupancy=0.0)
    model, u = read(tmp_path / "m.pdb", tail="\n".join(tail))
    labels = [group.label for group in best_segments(model, u, 3)]
    assert labels == ["A.1", "A.2", "A.3", "B.1", "C.1"]


TLSMD = ("group_adp=tls", "tls.partition=tlsmd")


@pytest.fixture
def truth(files):
    """The small example with the B of its truth in the place of a flat one."""
    return {**files, "model": files["truth"]}


def test_a_refinement_takes_the_segments_of_the_files_b(truth):
    """Whatever B it starts from; given selections come first."""
    params = refine_params(*TLSMD, "tls.groups_per_chain=2")
    inputs = small_inputs(truth, params)
    expected = best_segments(inputs.model, inputs.file_u, 2)
    assert len(expected) == 2
    flat = refine_params(*TLSMD, "tls.groups_per_chain=2", "start.b_iso=20")
    inputs = small_inputs(truth, flat)
    b = to_numpy(inputs.model.get_b_iso())
    assert np.ptp(b) < 1e-9 < 1 < np.ptp(inputs.file_u)
    groups = tls_groups(inputs, flat.tls)
    assert [g.selection for g in groups] == [g.selection for g in expected]
    equal = refine_params("group_adp=tls", "tls.groups_per_chain=2")
    assert [g.selection for g in tls_groups(inputs, equal.tls)] != [
        g.selection for g in expected
    ]
    given = refine_params(*TLSMD, "tls.selection='resseq 4:30'")
    assert [g.selection for g in tls_groups(inputs, given.tls)] == ["resseq 4:30"]


def test_without_a_number_as_many_as_b_speaks_for(truth):
    params = refine_params(*TLSMD)
    inputs = small_inputs(truth, params)
    _, (chain,) = find_segments(inputs.model, inputs.file_u)
    assert len(tls_groups(inputs, params.tls)) == chain.number.suggested


def test_a_refinement_begins_with_them(truth):
    refinement = small_refinement(
        truth, *TLSMD, "tls.groups_per_chain=2", "start.b_iso=20"
    )
    expected = best_segments(refinement.model, refinement.inputs.file_u, 2)
    begun = [group["selection"] for group in refinement.group_adp.groups()]
    assert begun == [group.selection for group in expected]
    assert refinement.group_adp.state()["tls"].shape == (2, 24)
