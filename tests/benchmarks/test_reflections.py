"""Free reflections: kept from a run's MTZ, joined with the data that it read."""

import numpy as np
import pytest
from cctbx import crystal, miller
from cctbx.array_family import flex

from benchmarks.bootstrap import r_factor
from benchmarks.entries import Entry
from benchmarks.reflections import (
    Disagreement,
    check_r_free,
    free_model_of,
    free_set,
    keep_missing,
    read_entry_data,
    read_free_model,
    write_free_model,
)
from benchmarks.runs import Record, write_record
from hnmref.refine.data import Data
from hnmref.refine.outputs import write_maps

FREE_EVERY = 5


@pytest.fixture(params=[False, True], ids=["merged", "friedel-pairs"])
def data(request):
    """Observed amplitudes; every fifth is free."""
    symmetry = crystal.symmetry(
        unit_cell=(30, 40, 50, 90, 100, 90), space_group_symbol="P 1 21 1"
    )
    reflections = miller.build_set(symmetry, anomalous_flag=request.param, d_min=5)
    rng = np.random.default_rng(4)
    n = reflections.size()
    f_obs = miller.array(reflections, data=flex.double(rng.uniform(10, 100, n)))
    flags = reflections.array(data=flex.bool(np.arange(n) % FREE_EVERY == 0))
    return Data(
        f_obs=f_obs.set_observation_type_xray_amplitude(),
        r_free_flags=flags,
        labels="FOBS",
        free_label="FREE",
        test_value=1,
    )


def write_run(path, data, kept, factor, seed=1, f_obs=None):
    """A run's MTZ: outliers left out, amplitudes multiplied by its scale.

    :returns: the model amplitudes that went into it, of all reflections.
    """
    f_obs = data.f_obs if f_obs is None else f_obs
    rng = np.random.default_rng(seed)
    observed = f_obs.data().as_numpy_array()
    f_model = factor * observed * rng.normal(1.0, 0.2, len(observed))
    phases = flex.double(rng.uniform(-3, 3, len(kept)))
    phased = flex.polar(flex.double(f_model), phases)
    kept = flex.bool(kept)
    flags = data.r_free_flags.customized_copy(data=data.r_free_flags.data().as_int())
    scaled = f_obs.customized_copy(data=factor * f_obs.data())
    dataset = flags.set_observation_type(None).as_mtz_dataset("R-free-flags")
    dataset.add_miller_array(
        scaled.select(kept).set_observation_type_xray_amplitude(), "F-obs-filtered"
    )
    dataset.add_miller_array(
        f_obs.customized_copy(data=phased, sigmas=None)
        .set_observation_type(None)
        .select(kept),
        "F-model",
    )
    dataset.mtz_object().write(str(path))
    return np.abs(f_model)


def by_index(array, values):
    return dict(zip(array.indices(), values))


def a_record(**changes):
    figures = {
        "parameters": [],
        "parameters_hash": "0123456789ab",
        "source": "abc",
        "seconds": 1.0,
        "peak_mb": 1.0,
        "start": {"r_work": 0.3, "r_free": 0.35},
    }
    return Record(**{"entry": "1abc", "row": "hnm", **figures, **changes})


def test_kept_amplitudes_are_the_runs_at_its_own_free_reflections(tmp_path, data):
    place = np.arange(data.f_obs.size())
    kept = (place != 10) & (place != 11)
    f_model = write_run(tmp_path / "run.mtz", data, kept, 1.25)
    write_free_model(free_model_of(tmp_path / "run.mtz", data), tmp_path / "run.npz")
    free = read_free_model(tmp_path / "run.npz")
    expected = by_index(data.f_obs, f_model)
    chosen = kept & (place % FREE_EVERY == 0)
    assert {tuple(map(int, hkl)) for hkl in free.indices} == {
        hkl for hkl, one in zip(data.f_obs.indices(), chosen) if one
    }
    ours = [expected[tuple(map(int, hkl))] for hkl in free.indices]
    np.testing.assert_allclose(free.f_model, ours, rtol=1e-6)
    on_scale_of_data = np.array(ours) / 1.25
    np.testing.assert_allclose(free.on_scale_of_data(), on_scale_of_data, rtol=1e-6)
    assert (free.indices.dtype, free.f_model.dtype) == (np.int16, np.float32)


def test_no_observed_amplitude_is_kept(tmp_path, data):
    write_run(tmp_path / "run.mtz", data, np.ones(data.f_obs.size(), bool), 1.0)
    write_free_model(free_model_of(tmp_path / "run.mtz", data), tmp_path / "run.npz")
    with np.load(tmp_path / "run.npz") as file:
        shapes = {name: file[name].shape for name in file.files}
    n = data.r_free_flags.data().count(True)
    assert shapes == {"indices": (n, 3), "f_model": (n,), "data_scale": ()}


def test_common_free_reflections_in_one_order(tmp_path, data):
    n = data.f_obs.size()
    place = np.arange(n)
    left_out = {"a": 10, "b": 15}
    f_model, runs = {}, {}
    for seed, (name, outlier) in enumerate(left_out.items()):
        path = tmp_path / f"{name}.mtz"
        f_model[name] = write_run(path, data, place != outlier, 1.0 + seed, seed)
        runs[name] = free_model_of(path, data)
    # Files of other programs need not have the order of ours.
    data.f_obs = data.f_obs.select(flex.size_t(place[::-1].astype(np.uint64)))
    data.r_free_flags = data.r_free_flags.select(
        flex.size_t(place[::-1].astype(np.uint64))
    )
    free = free_set(runs, data)
    common = (place % FREE_EVERY == 0) & (place != 10) & (place != 15)
    f_obs = data.f_obs.data().as_numpy_array()[::-1]
    order, expected = np.argsort(free.f_obs), np.argsort(f_obs[common])
    np.testing.assert_allclose(free.f_obs[order], f_obs[common][expected], rtol=1e-12)
    for seed, name in enumerate(left_out):
        np.testing.assert_allclose(
            free.f_model[name][order],
            f_model[name][common][expected] / (1.0 + seed),
            rtol=1e-6,
        )


