"""Reading models: what is refused, what is repaired, what is kept."""

import numpy as np
import pytest
from cctbx import crystal
from iotbx import pdb as iotbx_pdb
from pdb_text import CELL, atom, model, peptide, text

from hnmref.errors import InputError
from hnmref.refine import arrays
from hnmref.refine.model import (
    SMALLEST_U,
    adopt_symmetry,
    check_symmetry,
    floor_eigenvalues,
    header_tls,
    name_atoms,
    read_model,
)
from tests.shared_pdb import entry_ids, require_entry


@pytest.fixture
def write(tmp_path):
    def write_file(content: str, name: str = "model.pdb") -> str:
        path = tmp_path / name
        path.write_text(content)
        return str(path)

    return write_file


def anisou(atom_line: str, u: list[int]) -> str:
    """The ANISOU line that belongs to an atom line; u in 1e-4 Å²."""
    return (
        "ANISOU"
        + atom_line[6:28]
        + "".join(f"{x:7d}" for x in u)
        + " " * 6
        + atom_line[76:]
    )


ONE = [atom("CA", "GLY", "A", 7, (1, 2, 3))]


def test_a_good_model_is_read_without_notes(write):
    m, notes = read_model(write(text(peptide("A", 4))))
    assert notes == []
    assert m.size() == 16
    registry = m.get_xray_structure().scattering_type_registry()
    assert sorted(registry.type_index_pairs_as_dict()) == ["C", "N", "O"]
    assert m.restraints_manager is None


def test_mmcif_and_pdb_give_the_same_structure(write):
    pdb_file = write(text(peptide("A", 4)))
    m, _ = read_model(pdb_file)
    cif, _ = read_model(write(m.model_as_mmcif(), "model.cif"))
    np.testing.assert_allclose(
        arrays.vec3_to_numpy(cif.get_sites_cart()),
        arrays.vec3_to_numpy(m.get_sites_cart()),
        atol=1e-3,
    )
    assert cif.crystal_symmetry().is_similar_symmetry(m.crystal_symmetry())


NO_CELL = text(ONE, cell="REMARK   1 no cell")
DUMMY_CELL = text(
    ONE, cell="CRYST1    1.000    1.000    1.000  90.00  90.00  90.00 P 1           1"
)
WRONG_CELL = text(
    ONE, cell="CRYST1   30.000   40.000   50.000  90.00  90.00  90.00 P 4           1"
)
MODELS = (
    f"{CELL}\nMODEL        1\n{ONE[0]}\nENDMDL\nMODEL        2\n{ONE[0]}\nENDMDL\nEND\n"
)
BAD_ELEMENT = text([atom("CA", "GLY", "A", 7, (1, 2, 3), element="QQ")])
NO_NUMBER = text(ONE).replace("   1.000", "     nan")


@pytest.mark.parametrize(
    "content, message",
    [
        (NO_CELL, "no usable unit cell.*CRYST1"),
        (DUMMY_CELL, "no usable unit cell.*CRYST1"),
        (WRONG_CELL, "incompatible with unit cell"),
        (MODELS, "holds 2 models.*a file of its own"),
        (CELL + "\nEND\n", "holds no atoms"),
        ("these are not\natoms\n", "cannot be read as a PDB or mmCIF"),
        (BAD_ELEMENT, "scattering factors for atom CA GLY A 7 .*element"),
        (NO_NUMBER, "cannot be read.*GLY A 7.*not a floating-point number"),
        (
            text([atom("CA", "GLY", "A", 7, (1, 2, 3), occupancy=-0.5)]),
            "negative occupancy.*A GLY 7 CA",
        ),
    ],
)
def test_unusable_models(write, content, message):
    file_name = write(content)
    with pytest.raises(InputError, match=message) as caught:
        read_model(file_name)
    assert file_name in str(caught.value)


@pytest.mark.parametrize(
    "column, what",
    [
        ("Cartn_x", "no finite coordinates"),
        ("B_iso_or_equiv", "no finite B"),
        ("occupancy", "no finite occupancy"),
    ],
)
def test_nan_in_mmcif_names_the_atom(write, column, what):
    good = model(peptide("A", 4)).model_as_mmcif()
    block = iotbx_pdb.mmcif.iotbx.cif.reader(input_string=good).model()
    loop = next(iter(block.values())).get_loop("_atom_site")
    loop[f"_atom_site.{column}"][5] = "nan"
    with pytest.raises(InputError, match=f"1 atoms .* {what} .*A GLY 2 CA"):
        read_model(write(str(block), "model.cif"))


def test_missing_files(tmp_path, write):
    with pytest.raises(InputError, match="absent.pdb does not exist"):
        read_model(str(tmp_path / "absent.pdb"))
    with pytest.raises(InputError, match="absent.cif does not exist"):
        read_model(write(text(ONE)), restraint_files=[str(tmp_path / "absent.cif")])
    bad = write("loop_ _a 'open", "bad.cif")
    with pytest.raises(InputError, match="bad.cif is not a CIF file"):
        read_model(write(text(ONE)), restraint_files=[bad])


