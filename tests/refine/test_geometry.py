"""Geometry restraints: what they hold, what the model keeps, what is refused."""

import hnmref  # noqa: F401  (cctbx's extensions load first)

import numpy as np
import pytest
from cif_text import loop
from pdb_text import CELL, atom, ligand, peptide, text

from hnmref.errors import InputError, ReferenceDataError
from hnmref.refine import reference_data
from hnmref.refine.arrays import sym_mat3_to_numpy, to_numpy, vec3_to_numpy
from hnmref.refine.geometry import process_restraints, rmsd_from_ideal
from hnmref.refine.model import read_model
from tests.shared_pdb import require_entry

needs_library = pytest.mark.skipif(
    reference_data.find_monomer_library() is None,
    reason="no monomer library: run hnmref.get_reference_data",
)

#: Restraints of the three carbon atoms that pdb_text.ligand writes.
LIGAND_CIF = (
    "data_comp_list\n"
    + loop(
        "chem_comp",
        "id three_letter_code name group number_atoms_all number_atoms_nh desc_level",
        "XX9 XX9 three_carbons non-polymer 3 3 .",
    )
    + "data_comp_XX9\n"
    + loop(
        "chem_comp_atom",
        "comp_id atom_id type_symbol type_energy partial_charge",
        *(f"XX9 {name} C CH3 0" for name in ("C1", "C2", "C3")),
    )
    + loop(
        "chem_comp_bond",
        "comp_id atom_id_1 atom_id_2 type value_dist value_dist_esd",
        "XX9 C1 C2 single 1.53 0.02",
        "XX9 C2 C3 single 1.53 0.02",
    )
)


@pytest.fixture
def read(tmp_path):
    """Write a PDB file and read it as a run does."""

    def read_text(content, restraint_files=()):
        path = tmp_path / "model.pdb"
        path.write_text(content)
        return read_model(str(path), restraint_files=restraint_files)[0]

    return read_text


def bonds(model):
    """Pairs of atom names, as CHAIN/RESID/NAME, that a bond restrains."""
    sites = model.get_sites_cart()
    simple, asu = model.restraints_manager.geometry.get_all_bond_proxies(sites)
    names = []
    for a in model.get_atoms():
        labels = a.fetch_labels()
        names.append("/".join((labels.chain_id, labels.resid().strip(), a.name)))
    return {tuple(names[i].replace(" ", "") for i in p.i_seqs) for p in simple}


def test_no_library_is_one_sentence(read, monkeypatch):
    monkeypatch.setattr(reference_data, "locate_monomer_library", lambda: None)
    with pytest.raises(ReferenceDataError) as error:
        process_restraints(read(text(peptide("A", 3))))
    assert "hnmref.get_reference_data" in str(error.value)
    assert "\n" not in str(error.value)


@needs_library
def test_unknown_residues_are_named(read):
    stray = [atom("QX", "GLY", "A", 3, (7.2, 4.0, 0.0), element="C")]
    model = read(text(peptide("A", 3) + stray, ligand("XX9", "B", 7, (0, 20, 0))))
    with pytest.raises(InputError) as error:
        process_restraints(model)
    message = str(error.value)
    assert "4 atoms" in message
    assert "XX9 B 7 (C1, C2, C3)" in message
    assert "GLY A 3 (QX)" in message
    assert "restraint CIF" in message
    assert model.restraints_manager is None


@needs_library
def test_many_unknown_residues_are_counted(read):
    ligands = [ligand("XX9", "B", i, (0, 20, 6 * i)) for i in range(1, 12)]
    with pytest.raises(InputError, match="XX9 B 8 .*; and 3 more residues"):
        process_restraints(read(text(peptide("A", 3), sum(ligands, []))))


@needs_library
def test_users_restraint_file_is_used(read, tmp_path):
    cif = tmp_path / "xx9.cif"
    cif.write_text(LIGAND_CIF)
    content = text(peptide("A", 3), ligand("XX9", "B", 1, (0, 20, 0)))
    model = read(content, restraint_files=[str(cif)])
    process_restraints(model)
    own = {pair for pair in bonds(model) if pair[0].startswith("B/")}
    assert own == {("B/1/C1", "B/1/C2"), ("B/1/C2", "B/1/C3")}


