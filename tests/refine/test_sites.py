"""Sites refinement: it finds the true coordinates, and touches nothing else."""

import hnmref  # noqa: F401  (cctbx's extensions load first)

from pathlib import Path

import iotbx
import iotbx.pdb
import iotbx.pdb.hierarchy
import iotbx.phil
import mmtbx.f_model
import numpy as np
import pytest
from cctbx import crystal

from hnmref.errors import InputError
from hnmref.params import SITES
from hnmref.refine import simulate as sim
from hnmref.refine.adp_restraints import adp_restraints_manager
from hnmref.refine.arrays import (
    numpy_to_sym_mat3,
    numpy_to_vec3,
    sym_mat3_to_numpy,
    to_bool,
    to_double,
    to_numpy,
    vec3_to_numpy,
)
from hnmref.refine.displacements import use_both_parts
from hnmref.refine.geometry import Rmsd, process_restraints, rmsd_from_ideal
from hnmref.refine.model import read_model
from hnmref.refine.reference_data import find_monomer_library
from hnmref.refine.sites import (
    TRIAL_SCALES,
    Trial,
    best_trial,
    limits_at,
    refine_sites,
)

needs_library = pytest.mark.skipif(
    find_monomer_library() is None,
    reason="no monomer library: run hnmref.get_reference_data",
)
STRUCTURE = (
    Path(iotbx.__file__).parent / "regression/secondary_structure/1ubf_cutted.pdb"
)
SEED = 7


def parameters(**values):
    scope = iotbx.phil.parse(SITES).extract().sites
    for name, value in values.items():
        assert hasattr(scope, name)
        setattr(scope, name, value)
    return scope


def run(fmodel, model, *, nproc=1, **values):
    return refine_sites(
        fmodel,
        model,
        parameters(**values),
        nproc=nproc,
        macro_cycle=1,
        random_seed=SEED,
    )


def part(selection):
    """Residues of a real structure, with a B each and no ANISOU."""
    hierarchy = iotbx.pdb.input(str(STRUCTURE)).construct_hierarchy()
    hierarchy = hierarchy.select(
        hierarchy.atom_selection_cache().selection(selection)
    )
    atoms = hierarchy.atoms()
    atoms.set_uij(numpy_to_sym_mat3(np.full((atoms.size(), 6), -1.0)))
    return hierarchy


def restrained(path, hierarchy, symmetry, **how):
    """The hierarchy as a model with geometry restraints, read from a file."""
    path.write_text(hierarchy.as_pdb_string(crystal_symmetry=symmetry))
    model, _ = read_model(str(path), **how)
    process_restraints(model)
    return model


def fmodel_of(model, f_obs, flags):
    structure = model.get_xray_structure()
    fmodel = mmtbx.f_model.manager(
        f_obs=f_obs, r_free_flags=flags, xray_structure=structure, target_name="ml"
    )
    fmodel.update_all_scales(remove_outliers=False, apply_back_trace=False)
    assert fmodel.xray_structure is structure
    return fmodel


def own_data(model, rng, d_min=2.5):
    """Data of the model itself."""
    f_obs = abs(model.get_xray_structure().structure_factors(d_min=d_min).f_calc())
    f_obs = f_obs.array(data=f_obs.data(), sigmas=f_obs.data() * 0.02)
    f_obs.set_observation_type_xray_amplitude()
    flags = f_obs.array(data=to_bool(rng.random(f_obs.size()) < 0.1))
    return f_obs, flags


def move(model, shifts):
    sites = vec3_to_numpy(model.get_sites_cart()) + shifts
    model.set_sites_cart(numpy_to_vec3(sites))


def distance(sites_cart, truth):
    """R.m.s. distance between two (N, 3) sets of sites, Å."""
    return np.sqrt(np.mean(np.sum((vec3_to_numpy(sites_cart) - truth) ** 2, axis=1)))


@pytest.fixture(scope="module")
def crystal_of_one_domain(tmp_path_factory):
    """Model and f_model with the true U as two parts, and the true sites."""
    hierarchy = part("resseq 4:43")
    labels = np.zeros(hierarchy.atoms_size(), int)
    truth = sim.simulate(hierarchy, labels, np.random.default_rng(3), d_min=2.5)
    model = restrained(
        tmp_path_factory.mktemp("sites") / "model.pdb",
        truth.hierarchy,
        truth.crystal_symmetry,
    )
    structure = model.get_xray_structure()
    use_both_parts(structure)
    structure.set_u_iso(values=to_double(truth.u_local))
    structure.scatterers().set_u_cart(
        structure.unit_cell(), numpy_to_sym_mat3(truth.u_group)
    )
    fmodel = fmodel_of(model, truth.f_obs, truth.r_free_flags)
    return model, fmodel, vec3_to_numpy(model.get_sites_cart()).copy()


