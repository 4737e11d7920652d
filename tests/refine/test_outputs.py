"""Models and maps that a run writes, read back by cctbx."""

import io
from pathlib import Path

import iotbx.cif
import iotbx.mtz
import iotbx.pdb
import mmtbx.f_model
import mmtbx.model
import numpy as np
import pytest
from cctbx import crystal, miller, sgtbx
from cctbx.array_family import flex
from iotbx.cif.validation import smart_load_dictionary
from iotbx.regression import secondary_structure
from mmtbx.twinning import twin_f_model

from hnmref.errors import InputError
from hnmref.refine import outputs
from hnmref.refine.arrays import (
    numpy_to_sym_mat3,
    sym_mat3_to_numpy,
    to_bool,
    to_numpy,
    vec3_to_numpy,
)

HELIX_FILE = Path(secondary_structure.__path__[0]) / "5a63_chainBp.pdb"
CELL = crystal.symmetry((45, 45, 60, 90, 90, 120), "P 3")
D_MIN = 4.0
MAP_COLUMNS = [
    ("2FOFCWT", "PH2FOFCWT"),
    ("2FOFCWT_no_fill", "PH2FOFCWT_no_fill"),
    ("FOFCWT", "PHFOFCWT"),
]


def helices():
    """The bundled helices, moved from their P 1 cell to CELL."""
    lines = HELIX_FILE.read_text().splitlines()
    kept = [line for line in lines if not line.startswith(("CRYST1", "SCALE"))]
    cryst1 = iotbx.pdb.format_cryst1_record(CELL)
    model_input = iotbx.pdb.input(source_info=None, lines=[cryst1, *kept])
    return mmtbx.model.manager(model_input=model_input)


@pytest.fixture(scope="module")
def model():
    """Two helices in a hexagonal cell; every fifth atom is isotropic."""
    manager = helices()
    rng = np.random.default_rng(11)
    factors = rng.normal(0, 0.4, (manager.get_number_of_atoms(), 3, 3))
    tensors = factors @ factors.transpose(0, 2, 1) + 0.1 * np.eye(3)
    u = tensors[:, [0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]]
    anisotropic = np.arange(len(u)) % 5 != 0
    u[~anisotropic] = u[~anisotropic, :3].mean(axis=1)[:, None] * [1, 1, 1, 0, 0, 0]
    xray_structure = manager.get_xray_structure()
    xray_structure.convert_to_anisotropic(selection=to_bool(anisotropic))
    xray_structure.set_u_iso(
        values=flex.double(u[:, :3].mean(axis=1)), selection=to_bool(~anisotropic)
    )
    xray_structure.set_u_cart(
        u_cart=numpy_to_sym_mat3(u), selection=to_bool(anisotropic).iselection()
    )
    manager.setup_scattering_dictionaries(scattering_table="n_gaussian")
    return manager


@pytest.fixture(scope="module")
def u_total(model):
    return sym_mat3_to_numpy(model.get_xray_structure().extract_u_cart_plus_u_iso())


@pytest.fixture(scope="module")
def anisotropic(model):
    return to_numpy(model.get_xray_structure().use_u_aniso())


def simulated_data(model, anomalous=False):
    """Amplitudes with 8% noise, a tenth of them missing, and free flags."""
    rng = np.random.default_rng(5)
    complete = miller.build_set(CELL, anomalous_flag=anomalous, d_min=D_MIN)
    f_calc = complete.structure_factors_from_scatterers(
        model.get_xray_structure(), algorithm="direct"
    ).f_calc()
    n = f_calc.size()
    amplitudes = to_numpy(abs(f_calc).data())
    noisy = amplitudes * (1 + 0.08 * rng.standard_normal(n))
    f_obs = f_calc.customized_copy(
        data=flex.double(np.abs(noisy)), sigmas=flex.double(0.08 * amplitudes + 0.1)
    ).set_observation_type_xray_amplitude()
    h, k, l = np.array(f_obs.indices()).T  # noqa: E741
    free = np.abs(h + 2 * k + 3 * l) % 10 == 0  # the same for Friedel mates
    flags = f_obs.customized_copy(data=to_bool(free), sigmas=None)
    kept = to_bool(rng.random(n) < 0.9)
    if anomalous:
        return f_obs, flags
    return f_obs.select(kept), flags.select(kept)


