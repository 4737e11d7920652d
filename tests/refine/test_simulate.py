"""Simulated data: the truth is physical, and explains the data down to the noise."""

import hnmref  # noqa: F401  (cctbx's extensions load first)

from pathlib import Path

import iotbx
import iotbx.mtz
import iotbx.pdb
import mmtbx.f_model
import numpy as np
import pytest

from hnmref.adp.basis import ModeBasis, lower_factor
from hnmref.adp.fit import fit_pi
from hnmref.adp.metrics import (
    B_PER_U,
    anisotropy,
    as_matrices,
    tensor_correlation,
    u_eq,
)
from hnmref.errors import InputError
from hnmref.modes import compute_modes
from hnmref.refine import simulate as sim
from hnmref.refine.arrays import sym_mat3_to_numpy, to_numpy, vec3_to_numpy
from hnmref.refine.simulate.amplitudes import draw_free_flags
from hnmref.refine.simulate.motion import draw_covariance

STRUCTURES = Path(iotbx.__file__).parent / "regression" / "secondary_structure"
DOMAINS = ["resseq 4:220", "resseq 221:331"]


def read(path):
    pdb = iotbx.pdb.input(str(path))
    return pdb.construct_hierarchy(), pdb.crystal_symmetry()


@pytest.fixture(scope="module")
def model():
    return read(STRUCTURES / "1ubf_cutted.pdb")


def run(model, seed, **options):
    hierarchy, symmetry = model
    labels = sim.substructure_labels(hierarchy, DOMAINS)
    rng = np.random.default_rng(seed)
    return sim.simulate(hierarchy, labels, rng, crystal_symmetry=symmetry, **options)


@pytest.fixture(scope="module")
def simulation(model):
    return run(model, 1)


def r_factors(structure, f_obs, flags):
    """R of a structure after mmtbx's own scaling, which knows no truth."""
    fmodel = mmtbx.f_model.manager(
        f_obs=f_obs, r_free_flags=flags, xray_structure=structure
    )
    fmodel.update_all_scales(remove_outliers=False)
    return fmodel.r_work(), fmodel.r_free()


def test_truth_is_physical(simulation):
    assert np.linalg.eigvalsh(as_matrices(simulation.u_group)).min() > 0
    b = B_PER_U * u_eq(simulation.u_group)
    assert b.mean() == pytest.approx(50)
    assert 10 < b.min() < b.max() < 300
    assert b.std() > 15
    assert np.median(anisotropy(simulation.u_group)) < 0.5
    assert np.allclose(
        simulation.u_total - simulation.u_group,
        simulation.u_local[:, None] * [1, 1, 1, 0, 0, 0],
    )


def test_u_local_is_smooth_along_the_chain(simulation):
    b = B_PER_U * simulation.u_local
    assert b.min() >= 5
    assert b.mean() == pytest.approx(15)
    blocks = sim.residue_labels(simulation.hierarchy)
    residues = np.bincount(blocks, b) / np.bincount(blocks)
    assert np.corrcoef(residues[1:], residues[:-1])[0, 1] > 0.8
    assert abs(np.corrcoef(residues[40:], residues[:-40])[0, 1]) < 0.6


def test_truth_needs_more_than_rigid_bodies_and_other_modes_come_near(simulation):
    """The modes that a refinement takes by itself hold the truth nearly."""
    hierarchy = simulation.hierarchy
    sites = vec3_to_numpy(hierarchy.atoms().extract_xyz())
    blocks = sim.residue_labels(hierarchy)

    def best(n_modes):
        u = np.empty_like(simulation.u_group)
        for label in np.unique(simulation.labels):
            own = simulation.labels == label
            modes = compute_modes(
                sites[own],
                n_modes=n_modes,
                cutoff=8.0,
                spring_law="distance_power",
                blocks=blocks[own],
            )
            basis = ModeBasis(modes.vectors, np.flatnonzero(own))
            u[own] = basis.u(lower_factor(fit_pi(basis, simulation.u_group[own])))
        return tensor_correlation(u, simulation.u_group)

    assert best(6) < 0.975 < 0.985 < best(20) < 0.9999


def test_r_of_the_truth_is_the_noise(simulation):
    r_work, r_free = simulation.r_factors()
    assert r_work == pytest.approx(0.05, abs=0.002)
    assert r_free == pytest.approx(0.05, abs=0.005)


def test_noise_follows_its_sigmas_and_grows_with_resolution(simulation):
    f_obs, f_true = simulation.f_obs, simulation.f_true
    sigmas = to_numpy(f_obs.sigmas())
    observed, true = to_numpy(f_obs.data()), to_numpy(f_true.data())
    deviation = (observed - true) / sigmas
    assert observed.min() >= 0
    assert deviation.std() == pytest.approx(1, abs=0.03)
    assert deviation.mean() == pytest.approx(0, abs=0.05)
    order = np.argsort(to_numpy(f_obs.d_spacings().data()))
    inner, outer = order[-900:], order[:900]
    ratio = [sigmas[part].sum() / true[part].sum() for part in (inner, outer)]
    assert ratio[1] > 1.8 * ratio[0]


def test_noise_scales(model):
    r_work, _ = run(model, 3, noise=0.1, d_min=3.5).r_factors()
    assert r_work == pytest.approx(0.1, abs=0.005)