@pytest.fixture
def shaken(crystal_of_one_domain):
    """The crystal with its sites 0.3 Å off."""
    model, fmodel, truth = crystal_of_one_domain
    shifts = np.random.default_rng(4).normal(scale=0.3 / 3**0.5, size=truth.shape)
    model.set_sites_cart(numpy_to_vec3(truth + shifts))
    fmodel.update_xray_structure(update_f_calc=True, update_f_mask=True)
    return model, fmodel, truth


@needs_library
def test_shaken_sites_come_back(shaken):
    model, fmodel, truth = shaken
    start = model.get_sites_cart()
    r_free = fmodel.r_free()
    n, _ = run(fmodel, model, optimize_weight=False, max_iterations=60)
    refined = distance(model.get_sites_cart(), truth)
    assert distance(start, truth) == pytest.approx(0.3, abs=0.02)
    assert refined < 0.2
    assert fmodel.r_free() < r_free - 0.05
    rmsd = rmsd_from_ideal(model, model.get_sites_cart())
    assert rmsd.bonds < 0.02 and rmsd.angles < 2.5
    assert n == 3 * len(truth)

    # Restraints alone, without the data, leave the sites further away.
    model.set_sites_cart(start)
    run(fmodel, model, optimize_weight=False, weight_scale=0, max_iterations=60)
    assert refined < 0.85 * distance(model.get_sites_cart(), truth)


@needs_library
def test_only_sites_change(shaken):
    model, fmodel, _ = shaken
    structure = model.get_xray_structure()

    def state():
        scatterers = structure.scatterers()
        return [
            to_numpy(scatterers.extract_u_iso()).copy(),
            sym_mat3_to_numpy(scatterers.extract_u_star()).copy(),
            to_numpy(scatterers.extract_occupancies()).copy(),
            to_numpy(structure.use_u_iso()).copy(),
            to_numpy(structure.use_u_aniso()).copy(),
        ]

    before, start = state(), vec3_to_numpy(structure.sites_cart()).copy()
    run(fmodel, model, max_iterations=3)
    assert model.get_xray_structure() is fmodel.xray_structure is structure
    for old, new in zip(before, state()):
        assert np.array_equal(old, new)
    assert all(before[3]) and all(before[4])
    sites = vec3_to_numpy(structure.sites_cart())
    assert not np.allclose(sites, start, atol=1e-3)
    in_hierarchy = vec3_to_numpy(model.get_hierarchy().atoms().extract_xyz())
    assert np.allclose(sites, in_hierarchy, atol=1e-6)
    # What f_model holds belongs to the structure as it is now.
    f_calc = to_numpy(abs(fmodel.f_calc()).data()).copy()
    mask = to_numpy(abs(fmodel.f_masks()[0]).data()).copy()
    fmodel.update_xray_structure(
        structure, update_f_calc=True, update_f_mask=True, force_update_f_mask=True
    )
    assert np.allclose(f_calc, to_numpy(abs(fmodel.f_calc()).data()))
    assert np.allclose(mask, to_numpy(abs(fmodel.f_masks()[0]).data()))


@needs_library
def test_the_same_seed_gives_the_same_sites_with_any_number_of_processes(shaken):
    model, fmodel, _ = shaken
    start = model.get_sites_cart()
    results = []
    for nproc in (1, 2):
        model.set_sites_cart(start)
        _, lines = run(fmodel, model, nproc=nproc, max_iterations=3)
        results.append((vec3_to_numpy(model.get_sites_cart()).copy(), lines))
    (one, lines), (two, other_lines) = results
    assert np.array_equal(one, two)
    assert lines == other_lines
    # A line for the ratio, one for the start, one for each weight; one is taken.
    assert len(lines) == 2 + len(TRIAL_SCALES)
    assert sum(line.endswith("*") for line in lines) == 1


@needs_library
def test_atoms_on_special_positions_stay_there(tmp_path):
    hierarchy = part("resseq 20:30")
    sites = vec3_to_numpy(hierarchy.atoms().extract_xyz())
    hierarchy.atoms().set_xyz(numpy_to_vec3(sites - sites.min(axis=0) + 6.0))
    # Unique axis b: (0, y, 0) is a twofold axis.
    symmetry = crystal.symmetry((45, 40, 50, 90, 100, 90), "P 1 2 1")
    water = (
        "HETATM    1  O   HOH S   1    {:8.3f}{:8.3f}{:8.3f}  1.00 20.00           O"
    )
    extra = iotbx.pdb.input(
        source_info=None, lines=[water.format(0.0, 12.0, 0.0)]
    ).construct_hierarchy()
    hierarchy.models()[0].append_chain(extra.models()[0].chains()[0].detached_copy())
    model = restrained(tmp_path / "model.pdb", hierarchy, symmetry)
    structure = model.get_xray_structure()
    (special,) = structure.special_position_indices()
    rng = np.random.default_rng(5)
    fmodel = fmodel_of(model, *own_data(model, rng))
    shifts = rng.normal(scale=0.1, size=(model.size(), 3))
    shifts[special] = (0.0, 0.2, 0.0)
    move(model, shifts)
    n, _ = run(fmodel, model, optimize_weight=False)
    x, y, z = structure.sites_cart()[special]
    assert (x, z) == pytest.approx((0, 0), abs=1e-9)
    assert y == pytest.approx(12.0, abs=0.1)
    assert n == 3 * (model.size() - 1) + 1