@pytest.fixture(scope="module")
def fmodel(model):
    f_obs, flags = simulated_data(model)
    return mmtbx.f_model.manager(
        f_obs=f_obs,
        r_free_flags=flags,
        xray_structure=model.get_xray_structure(),
        target_name="ml",
    )


@pytest.fixture(scope="module")
def written(model, u_total, anisotropic, fmodel, tmp_path_factory):
    return outputs.write_models(
        model,
        u_total,
        anisotropic,
        tmp_path_factory.mktemp("out") / "run_001",
        remarks=outputs.adp_remarks("hnm"),
        fit=fmodel.info(),
    )


def read_back(path):
    return mmtbx.model.manager(model_input=iotbx.pdb.input(str(path)))


@pytest.mark.parametrize(
    "format_name, u_step, site_step", [("pdb", 1e-4, 1e-3), ("cif", 1e-5, 1e-5)]
)
def test_model_round_trip(
    written, model, u_total, anisotropic, fmodel, format_name, u_step, site_step
):
    again = read_back(written.paths[format_name])
    structure = again.get_xray_structure()
    np.testing.assert_array_equal(to_numpy(structure.use_u_aniso()), anisotropic)
    # From the hierarchy: the model manager itself rounds U to four decimals.
    read = iotbx.pdb.input(str(written.paths[format_name]))
    hierarchy = read.construct_hierarchy()
    atoms = hierarchy.atoms()
    u_read = sym_mat3_to_numpy(atoms.extract_uij())
    assert np.abs(u_read - u_total)[anisotropic].max() < 0.6 * u_step
    # B has two decimals in a PDB file, five in mmCIF.
    b_step = {"pdb": 1e-2, "cif": 1e-5}[format_name]
    b_read = to_numpy(atoms.extract_b())
    b_true = 8 * np.pi**2 * u_total[:, :3].sum(axis=1) / 3
    assert np.abs(b_read - b_true).max() < 0.6 * b_step
    sites = vec3_to_numpy(model.get_xray_structure().sites_cart())
    assert np.abs(vec3_to_numpy(structure.sites_cart()) - sites).max() < 0.6 * site_step
    assert structure.crystal_symmetry().is_similar_symmetry(CELL)

    before = fmodel.r_work(), fmodel.r_free()
    assert before[0] > 0.03, "noise-free data would not tell models apart"
    check = fmodel.deep_copy()
    again.setup_scattering_dictionaries(scattering_table="n_gaussian")
    check.update_xray_structure(again.get_xray_structure(), update_f_calc=True)
    np.testing.assert_allclose((check.r_work(), check.r_free()), before, atol=2e-4)


def test_writing_does_not_change_the_model(model, u_total, anisotropic, tmp_path):
    atoms = model.get_hierarchy().atoms()
    b_before = to_numpy(atoms.extract_b()).copy()
    sites = vec3_to_numpy(model.get_xray_structure().sites_cart()).copy()
    outputs.write_models(model, u_total + 1.0, anisotropic, tmp_path / "a")
    np.testing.assert_array_equal(to_numpy(atoms.extract_b()), b_before)
    u_after = model.get_xray_structure().extract_u_cart_plus_u_iso()
    np.testing.assert_array_equal(sym_mat3_to_numpy(u_after), u_total)
    sites_after = vec3_to_numpy(model.get_xray_structure().sites_cart())
    np.testing.assert_array_equal(sites_after, sites)