@needs_library
def test_model_keeps_structure_adps_and_scattering(read):
    lines = peptide("A", 4)
    u = [400, 500, 600, 30, -20, 10]
    lines.insert(
        1,
        "ANISOU" + lines[0][6:28] + "".join(f"{x:7d}" for x in u) + " " * 6 + "  N",
    )
    lines += [
        atom("O", "HOH", "S", 1, (20, 20, 20), record="HETATM", occupancy=0.0, b=33),
        atom("O", "HOH", "S", 2, (30, 30, 30), record="HETATM", altloc="A",
             occupancy=0.5, b=31),
        atom("O", "HOH", "S", 2, (31, 30, 30), record="HETATM", altloc="B",
             occupancy=0.5, b=32),
        atom("ZN", "ZN", "S", 3, (40, 20, 20), record="HETATM", element="ZN"),
    ]  # fmt: skip
    model = read(text(lines))
    structure = model.get_xray_structure()
    before = [
        to_numpy(structure.scatterers().extract_u_iso()).copy(),
        sym_mat3_to_numpy(structure.scatterers().extract_u_star()).copy(),
        to_numpy(structure.scatterers().extract_occupancies()).copy(),
        to_numpy(structure.use_u_aniso()).copy(),
        vec3_to_numpy(structure.sites_cart()).copy(),
    ]
    process_restraints(model)
    assert model.get_xray_structure() is structure
    after = [
        to_numpy(structure.scatterers().extract_u_iso()),
        sym_mat3_to_numpy(structure.scatterers().extract_u_star()),
        to_numpy(structure.scatterers().extract_occupancies()),
        to_numpy(structure.use_u_aniso()),
        vec3_to_numpy(structure.sites_cart()),
    ]
    for old, new in zip(before, after):
        assert np.array_equal(old, new)
    assert structure.scattering_type_registry_params.table == "n_gaussian"
    assert structure.scattering_type_registry().last_table() == "n_gaussian"
    assert np.allclose(model.get_atoms()[0].uij, np.array(u) / 1e4)


@needs_library
def test_names_of_symmetric_side_chains_stay(read):
    """mmtbx by itself swaps CD1 and CD2 where the torsion asks for it."""
    ring = {
        "CB": (1.2, 2.3, 0.0),
        "CG": (1.2, 3.1, 1.3),
        "CD1": (0.1, 3.6, 1.8),
        "CD2": (2.3, 3.4, 2.0),
        "CE1": (0.1, 4.4, 3.0),
        "CE2": (2.3, 4.2, 3.2),
        "CZ": (1.2, 4.7, 3.7),
    }
    for first, second in (("CD1", "CD2"), ("CD2", "CD1")):
        names = {"CD1": first, "CD2": second}
        names |= {name.replace("D", "E"): new.replace("D", "E")
                  for name, new in names.items()}  # fmt: skip
        lines = peptide("A", 1, resname="PHE")
        lines += [
            atom(names.get(name, name), "PHE", "A", 1, xyz)
            for name, xyz in ring.items()
        ]
        model = read(text(lines))
        process_restraints(model)
        at = {a.name.strip(): a.xyz for a in model.get_atoms()}
        assert at[first] == pytest.approx(ring["CD1"], abs=1e-6)


@needs_library
def test_neighbours_within_5_angstrom_are_there_for_adp_restraints(read):
    model = read(text(peptide("A", 3)))
    process_restraints(model)
    sites = vec3_to_numpy(model.get_sites_cart())
    distances = np.linalg.norm(sites[:, None] - sites[None], axis=-1)
    i, j = np.nonzero(np.triu(distances < 5.0, k=1))
    table = model.restraints_manager.geometry.plain_pair_sym_table
    pairs = {
        tuple(sorted((first, second)))
        for first, neighbours in enumerate(table)
        for second in neighbours.keys()
    }
    assert pairs == set(zip(i.tolist(), j.tolist()))


@needs_library
def test_atoms_apart_from_their_residue_are_refused(read):
    lines = peptide("A", 3)
    apart = [atom("OXT", "GLY", "A", 3, (10.0, 1.0, 0.0))]
    water = [atom("O", "HOH", "A", 9, (20, 20, 20), record="HETATM")]
    with pytest.raises(InputError, match="stand apart"):
        process_restraints(read(text(lines + water + apart)))


@needs_library
def test_a_modification_that_the_library_lacks_is_named(read):
    """One hydrogen on the first nitrogen: GeoStd describes it, CCP4 does not."""
    library = reference_data.find_monomer_library()
    if "NH1NOTPRO" in (library / reference_data.LIST_FILE).read_text():
        pytest.skip("this monomer library has the modification")
    lines = peptide("A", 3)
    lines.insert(1, atom("H1", "GLY", "A", 1, (-0.6, 0.6, 0.0), element="H"))
    with pytest.raises(InputError, match="NH1NOTPRO"):
        process_restraints(read(text(lines)))


@needs_library
def test_rmsd_is_that_of_the_bonds(read, tmp_path):
    cif = tmp_path / "xx9.cif"
    cif.write_text(LIGAND_CIF)
    content = f"{CELL}\n" + "\n".join(ligand("XX9", "B", 1, (0, 20, 0))) + "\nEND\n"
    model = read(content, restraint_files=[str(cif)])
    process_restraints(model)
    # Atoms at (0, 0), (1.5, 0) and (0.75, 1.3): both ideal lengths are 1.53 Å.
    deltas = np.array([1.5, np.hypot(0.75, 1.3)]) - 1.53
    rmsd = rmsd_from_ideal(model, model.get_sites_cart())
    assert rmsd.bonds == pytest.approx(np.sqrt(np.mean(deltas**2)), abs=1e-4)


@needs_library
def test_glycans_are_linked_by_themselves():
    entry = require_entry("4byh")
    model, _ = read_model(entry.model)
    process_restraints(model)
    between = {
        tuple(sorted((first.split("/")[2], second.split("/")[2])))
        for first, second in bonds(model)
        if first.split("/")[1] != second.split("/")[1]
    }
    assert ("C1", "ND2") in between
    assert ("C1", "O4") in between