def add_amide_hydrogens(hierarchy):
    """An H on every backbone nitrogen but the first, 0.86 Å away."""
    before = None
    for residue in hierarchy.residue_groups():
        at = {a.name.strip(): np.array(a.xyz) for a in residue.atoms()}
        if before is not None and "PRO" not in residue.unique_resnames():
            away = [at["N"] - other for other in (at["CA"], before)]
            direction = sum(vector / np.linalg.norm(vector) for vector in away)
            hydrogen = iotbx.pdb.hierarchy.atom()
            hydrogen.set_name(" H  ").set_element(" H").set_occ(1).set_b(20)
            hydrogen.set_xyz(
                tuple(at["N"] + 0.86 * direction / np.linalg.norm(direction))
            )
            residue.atom_groups()[0].append_atom(hydrogen)
        before = at["C"]


@needs_library
@pytest.mark.parametrize("table", ["n_gaussian", "neutron"])
def test_hydrogens_ride_except_with_neutrons(tmp_path, table):
    hierarchy = part("resseq 20:30")
    symmetry = sim.put_in_box(hierarchy)
    add_amide_hydrogens(hierarchy)
    model = restrained(
        tmp_path / "model.pdb", hierarchy, symmetry, scattering_table=table
    )
    hydrogens = to_numpy(model.get_hd_selection())
    assert hydrogens.sum() >= 9
    rng = np.random.default_rng(6)
    fmodel = fmodel_of(model, *own_data(model, rng, d_min=2.0))
    move(model, rng.normal(scale=0.05, size=(model.size(), 3)))
    n, lines = run(fmodel, model, optimize_weight=False)
    sites = vec3_to_numpy(model.get_sites_cart())
    bonds = np.linalg.norm(sites[hydrogens][:, None] - sites[~hydrogens], axis=2)
    lengths = bonds.min(axis=1)
    if table == "neutron":
        assert n == 3 * model.size()
        assert "one by one" in lines[0]
        assert np.ptp(lengths) > 1e-3
    else:
        assert n == 3 * (~hydrogens).sum()
        assert "ride" in lines[0]
        assert np.ptp(lengths) < 1e-6
        assert 0.83 < lengths.mean() < 0.93


def test_without_geometry_restraints_there_is_one_sentence(tmp_path):
    path = tmp_path / "model.pdb"
    hierarchy = part("resseq 20:30")
    symmetry = sim.put_in_box(hierarchy)
    path.write_text(hierarchy.as_pdb_string(crystal_symmetry=symmetry))
    model, _ = read_model(str(path))
    fmodel = fmodel_of(model, *own_data(model, np.random.default_rng(1)))
    with pytest.raises(InputError, match="strategy=adp"):
        run(fmodel, model)
    model.restraints_manager = adp_restraints_manager(model.get_xray_structure())
    with pytest.raises(InputError, match="strategy=adp"):
        run(fmodel, model)


def trial(scale, r_work, r_free, bonds=0.01, angles=1.5):
    return Trial(scale, r_work, r_free, Rmsd(bonds, angles), None)


LIMITS = Rmsd(bonds=0.015, angles=2.0)


def test_lowest_r_free_within_the_limits_wins():
    trials = [
        trial(0.1, 0.25, 0.29),
        trial(1, 0.23, 0.28),
        trial(2, 0.19, 0.275),  # a wide gap is no reason against it
        trial(3, 0.23, 0.270, bonds=0.02),
        trial(4, 0.23, 0.270, angles=2.1),
    ]
    assert best_trial(trials, LIMITS).scale == 2


def test_bad_geometry_everywhere_takes_the_lowest_weight():
    trials = [trial(2, 0.2, 0.25, bonds=0.03), trial(0.1, 0.3, 0.35, bonds=0.02)]
    assert best_trial(trials, LIMITS).scale == 0.1


@pytest.mark.parametrize(
    "d_min, bonds, angles", [(1.2, 0.025, 3.0), (2.8, 0.015, 2.0), (3.8, 0.015, 2.0)]
)
def test_limits_are_mmtbxs_by_resolution(d_min, bonds, angles):
    assert limits_at(d_min) == pytest.approx((bonds, angles))
