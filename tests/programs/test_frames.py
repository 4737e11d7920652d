"""Frames of ensembles and trajectories, and labels of their atoms."""

import builtins
import sys

import iotbx.pdb
import numpy as np
import pytest
from frame_files import atoms_of, file_sites, write_trajectory
from mode_models import pdb_text

from hnmref.errors import InputError
from hnmref.modes.alignment import match_atoms
from hnmref.modes.principal import principal_components
from hnmref.programs import frames as frames_module
from hnmref.programs.frames import (
    atom_labels,
    count_frames,
    read_frames,
    trajectory_chunks,
)
from hnmref.programs.nodes import network_nodes

#: Residues and atoms of the model, without water and the second conformer.
N_RESIDUES, N_ATOMS = 20, 100


@pytest.fixture
def chemfiles():
    return pytest.importorskip("chemfiles")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.pdb").write_text(pdb_text())
    return tmp_path


def shifted(line, shift):
    """An atom's line with its coordinates moved by this much along x, y and z."""
    place = [float(line[30 + 8 * i : 38 + 8 * i]) + shift for i in range(3)]
    return line[:30] + "".join(f"{x:8.3f}" for x in place) + line[54:]


def ensemble_text(shifts, without=()):
    """Models moved as a whole; some (model, atom) pairs left out."""
    lines = []
    for number, shift in enumerate(shifts):
        lines.append(f"MODEL     {number + 1:4d}")
        lines += [
            shifted(line, shift)
            for i, line in enumerate(atoms_of(pdb_text()))
            if (number, i) not in without
        ]
        lines.append("ENDMDL")
    return "\n".join([*lines, "END", ""])


@pytest.mark.parametrize("suffix", ["pdb", "cif"])
def test_models_of_an_ensemble(here, suffix):
    path = here / f"ensemble.{suffix}"
    text = ensemble_text([0.0, 1.0, 5.0])
    if suffix == "cif":
        hierarchy = iotbx.pdb.input(source_info=None, lines=text.splitlines())
        text = hierarchy.construct_hierarchy().as_mmcif_string()
    path.write_text(text)
    frames = read_frames(str(path), selection="not water")
    assert frames.coordinates.shape == (3, N_ATOMS, 3)
    one = network_nodes(
        iotbx.pdb.input("model.pdb").construct_hierarchy(), "not water", "all", "m"
    )
    assert frames.nodes.labels() == one.labels()
    for shift, sites in zip([0.0, 1.0, 5.0], frames.coordinates):
        np.testing.assert_allclose(sites, one.coordinates() + shift, atol=1e-9)
    # Only what is told for one model: the second conformer.
    assert (
        len(frames.nodes.notes) == 1 and "alternate conformers" in frames.nodes.notes[0]
    )
    np.testing.assert_allclose(frames.nodes.masses("element")[:4].sum(), 54, atol=0.1)


def test_step_and_nodes(here):
    (here / "e.pdb").write_text(ensemble_text([0.0, 1.0, 2.0, 3.0, 4.0]))
    frames = read_frames("e.pdb", selection="resseq 3:7", kind="ca", step=2)
    assert frames.coordinates.shape == (3, 5, 3)
    moved = frames.coordinates - frames.coordinates[0]
    np.testing.assert_allclose(moved[:, 0, 0], [0, 2, 4])


def test_atoms_that_are_not_in_all_models(here):
    """Left out of all, told, and masses and names stay with theirs."""
    absent = {(1, 2), (2, 7)}
    (here / "e.pdb").write_text(ensemble_text([0.0, 1.0, 2.0], absent))
    frames = read_frames("e.pdb", selection="not water and not altloc A")
    assert frames.coordinates.shape == (3, N_ATOMS - 2, 3)
    assert any("2 atoms are left out" in note for note in frames.nodes.notes)
    names = [line[12:16].strip() for line in atoms_of(pdb_text())]
    left_out = [names[2], names[7]]
    labels = atom_labels(frames.nodes.atoms)
    count = {name: int((labels.name == name).sum()) for name in set(names)}
    assert count == {name: N_RESIDUES - left_out.count(name) for name in set(names)}
    moved = frames.coordinates - frames.coordinates[0]
    np.testing.assert_allclose(moved[2], 2.0)
    assert len(frames.nodes.residue_masses) == N_ATOMS - 2


def test_frames_give_principal_components(here):
    """One atom that swings along x: half of the variance in exact terms."""
    lines = atoms_of(pdb_text())
    swing = [-0.2, 0.0, 0.2]
    models = []
    for number, x in enumerate(swing):
        moved = lines[0][:30] + f"{float(lines[0][30:38]) + x:8.3f}" + lines[0][38:]
        models += [f"MODEL     {number + 1:4d}", moved, *lines[1:], "ENDMDL"]
    (here / "e.pdb").write_text("\n".join([*models, "END", ""]))
    frames = read_frames("e.pdb", selection="not water")
    found = principal_components(frames.coordinates, n_components=1)
    moving = np.abs(found.vectors[:, :, 0]).max(axis=1).argmax()
    assert frames.nodes.labels()[moving] == "A ALA 1 N"
    # The whole body follows a little: 100 atoms, one of which moves.
    np.testing.assert_allclose(found.variances[0], np.var(swing), rtol=0.1)
    assert found.cumulative_share[0] > 0.999