def test_restraint_files_are_kept(write):
    name = write("data_comp_list\n_chem_comp.id LIG\n", "lig.cif")
    m, _ = read_model(write(text(ONE)), restraint_files=[name])
    assert [restraints[0] for restraints in m.get_restraint_objects()] == [name]


def test_elements_without_neutron_data_are_named(write):
    lines = [atom("CM", "CM", "A", 1, (1, 2, 3), element="CM", record="HETATM")]
    with pytest.raises(InputError, match="No neutron scattering factors.*A CM 1 CM"):
        read_model(write(text(lines)), scattering_table="neutron")
    assert read_model(write(text(lines)), scattering_table="n_gaussian")


@pytest.mark.parametrize("table", ["it1992", "wk1995", "electron", "neutron"])
def test_the_scattering_table_is_the_one_asked_for(write, table):
    m, _ = read_model(write(text(ONE)), scattering_table=table)
    assert m.get_scattering_table() == table


def test_bad_anisou_is_repaired_and_the_rest_stays(write):
    good, bad = peptide("A", 4)[1], peptide("A", 4)[2]
    lines = [peptide("A", 4)[0], good, anisou(good, [2000, 1500, 1000, 100, 50, 20])]
    lines += [bad, anisou(bad, [2000, 1500, 1000, 1900, 50, 20])]
    m, notes = read_model(write(text(lines)))
    assert notes == [
        "1 ANISOU not positive definite, eigenvalues raised to 0.001 A**2: A GLY 1 C"
    ]
    structure = m.get_xray_structure()
    assert list(structure.use_u_aniso()) == [False, True, True]
    u = arrays.sym_mat3_to_numpy(
        structure.scatterers().extract_u_cart(structure.unit_cell())
    )
    np.testing.assert_allclose(u[1], [0.2, 0.15, 0.1, 0.01, 0.005, 0.002], atol=1e-12)
    assert structure.is_positive_definite_u().all_eq(True)
    hierarchy_u = arrays.sym_mat3_to_numpy(m.get_atoms().extract_uij())
    np.testing.assert_allclose(hierarchy_u[2], u[2], atol=1e-12)


@pytest.mark.parametrize("b", [-5, 0])
def test_b_of_zero_or_less_is_raised(write, b):
    m, notes = read_model(write(text([atom("CA", "GLY", "A", 7, (1, 2, 3), b=b)])))
    assert len(notes) == 1
    assert "1 B of zero or less raised" in notes[0] and "A GLY 7 CA" in notes[0]
    assert m.get_b_iso()[0] == pytest.approx(SMALLEST_U * 8 * np.pi**2)


def test_floor_eigenvalues_against_the_spectrum():
    rng = np.random.default_rng(3)
    frames = np.linalg.qr(rng.normal(size=(50, 3, 3)))[0]
    values = rng.uniform(-0.2, 1.0, (50, 3))
    full = np.einsum("nik,nk,njk->nij", frames, values, frames)
    packed = full[:, [0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]]
    result, bad = floor_eigenvalues(packed)
    np.testing.assert_array_equal(bad, (values <= 0).any(axis=1))
    assert 0 < bad.sum() < 50
    np.testing.assert_array_equal(result[~bad], packed[~bad])
    expected = np.where(values <= 0, SMALLEST_U, values)
    rebuilt = np.einsum("nik,nk,njk->nij", frames, expected, frames)
    np.testing.assert_allclose(
        result, rebuilt[:, [0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]], atol=1e-13
    )


def test_special_positions_keep_their_symmetry(write):
    """On the twofold of P 1 2 1 along y: x = z = 0."""
    cell = "CRYST1   30.000   40.000   50.000  90.00 100.00  90.00 P 1 2 1       2"
    zinc = atom("ZN", "ZN", "B", 1, (0, 7, 0), element="ZN", record="HETATM")
    lines = [*peptide("A", 3, origin=(8, 9, 10)), zinc]
    lines.append(anisou(zinc, [2000, 1500, 1000, 100, 50, 20]))
    m, notes = read_model(write(text(lines, cell=cell)))
    structure = m.get_xray_structure()
    assert list(structure.special_position_indices()) == [12]
    assert structure.scatterers()[12].multiplicity() == 1
    assert any("1 atoms on special positions" in note for note in notes)
    u = structure.scatterers().extract_u_cart(structure.unit_cell())[12]
    # A twofold along y leaves no 12 and 23 components.
    np.testing.assert_allclose([u[3], u[5]], 0, atol=1e-12)
    assert u[4] == pytest.approx(0.005, abs=1e-6)


def symmetry(cell, group):
    return crystal.symmetry(unit_cell=cell, space_group_symbol=group)


ORTHORHOMBIC = (40.0, 50.0, 60.0, 90, 90, 90)


def test_symmetry_that_agrees_within_rounding():
    near = (40.1, 50.1, 60.1, 90, 90, 90)
    assert (
        check_symmetry(symmetry(ORTHORHOMBIC, "P212121"), symmetry(near, "P212121"))
        == []
    )


