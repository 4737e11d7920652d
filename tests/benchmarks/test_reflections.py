"""Free reflections of several runs, brought together from their MTZ files."""

import numpy as np
import pytest
from cctbx import crystal, miller
from cctbx.array_family import flex

from benchmarks.reflections import read_free_set


@pytest.fixture(params=[False, True], ids=["merged", "friedel-pairs"])
def f_obs(request):
    symmetry = crystal.symmetry(
        unit_cell=(30, 40, 50, 90, 100, 90), space_group_symbol="P 1 21 1"
    )
    reflections = miller.build_set(symmetry, anomalous_flag=request.param, d_min=5)
    rng = np.random.default_rng(4)
    data = flex.double(rng.uniform(10, 100, reflections.size()))
    return miller.array(reflections, data=data).set_observation_type_xray_amplitude()


def write_run(path, f_obs, kept, factor, seed):
    """A run's MTZ: outliers left out, amplitudes multiplied by its scale."""
    n = f_obs.size()
    phases = flex.double(np.random.default_rng(seed).uniform(-3, 3, n))
    f_model = f_obs.customized_copy(data=flex.polar(0.9 * f_obs.data(), phases))
    flags = f_obs.customized_copy(data=flex.int(np.arange(n, dtype=np.int32) % 5 == 0))
    kept = flex.bool(kept)
    scaled = f_obs.customized_copy(data=factor * f_obs.data())
    dataset = flags.set_observation_type(None).as_mtz_dataset("R-free-flags")
    dataset.add_miller_array(
        scaled.select(kept).set_observation_type_xray_amplitude(), "F-obs-filtered"
    )
    dataset.add_miller_array(f_model.select(kept), "F-model")
    dataset.mtz_object().write(str(path))
    return path


def test_common_free_reflections_in_one_order(tmp_path, f_obs):
    n = f_obs.size()
    place = np.arange(n)
    files = {
        "a": write_run(tmp_path / "a.mtz", f_obs, place != 10, 1.0, seed=1),
        "b": write_run(tmp_path / "b.mtz", f_obs, place != 15, 1.25, seed=2),
    }
    free = read_free_set(files)
    common = (place % 5 == 0) & (place != 10) & (place != 15)
    expected = np.sort(f_obs.data().as_numpy_array()[common])
    np.testing.assert_allclose(np.sort(free.f_obs), expected, rtol=1e-5)
    np.testing.assert_allclose(free.f_model["a"], 0.9 * free.f_obs, rtol=1e-5)
    np.testing.assert_allclose(free.f_model["b"], 0.9 * free.f_obs, rtol=1e-5)


def test_other_data_are_refused(tmp_path, f_obs):
    everything = np.ones(f_obs.size(), bool)
    changed = f_obs.customized_copy(data=f_obs.data() + 1.0)
    files = {
        "a": write_run(tmp_path / "a.mtz", f_obs, everything, 1.0, seed=1),
        "b": write_run(tmp_path / "b.mtz", changed, everything, 1.0, seed=1),
    }
    with pytest.raises(ValueError, match=r"b\.mtz and .*a\.mtz differ"):
        read_free_set(files)