def test_coordinates_come_from_the_xray_structure(u_total, anisotropic, tmp_path):
    model = helices()
    structure = model.get_xray_structure()
    structure.set_sites_cart(structure.sites_cart() + (1.0, 2.0, 3.0))
    paths = outputs.write_models(
        model, u_total, anisotropic, tmp_path / "a", formats=("cif",)
    ).paths
    assert set(paths) == {"cif"}
    moved = vec3_to_numpy(read_back(paths["cif"]).get_sites_cart())
    expected = vec3_to_numpy(structure.sites_cart())
    np.testing.assert_allclose(moved, expected, atol=1e-5)


def test_remarks_say_what_the_adps_are(written):
    lines = written.paths["pdb"].read_text().splitlines()
    remark = [line for line in lines if line.startswith("REMARK   3")]
    first_of_fit = next(i for i, line in enumerate(remark) if "TARGET" in line)
    assert max(map(len, remark[:first_of_fit])) <= 80
    said = " ".join(line[10:].strip() for line in remark)
    for sentence in outputs.adp_remarks("hnm"):
        assert sentence in said
    assert "R VALUE            (WORKING SET)" in said
    block = iotbx.cif.reader(str(written.paths["cif"])).model()["hnmref"]
    assert block["_refine.details"] == " ".join(outputs.adp_remarks("hnm"))
    assert float(block["_refine.ls_R_factor_R_free"]) > 0


def test_no_tls_records(model, u_total, anisotropic, tmp_path):
    model = model.deep_copy()
    model.determine_tls_groups(selection_strings=["all"], generate_tlsos=[])
    paths = outputs.write_models(
        model, u_total, anisotropic, tmp_path / "a", remarks=outputs.adp_remarks("hnm")
    ).paths
    for path in paths.values():
        assert "TLS" not in path.read_text().upper()
    read = iotbx.pdb.input(str(paths["pdb"]))
    found = read.extract_tls_params(read.construct_hierarchy())
    assert not found.tls_present


@pytest.mark.parametrize("group_adp", ["hnm", "tls", "none"])
def test_no_remark_is_taken_for_tls_parameters(group_adp, model, u_total, tmp_path):
    mask = np.zeros(len(u_total), bool)
    path = outputs.write_models(
        model, u_total, mask, tmp_path / "a", remarks=outputs.adp_remarks(group_adp)
    ).paths["pdb"]
    read = iotbx.pdb.input(str(path))
    assert not read.extract_tls_params(read.construct_hierarchy()).tls_present
    assert "ANISOU" not in [line[:6] for line in path.read_text().splitlines()]


def test_helices_are_kept(written):
    for path in written.paths.values():
        annotation = iotbx.pdb.input(str(path)).extract_secondary_structure()
        assert annotation.get_n_helices() == 2


def test_the_pdbx_dictionary_finds_parents_missing_and_nothing_else(written):
    """A deposition adds the categories of sequence and chemistry that it wants."""
    missing = (
        "_chem_comp_atom.atom_id",
        "_entity.id",
        "_entity_poly_seq.num",
    )
    document = iotbx.cif.reader(file_path=str(written.paths["cif"])).model()
    dictionary = smart_load_dictionary(name="mmcif_pdbx_v50.dic")
    handler = document.validate(dictionary, out=io.StringIO())
    errors = [str(error) for found in handler.errors.values() for error in found]
    assert errors and all(
        "missing parent" in error and any(f"'{name}'" in error for name in missing)
        for error in errors
    ), errors


def test_helices_have_both_numberings(written):
    """The ordinal in the chain's sequence, and the number in the PDB file."""
    block = iotbx.cif.reader(file_path=str(written.paths["cif"])).model().blocks["hnmref"]
    atoms = block.get_loop("_atom_site")
    names = ("auth_asym_id", "auth_seq_id", "label_seq_id")
    ordinals = {
        row[:2]: row[2] for row in zip(*(atoms[f"_atom_site.{name}"] for name in names))
    }
    helices = block.get_loop("_struct_conf")
    for end in ("beg", "end"):
        columns = [helices[f"_struct_conf.{end}_{name}"] for name in names]
        for chain, number, ordinal in zip(*columns):
            assert ordinals[chain, number] == ordinal
    assert len(helices["_struct_conf.id"]) > 1