@pytest.mark.parametrize(
    "cell, group, other_cell, other_group, message",
    [
        (
            ORTHORHOMBIC,
            "P212121",
            (40, 50, 63, 90, 90, 90),
            "P212121",
            "unit cells differ",
        ),
        (ORTHORHOMBIC, "P212121", ORTHORHOMBIC, "P222", "within one point group"),
        (ORTHORHOMBIC, "P212121", ORTHORHOMBIC, "P1", "different point groups"),
        (ORTHORHOMBIC, "P21212", ORTHORHOMBIC, "P22121", "different settings"),
        (
            (50, 50, 60, 90, 90, 120),
            "P31",
            (50, 50, 60, 90, 90, 120),
            "P32",
            "enantiomorphs",
        ),
    ],
)
def test_symmetry_that_differs(cell, group, other_cell, other_group, message):
    ours, theirs = symmetry(cell, group), symmetry(other_cell, other_group)
    with pytest.raises(InputError, match=message) as caught:
        check_symmetry(ours, theirs)
    for value in (cell[2], other_cell[2]):
        assert f"{value:.2f}" in str(caught.value)
    assert "ignore_symmetry_mismatch=True" in str(caught.value)
    notes = check_symmetry(ours, theirs, ignore_mismatch=True)
    assert len(notes) == 1 and message in notes[0]


def test_adopting_the_datas_symmetry_keeps_cartesian_sites_and_adps(write):
    line = atom("CA", "GLY", "A", 1, (11, 12, 13))
    file_name = write(text([line, anisou(line, [2000, 1500, 1000, 100, 50, 20])]))
    m, _ = read_model(file_name, scattering_table="it1992")
    adopt_symmetry(m, symmetry(ORTHORHOMBIC, "P212121"))
    structure = m.get_xray_structure()
    assert (
        m.crystal_symmetry().space_group_info().type().lookup_symbol() == "P 21 21 21"
    )
    np.testing.assert_allclose(structure.sites_cart()[0], (11, 12, 13), atol=1e-9)
    u = structure.scatterers().extract_u_cart(structure.unit_cell())[0]
    np.testing.assert_allclose(u, [0.2, 0.15, 0.1, 0.01, 0.005, 0.002], atol=1e-9)
    assert m.get_scattering_table() == "it1992"


def test_long_lists_of_atoms_are_cut():
    atoms = model(peptide("A", 4)).get_atoms()
    named = name_atoms(atoms, range(16))
    assert named.startswith("A GLY 1 N; A GLY 1 CA") and named.endswith("and 6 more")


def test_buster_ranges_are_understood(write):
    """3oe9 and 3kyi write their groups as ``{ A|28 - A|228 }``."""
    entry = require_entry("3kyi")
    m, _ = read_model(entry.model)
    groups = header_tls(entry.model, m)
    assert groups[0].selection == "(chain B and resseq 1:55)"
    assert [m.selection(g.selection).count(True) > 0 for g in groups] == [True] * 4


def test_tls_of_an_mmcif_header(write):
    keys = [
        f"{x}[{i}][{j}]" for x in "TL" for i, j in ("11", "22", "33", "12", "13", "23")
    ]
    keys += [f"S[{i}][{j}]" for i in "123" for j in "123"]
    keys += ["origin_x", "origin_y", "origin_z"]
    values = np.arange(1, len(keys) + 1) / 100
    block = "\n".join(
        ["_pdbx_refine_tls.id 1"]
        + [f"_pdbx_refine_tls.{key} {value:.2f}" for key, value in zip(keys, values)]
        + ["_pdbx_refine_tls_group.id 1", "_pdbx_refine_tls_group.refine_tls_id 1"]
        + ["_pdbx_refine_tls_group.beg_auth_asym_id A"]
        + ["_pdbx_refine_tls_group.beg_auth_seq_id 1"]
        + ["_pdbx_refine_tls_group.end_auth_asym_id A"]
        + ["_pdbx_refine_tls_group.end_auth_seq_id 3"]
    )
    name = write(
        model(peptide("A", 4)).model_as_mmcif() + "\n" + block + "\n", "tls.cif"
    )
    m, _ = read_model(name)
    (group,) = header_tls(name, m)
    read = [*group.t, *group.l, *group.s, *group.origin]
    np.testing.assert_allclose(read, values)
    assert m.selection(group.selection).count(True) == 12


def test_real_entries_agree_with_the_index():
    for entry_id in entry_ids() or ["4drw"]:
        entry = require_entry(entry_id)
        m, _ = read_model(entry.model)
        structure = m.get_xray_structure()
        assert structure.use_u_aniso().count(True) == entry.facts["n_aniso"], entry_id
        assert structure.is_positive_definite_u().all_eq(True), entry_id


@pytest.mark.parametrize(
    "entry_id, note",
    [
        ("1exr", "1 ANISOU not positive definite"),
        ("2xiu", "3 ANISOU not positive definite"),
        ("4ctd", "1 B of zero or less"),
    ],
)
def test_real_repairs(entry_id, note):
    _, notes = read_model(require_entry(entry_id).model)
    assert len(notes) == 1 and notes[0].startswith(note)