@pytest.mark.parametrize("suffix", ["xtc", "trr", "dcd", "nc"])
def test_trajectories_of_all_formats(here, chemfiles, suffix):
    """Atoms in the file's order, though iotbx sorts those of a residue."""
    text = pdb_text()
    sites = file_sites(text)
    rng = np.random.default_rng(3)
    moves = rng.normal(0, 1, (7, *sites.shape))
    write_trajectory(chemfiles, here / f"run.{suffix}", sites + moves)
    frames = read_frames(
        "model.pdb", [f"run.{suffix}"], selection="not water and not altloc A"
    )
    assert frames.coordinates.shape == (7, N_ATOMS, 3)
    names = [(line[12:16].strip(), line[22:26].strip()) for line in atoms_of(text)]
    labels = atom_labels(frames.nodes.atoms)
    conformers = [line[16] for line in atoms_of(text)]
    for name, resid, track in zip(
        labels.name, labels.resid, frames.coordinates.transpose(1, 0, 2)
    ):
        places = [
            i
            for i, key in enumerate(names)
            if key == (name, resid) and conformers[i] != "A"
        ]
        np.testing.assert_allclose(track, (sites + moves)[:, places[0]], atol=0.006)


def test_order_of_an_mmcif_model(here, chemfiles):
    """Its atom numbers tell, whatever the order in a residue."""
    text = pdb_text()
    sites = file_sites(text)
    lines = ["data_m", "loop_"]
    lines += [
        f"_atom_site.{item}"
        for item in (
            "group_PDB id type_symbol label_atom_id label_alt_id label_comp_id "
            "auth_asym_id auth_seq_id pdbx_PDB_ins_code Cartn_x Cartn_y Cartn_z "
            "occupancy B_iso_or_equiv pdbx_formal_charge label_asym_id "
            "label_entity_id label_seq_id pdbx_PDB_model_num"
        ).split()
    ]
    for i, line in enumerate(atoms_of(text)):
        words = [line[:6].strip(), str(i + 1), line[76:78].strip(), line[12:16].strip()]
        words += [line[16].strip() or ".", line[17:20], line[21], line[22:26].strip()]
        words += ["?", *(line[j : j + 8] for j in (30, 38, 46))]
        words += [line[54:60], line[60:66], "?", "A", "1", "1", "1"]
        lines.append(" ".join(word.strip() for word in words))
    (here / "model.cif").write_text("\n".join([*lines, ""]))
    write_trajectory(chemfiles, here / "run.dcd", [sites, sites + 1])
    by_cif = read_frames("model.cif", ["run.dcd"], selection="not water")
    by_pdb = read_frames("model.pdb", ["run.dcd"], selection="not water")
    assert by_cif.nodes.labels() == by_pdb.nodes.labels()
    np.testing.assert_array_equal(by_cif.coordinates, by_pdb.coordinates)


def test_several_trajectories_by_steps(here, chemfiles):
    sites = file_sites(pdb_text())
    write_trajectory(chemfiles, here / "a.dcd", [sites + i for i in range(5)])
    write_trajectory(chemfiles, here / "b.dcd", [sites + 10 + i for i in range(4)])
    assert count_frames("a.dcd") == 5
    frames = read_frames("model.pdb", ["a.dcd", "b.dcd"], selection="name CA", step=2)
    moved = frames.coordinates[:, 0, 0] - frames.coordinates[0, 0, 0]
    np.testing.assert_allclose(moved, [0, 2, 4, 10, 12], atol=1e-5)


def test_chunks(here, chemfiles):
    sites = np.arange(15.0).reshape(5, 3)
    write_trajectory(chemfiles, here / "a.dcd", [sites + i for i in range(7)])
    chunks = list(trajectory_chunks("a.dcd", 5, np.array([4, 1]), chunk=3))
    assert [chunk.shape for chunk in chunks] == [(3, 2, 3), (3, 2, 3), (1, 2, 3)]
    expected = [sites[[4, 1]] + i for i in range(7)]
    np.testing.assert_allclose(np.concatenate(chunks), expected, atol=1e-5)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (dict(model_file="none.pdb"), "none.pdb does not exist"),
        (dict(model_file="junk.pdb"), "junk.pdb (cannot be read|has no atoms)"),
        (dict(model_file="model.pdb"), "model.pdb has 1 models, of which 1 would"),
        (dict(model_file="e.pdb", step=2), "has 2 models, of which 1 would"),
        (dict(model_file="e.pdb", step=0), "step must be 1 or more"),
        (dict(model_file="e.pdb", selection="chain Q"), "'chain Q' has no atom"),
        (dict(model_file="apart.pdb", selection="resseq 1"), "in all of its 2 models"),
    ],
)
def test_bad_models_are_one_sentence(here, arguments, words):
    (here / "e.pdb").write_text(ensemble_text([0.0, 1.0]))
    (here / "junk.pdb").write_text("nothing of use\n")
    apart = ensemble_text([0.0, 1.0], {(1, i) for i in range(5)})
    (here / "apart.pdb").write_text(apart)
    with pytest.raises(InputError, match=words) as caught:
        read_frames(**arguments)
    assert "\n" not in str(caught.value)