def test_data_that_a_run_did_not_see_are_refused(tmp_path, data):
    everything = np.ones(data.f_obs.size(), bool)
    other = data.f_obs.customized_copy(data=data.f_obs.data() + 1.0)
    write_run(tmp_path / "run.mtz", data, everything, 1.0, f_obs=other)
    with pytest.raises(Disagreement, match=r"run\.mtz is no multiple of the data's"):
        free_model_of(tmp_path / "run.mtz", data)


def test_another_free_set_is_refused(tmp_path, data):
    write_run(tmp_path / "run.mtz", data, np.ones(data.f_obs.size(), bool), 1.0)
    run = free_model_of(tmp_path / "run.mtz", data)
    data.r_free_flags = data.r_free_flags.customized_copy(
        data=flex.bool(np.arange(data.f_obs.size()) % 4 == 1)
    )
    with pytest.raises(Disagreement, match="are not free in the data"):
        free_set({"hnm": run}, data)


def test_r_free_of_the_record_is_checked(tmp_path, data):
    place = np.arange(data.f_obs.size())
    kept = place != 10
    f_model = write_run(tmp_path / "run.mtz", data, kept, 1.5)
    run = free_model_of(tmp_path / "run.mtz", data)
    chosen = kept & (place % FREE_EVERY == 0)
    f_obs = data.f_obs.data().as_numpy_array()
    r_free = r_factor(f_obs[chosen], f_model[chosen], np.ones(chosen.sum()))
    check_r_free(run, data, a_record(r_free=float(r_free) + 1.9e-4))
    with pytest.raises(Disagreement, match="1abc hnm give R_free"):
        check_r_free(run, data, a_record(r_free=float(r_free) + 2.1e-4))


@pytest.fixture
def entry(tmp_path):
    """An entry made up: twenty atoms, amplitudes of theirs with errors, flags."""
    from cctbx.development import random_structure
    from cctbx.sgtbx import space_group_info

    flex.set_random_seed(3)
    structure = random_structure.xray_structure(
        space_group_info=space_group_info("P 21 21 21"),
        elements=["C"] * 20,
        volume_per_atom=100,
        random_u_iso=False,
        u_iso=0.3,
    )
    directory = tmp_path / "pdb" / "1abc"
    directory.mkdir(parents=True)
    (directory / "model.pdb").write_text(structure.as_pdb_file())
    f_calc = abs(structure.structure_factors(d_min=2.5, algorithm="direct").f_calc())
    rng = np.random.default_rng(6)
    errors = flex.double(rng.normal(1.0, 0.1, f_calc.size()))
    f_obs = f_calc.customized_copy(
        data=f_calc.data() * errors, sigmas=0.1 * f_calc.data()
    ).set_observation_type_xray_amplitude()
    flags = f_obs.generate_r_free_flags(fraction=0.2)
    dataset = f_obs.as_mtz_dataset("FOBS")
    dataset.add_miller_array(flags.customized_copy(data=flags.data().as_int()), "FREE")
    dataset.mtz_object().write(str(directory / "data.mtz"))
    return Entry("1abc", directory / "model.pdb", directory / "data.mtz"), structure


def test_what_a_run_writes_gives_its_r_free_again(tmp_path, entry):
    """From f_model, with its scaling and outliers, through MTZ, .npz and the data."""
    import iotbx.phil

    from hnmref import params as scopes
    from hnmref.refine.scaling import scaled_fmodel

    files, structure = entry
    params = iotbx.phil.parse(scopes.REFINE).extract()
    fmodel = scaled_fmodel(structure, read_entry_data(files, []), params)
    directory = tmp_path / "work" / "1abc" / "hnm"
    directory.mkdir(parents=True)
    write_maps(fmodel, directory / "run_001.mtz")
    write_record(a_record(r_free=fmodel.r_free()), tmp_path)

    keep_missing(tmp_path, tmp_path / "work", tmp_path / "pdb", ["1abc_none"])
    assert not (tmp_path / "1abc_hnm.npz").exists()
    keep_missing(tmp_path, tmp_path / "work", tmp_path / "pdb")
    run = read_free_model(tmp_path / "1abc_hnm.npz")
    free = free_set({"hnm": run}, read_entry_data(files, []))
    r_free = r_factor(free.f_obs, free.f_model["hnm"], np.ones(len(free.f_obs)))
    assert len(free.f_obs) > 20
    assert r_free == pytest.approx(fmodel.r_free(), abs=1e-5)


def test_reflections_of_another_run_are_not_kept(tmp_path, entry, capsys):
    files, structure = entry
    data = read_entry_data(files, [])
    directory = tmp_path / "work" / "1abc" / "hnm"
    directory.mkdir(parents=True)
    everything = np.ones(data.f_obs.size(), bool)
    write_run(directory / "run_001.mtz", data, everything, 1.0)
    write_record(a_record(r_free=0.5), tmp_path)
    keep_missing(tmp_path, tmp_path / "work", tmp_path / "pdb")
    assert "1abc_hnm.npz is not made" in capsys.readouterr().out
    assert not (tmp_path / "1abc_hnm.npz").exists()


def test_a_new_record_takes_away_the_reflections_of_the_old_one(tmp_path):
    (tmp_path / "1abc_hnm.npz").write_bytes(b"old")
    write_record(a_record(error="exit code 1: Sorry: no"), tmp_path)
    assert not (tmp_path / "1abc_hnm.npz").exists()