@pytest.mark.parametrize("obstacle", ["atoms", "chain", "b"])
def test_what_pdb_cannot_hold_goes_to_cif(
    obstacle, u_total, anisotropic, tmp_path, monkeypatch
):
    model, u = helices(), u_total.copy()
    if obstacle == "atoms":
        monkeypatch.setattr(outputs, "PDB_MAX_ATOMS", len(u) - 1)
    elif obstacle == "chain":
        model.get_hierarchy().only_chain().id = "AA"
    else:
        u[3, :3] = 200.0
    written = outputs.write_models(
        model, u, anisotropic, tmp_path / "a", formats=("pdb",)
    )
    assert list(written.paths) == ["cif"]
    assert [path.name for path in tmp_path.iterdir()] == ["a.cif"]
    assert len(written.notes) == 1 and "No PDB file" in written.notes[0]
    assert read_back(written.paths["cif"]).get_number_of_atoms() == len(u)


def test_u_that_is_no_number_is_refused(model, u_total, anisotropic, tmp_path):
    u = u_total.copy()
    u[7, 2] = np.nan
    name = model.get_hierarchy().atoms()[7].id_str()
    with pytest.raises(InputError) as error:
        outputs.write_models(model, u, anisotropic, tmp_path / "a")
    assert name in str(error.value)
    with pytest.raises(InputError, match="atoms"):
        outputs.write_models(model, u_total[1:], anisotropic, tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def arrays_of(path):
    """Miller arrays by their first label."""
    arrays = iotbx.mtz.object(str(path)).as_miller_arrays()
    return {array.info().labels[0]: array for array in arrays}


def test_map_columns(fmodel, tmp_path):
    path = outputs.write_maps(fmodel, tmp_path / "run_001.mtz")
    mtz = iotbx.mtz.object(str(path))
    types = dict(zip(mtz.column_labels(), mtz.column_types()))
    for amplitude, phase in MAP_COLUMNS:
        assert (types[amplitude], types[phase]) == ("F", "P")
    arrays = arrays_of(path)
    n_complete = fmodel.f_obs().complete_set(d_min=fmodel.f_obs().d_min()).size()
    assert arrays["2FOFCWT"].size() > 0.99 * n_complete
    assert arrays["2FOFCWT_no_fill"].size() == fmodel.f_obs().size() < n_complete
    assert types["SIGF-obs-filtered"] == "Q"
    f_obs = arrays["F-obs-filtered"].common_set(fmodel.f_obs())
    np.testing.assert_allclose(
        to_numpy(f_obs.data()), to_numpy(fmodel.f_obs().data()), rtol=1e-6
    )
    flags = arrays["R-free-flags"].common_set(fmodel.f_obs())
    assert (flags.data() == 1).all_eq(fmodel.r_free_flags().data())


def test_maps_show_the_model_and_a_missing_atom(model, fmodel, tmp_path):
    """2mFo-DFc is high at the atoms; mFo-DFc where the model lacks one."""
    heavy = 100
    structure = model.get_xray_structure().deep_copy_scatterers()
    structure.scatterers()[heavy].occupancy = 0.0
    lacking = fmodel.deep_copy()
    lacking.update_xray_structure(structure, update_f_calc=True)
    path = outputs.write_maps(lacking, tmp_path / "a.mtz")
    arrays = arrays_of(path)
    sites = list(model.get_xray_structure().sites_frac())

    def density(label, places):
        fft = arrays[label].fft_map(resolution_factor=0.25).apply_sigma_scaling()
        values = fft.real_map_unpadded()
        return np.array([values.eight_point_interpolation(site) for site in places])

    assert density("2FOFCWT", sites).mean() > 1.0
    difference = density("FOFCWT", sites)
    assert difference[heavy] > difference.mean() + 2 * difference.std()


def test_all_amplitudes_can_stand_beside_the_filtered(fmodel, model, tmp_path):
    f_obs, flags = simulated_data(model)
    part = mmtbx.f_model.manager(
        f_obs=f_obs.select(f_obs.d_spacings().data() < 20),
        r_free_flags=flags.select(f_obs.d_spacings().data() < 20),
        xray_structure=model.get_xray_structure(),
    )
    path = outputs.write_maps(part, tmp_path / "a.mtz", f_obs, flags)
    arrays = arrays_of(path)
    assert arrays["F-obs"].size() == f_obs.size() > arrays["F-obs-filtered"].size()
    assert arrays["R-free-flags"].size() == f_obs.size()


def test_anomalous_data_give_an_anomalous_map(model, tmp_path):
    f_obs, flags = simulated_data(model, anomalous=True)
    fmodel = mmtbx.f_model.manager(
        f_obs=f_obs, r_free_flags=flags, xray_structure=model.get_xray_structure()
    )
    path = outputs.write_maps(fmodel, tmp_path / "a.mtz")
    labels = iotbx.mtz.object(str(path)).column_labels()
    assert {"F-obs-filtered(+)", "F-obs-filtered(-)", "ANOM", "PHANOM"} <= set(labels)
    for pair in MAP_COLUMNS:
        assert set(pair) <= set(labels)


def test_twinned_maps(model, tmp_path):
    f_obs, flags = simulated_data(model)
    fmodel = twin_f_model.twin_model_manager(
        f_obs=f_obs,
        r_free_flags=flags,
        xray_structure=model.get_xray_structure(),
        twin_law=sgtbx.rt_mx("-h,-k,l", r_den=12, t_den=144),
        start_fraction=0.2,
        out=io.StringIO(),
    )
    path = outputs.write_maps(fmodel, tmp_path / "a.mtz")
    labels = iotbx.mtz.object(str(path)).column_labels()
    for pair in MAP_COLUMNS:
        assert set(pair) <= set(labels)


def test_crash_leaves_no_partial_file(
    model, u_total, anisotropic, fmodel, tmp_path, monkeypatch
):
    def disk_is_full(*_):
        raise OSError("no space left")

    monkeypatch.setattr("hnmref.files.os.replace", disk_is_full)
    with pytest.raises(OSError, match="no space"):
        outputs.write_models(model, u_total, anisotropic, tmp_path / "a")
    with pytest.raises(OSError, match="no space"):
        outputs.write_maps(fmodel, tmp_path / "a.mtz")
    assert list(tmp_path.iterdir()) == []


def test_output_paths(tmp_path):
    paths = outputs.output_paths(str(tmp_path / "run"))
    assert {path.name for path in paths.values()} == {
        f"run_001.{end}"
        for end in ("pdb", "cif", "mtz", "log", "eff", "json", "html", "hnm.npz")
    }
    # A dot in the prefix is not an ending.
    dotted = outputs.output_paths(str(tmp_path / "v1.2"), model_formats=("cif",))
    assert dotted["cif"].name == "v1.2_001.cif" and "pdb" not in dotted


def test_existing_output_is_not_overwritten_unasked(tmp_path):
    prefix = str(tmp_path / "run")
    (tmp_path / "run_001.json").write_text("{}")
    with pytest.raises(InputError, match=r"run_001\.json.*output\.overwrite=True"):
        outputs.output_paths(prefix)
    paths = outputs.output_paths(prefix, overwrite=True)
    assert paths["json"].read_text() == "{}"
    assert not outputs.output_paths(prefix, serial=2)["json"].exists()


def test_missing_directory_is_named(tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        outputs.output_paths(str(tmp_path / "nowhere" / "run"))