def test_bad_trajectories_are_one_sentence(here, chemfiles, recwarn):
    sites = file_sites(pdb_text())
    write_trajectory(chemfiles, here / "short.dcd", [sites[:-1]])
    (here / "junk.xtc").write_bytes(b"no trajectory" * 20)
    (here / "run.mdcrd").write_text("no suffix of chemfiles\n")
    for name, words in (
        ("short.dcd", f"has {len(sites) - 1} atoms and model.pdb has {len(sites)}"),
        ("none.xtc", "no trajectory none.xtc"),
        ("junk.xtc", "junk.xtc cannot be read"),
        ("run.mdcrd", "run.mdcrd cannot be read"),
    ):
        with pytest.raises(InputError, match=words) as caught:
            read_frames("model.pdb", [name])
        assert "\n" not in str(caught.value)
    assert not recwarn.list


def test_absent_reader_is_told(here, monkeypatch):
    real = builtins.__import__

    def absent(name, *args, **kwargs):
        if name == "chemfiles":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "chemfiles", raising=False)
    monkeypatch.setattr(builtins, "__import__", absent)
    (here / "run.xtc").write_bytes(b"")
    with pytest.raises(InputError, match="pip install chemfiles"):
        read_frames("model.pdb", ["run.xtc"])


def test_too_many_frames_are_told_before_they_are_read(here, monkeypatch):
    (here / "e.pdb").write_text(ensemble_text([0.0, 1.0]))
    monkeypatch.setattr(frames_module, "available_memory", lambda: 1000.0)
    with pytest.raises(InputError, match="2 frames of 101 atoms of e.pdb .* GiB"):
        read_frames("e.pdb")


def labels_of(path, selection="all"):
    hierarchy = iotbx.pdb.input(str(path)).construct_hierarchy()
    return atom_labels(network_nodes(hierarchy, selection, "all", str(path)).atoms)


def test_segments_tell_chains_of_one_name_apart(here):
    first, second = pdb_text(n_residues=3), pdb_text(n_residues=3, shift=50.0)
    lines = [line[:72] + "SEGA" + line[76:] for line in atoms_of(first)]
    lines += ["TER"]
    lines += [line[:72] + "SEGB" + line[76:] for line in atoms_of(second)]
    (here / "two.pdb").write_text("\n".join([*lines, "END", ""]))
    labels = labels_of("two.pdb")
    assert set(labels.chain) == {"SEGA A", "SEGB A"}
    one = here / "one.pdb"
    one.write_text("\n".join([*lines[: lines.index("TER")], "END", ""]))
    assert set(labels_of(one).chain) == {"A"}


def bundled(name):
    """A structure that comes with cctbx."""
    root = iotbx.pdb.__file__.rsplit("iotbx", 1)[0]
    path = f"{root}{name}"
    try:
        open(path, encoding="ascii").close()
    except OSError:
        pytest.skip(f"{name} is not in this cctbx")
    return path


def test_a_fragment_and_its_chain():
    """Ten residues of the chain of 47, by numbering; then renumbered, by sequence."""
    whole = labels_of(bundled("iotbx/regression/secondary_structure/5a63_chainBp.pdb"))
    part = labels_of(bundled("iotbx/regression/data/non_zero_origin_model.pdb"))
    by_number = match_atoms(part, whole)
    np.testing.assert_array_equal(by_number.index_a, np.arange(len(part)))
    np.testing.assert_array_equal(part.name, whole.name[by_number.index_b])
    np.testing.assert_array_equal(part.resid, whole.resid[by_number.index_b])
    assert not by_number.unmatched_a
    assert len({item.where for item in by_number.unmatched_b}) == 37
    part.resid = (part.resid.astype(int) - 218).astype(str)
    part.chain[:] = "X"
    by_sequence = match_atoms(part, whole)
    assert "by sequence: 10 of 10" in by_sequence.notes[0]
    np.testing.assert_array_equal(by_sequence.index_b, by_number.index_b)


def test_with_and_without_hydrogens():
    heavy = labels_of(bundled("iotbx/regression/data/1yjp.pdb"))
    full = labels_of(bundled("mmtbx/regression/pdbs/1yjp_h.pdb"))
    match = match_atoms(heavy, full)
    assert len(match.index_a) == 59
    lost = np.concatenate([item.atoms for item in match.unmatched_b])
    kinds = {name[0] for name in full.name[lost] if name != "O"}
    assert kinds == {"H"}