def test_free_set_has_500_reflections_or_five_percent(simulation):
    assert simulation.r_free_flags.data().count(True) == 500
    many = simulation.f_obs.complete_set(d_min=2.0)
    flags = draw_free_flags(many, np.random.default_rng(0))
    assert flags.data().count(True) == round(0.05 * many.size()) > 500


def test_too_few_reflections_for_a_free_set(model):
    with pytest.raises(InputError, match="simulate to a higher resolution"):
        run(model, 4, d_min=8.0)


def test_no_resolution(model):
    with pytest.raises(InputError, match="resolution must be a positive length"):
        run(model, 4, d_min=0.0)


def test_same_seed_same_data(model, simulation):
    again, other = run(model, 1), run(model, 2)
    assert np.array_equal(again.u_group, simulation.u_group)
    assert again.f_obs.data().all_eq(simulation.f_obs.data())
    assert again.r_free_flags.data().all_eq(simulation.r_free_flags.data())
    assert tensor_correlation(other.u_group, simulation.u_group) < 0.95


def test_input_hierarchy_is_left_alone(model, simulation):
    fresh, _ = read(STRUCTURES / "1ubf_cutted.pdb")
    assert model[0].is_similar_hierarchy(fresh)
    assert model[0].atoms().extract_b().all_eq(fresh.atoms().extract_b())


def test_written_files_hold_data_and_truth(simulation, tmp_path):
    paths = sim.write_simulated(simulation, tmp_path / "new")
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == [
        "data.mtz",
        "model.pdb",
        "truth.npz",
        "truth.pdb",
    ]
    mtz = iotbx.mtz.object(str(paths["data"]))
    assert mtz.column_labels() == ["H", "K", "L", "FOBS", "SIGFOBS", "R-free-flags"]
    f_obs, flags = mtz.as_miller_arrays()
    assert set(flags.data()) == {0, 1}
    flags = flags.array(data=flags.data() == 1)

    start, symmetry = read(paths["model"])
    assert set(start.atoms().extract_b()) == {30.0}
    assert "ANISOU" not in paths["model"].read_text()
    truth, _ = read(paths["truth"])
    u = sym_mat3_to_numpy(truth.atoms().extract_uij())
    assert np.allclose(u, simulation.u_total, rtol=0, atol=6e-5)

    true_work, true_free = r_factors(
        truth.extract_xray_structure(crystal_symmetry=symmetry), f_obs, flags
    )
    assert true_work == pytest.approx(0.05, abs=0.006)
    assert true_free == pytest.approx(0.05, abs=0.008)
    flat_work, _ = r_factors(
        start.extract_xray_structure(crystal_symmetry=symmetry), f_obs, flags
    )
    assert flat_work > 0.15

    arrays = np.load(paths["arrays"])
    assert np.array_equal(arrays["u_group"], simulation.u_group)
    assert np.array_equal(arrays["u_local"], simulation.u_local)
    assert np.array_equal(arrays["labels"], simulation.labels)


def test_box_packs_without_clashes(model):
    hierarchy = model[0].deep_copy()
    before = vec3_to_numpy(hierarchy.atoms().extract_xyz())
    symmetry = sim.put_in_box(hierarchy, contact=4.0)
    after = vec3_to_numpy(hierarchy.atoms().extract_xyz())
    assert np.ptp(after - before, axis=0).max() < 1e-9
    assert np.allclose(after, np.round(after, 3), rtol=0, atol=1e-9)
    assert str(symmetry.space_group_info()) == "P 1"

    structure = hierarchy.extract_xray_structure(crystal_symmetry=symmetry)

    def contacts(distance):
        table = structure.pair_asu_table(distance_cutoff=distance)
        return table.extract_pair_sym_table().number_of_pairs_involving_symmetry()

    # An edge is kept where 1 Å less would make a contact below 4 Å.
    assert contacts(3.999) == 0 < contacts(5.0)


def test_covariance_is_as_drawn():
    rng = np.random.default_rng(5)
    eigenvalues = np.concatenate([np.zeros(6), np.geomspace(1, 100, 20)])
    pi = draw_covariance(eigenvalues, 6, 0.4, rng)
    assert np.linalg.eigvalsh(pi).min() > 0
    assert np.trace(pi) == pytest.approx(1)
    assert np.trace(pi[:6, :6]) == pytest.approx(0.4)
    variances = np.diag(pi)
    assert np.ptp(variances[6:] * eigenvalues[6:]) < 1e-12
    assert variances[:6].max() <= 9 * variances[:6].min()
    correlations = pi / np.sqrt(np.outer(variances, variances))
    assert np.abs(correlations[np.tril_indices(26, -1)]).max() > 0.2


@pytest.mark.parametrize(
    "selections", [["resseq 4:220"], ["resseq 4:221", "resseq 221:331"]]
)
def test_substructures_must_part_the_model(model, selections):
    with pytest.raises(InputError, match="exactly one substructure"):
        sim.substructure_labels(model[0], selections)


def test_labels_of_another_model(model):
    with pytest.raises(InputError, match="10 substructure labels for 2264 atoms"):
        sim.simulate(model[0], np.zeros(10, int), np.random.default_rng(0))
