"""mmtbx's reading of nucleic acids, hydrogens and ions with the library hnmref builds.

The library is downloaded, so these tests run only where it has been built.
"""

from pathlib import Path

import pytest

iotbx = pytest.importorskip("iotbx", reason="cctbx is not installed")

from hnmref.refine.reference_data import (  # noqa: E402
    cached_monomer_library,
    is_monomer_library,
    missing_components,
)

FRAGMENTS = Path(iotbx.__path__[0], "pdb/remediation/tst/dna-rna-test.pdb")

WITH_HYDROGENS = Path(__file__).parents[3] / "shared" / "pdb" / "3io0" / "model.pdb"

pytestmark = [
    pytest.mark.skipif(
        not is_monomer_library(cached_monomer_library()),
        reason="no library in the cache: run hnmref.get_reference_data",
    ),
    pytest.mark.skipif(not FRAGMENTS.is_file(), reason=f"{FRAGMENTS} is absent"),
]


@pytest.fixture(autouse=True)
def built_library(monkeypatch):
    library = str(cached_monomer_library())
    monkeypatch.setenv("MMTBX_CCP4_MONOMER_LIB", library)


def restraints(lines):
    """mmtbx's geometry restraints and the coordinates of a model."""
    import iotbx.pdb
    import mmtbx.model
    from libtbx.utils import null_out

    model = mmtbx.model.manager(
        model_input=iotbx.pdb.input(source_info=None, lines=lines), log=null_out()
    )
    model.process(make_restraints=True)
    return model.get_restraints_manager().geometry, model


def test_deposited_dna_and_rna_are_near_their_ideal_geometry():
    """Wrong names or links would leave atoms unbonded or far from their targets."""
    geometry, model = restraints(FRAGMENTS.read_text().splitlines())
    assert missing_components(model.get_hierarchy()) == []
    sites = model.get_sites_cart()
    energies = geometry.energies_sites(sites_cart=sites)
    assert energies.bond_deviations()[2] < 0.03
    assert energies.angle_deviations()[2] < 4.0
    bonds, _ = geometry.get_all_bond_proxies(sites_cart=sites)
    bonded = {i for proxy in bonds for i in proxy.i_seqs}
    names = [atom.resname for atom in model.get_hierarchy().atoms_with_labels()]
    assert [i for i in range(len(names)) if i not in bonded and names[i] != "HOH"] == []


def test_ribose_has_the_torsions_of_its_pucker():
    """The three riboses are C3'-endo: one target each, that of this pucker."""
    geometry, model = restraints(FRAGMENTS.read_text().splitlines())
    atoms = model.get_hierarchy().atoms()
    found = []
    for proxy in geometry.get_dihedral_proxies():
        names = [atoms[i].name.strip() for i in proxy.i_seqs]
        if set(names) == {"C4'", "O4'", "C1'", "C2'"}:
            found.append((atoms[proxy.i_seqs[0]].parent().resname.strip(), proxy))
    assert sorted(name for name, _ in found) == ["A", "C", "G"]
    assert all(abs(proxy.angle_ideal) == pytest.approx(2.8) for _, proxy in found)


@pytest.mark.skipif(not WITH_HYDROGENS.is_file(), reason=f"no {WITH_HYDROGENS}")
def test_hydrogens_of_a_protein_are_all_bonded():
    geometry, model = restraints(WITH_HYDROGENS.read_text().splitlines())
    bonds, _ = geometry.get_all_bond_proxies(sites_cart=model.get_sites_cart())
    bonded = {i for proxy in bonds for i in proxy.i_seqs}
    assert bonded == set(range(model.get_number_of_atoms()))


@pytest.mark.parametrize("ion", ["CD", "GD"])
def test_ion_that_shares_its_name_with_a_nucleotide(ion):
    lines = [
        "CRYST1   20.000   20.000   20.000  90.00  90.00  90.00 P 1",
        f"HETATM    1 {ion}    {ion} A   1       5.000   5.000   5.000  1.00 20.00"
        f"          {ion}",
        "HETATM    2  O   HOH A   2       7.500   5.000   5.000  1.00 20.00"
        "           O",
    ]
    geometry, model = restraints(lines)
    assert list(model.get_hierarchy().atoms().extract_element()) == [ion, "O"]
    assert geometry.get_n_bond_proxies() == 0
    assert missing_components(model.get_hierarchy()) == []
