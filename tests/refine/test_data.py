"""Reading reflections and free flags: every convention, and what is refused."""

import numpy as np
import pytest
from cctbx import crystal, miller
from cctbx.array_family import flex
from data_scope import data_scope

from hnmref.errors import InputError
from hnmref.refine import arrays
from hnmref.refine.data import read_data
from tests.shared_pdb import entry_ids, require_entry

SYMMETRY = crystal.symmetry((30, 40, 50, 90, 90, 90), "P212121")
SEED = 7


def reflections(anomalous=False, d_min=2.2):
    """Every reflection of the asymmetric unit but the absences."""
    full = miller.build_set(SYMMETRY, anomalous_flag=anomalous, d_min=d_min)
    return full.remove_systematic_absences()


def amplitudes(seed=1, anomalous=False, intensities=False):
    """Acentric Wilson amplitudes of mean-square 100, sigmas of a twentieth."""
    base = reflections(anomalous)
    rng = np.random.default_rng(seed)
    values = rng.exponential(100.0, base.size())
    if not intensities:
        values = np.sqrt(values) + 0.1
    sigmas = 0.05 * values + 0.1
    result = miller.array(base, arrays.to_double(values), arrays.to_double(sigmas))
    if intensities:
        return result.set_observation_type_xray_intensity()
    return result.set_observation_type_xray_amplitude()


def is_free(n, fraction=0.1, seed=2):
    return np.random.default_rng(seed).uniform(size=n) < fraction


def int_array(base, values):
    return miller.array(base.set(), data=flex.int(np.asarray(values, int).tolist()))


def turned(indices):
    """Each hkl as -h,-k,l."""
    return flex.miller_index([(-h, -k, l) for h, k, l in indices])  # noqa: E741


@pytest.fixture
def mtz(tmp_path):
    """Write columns {label: array} to an MTZ file and give its name."""

    def write(name="data.mtz", **columns):
        dataset = None
        for label, array in columns.items():
            label = label.replace("_", "-")
            if dataset is None:
                dataset = array.as_mtz_dataset(
                    column_root_label=label, wavelength=0.9795
                )
            else:
                dataset.add_miller_array(array, column_root_label=label)
        path = str(tmp_path / name)
        dataset.mtz_object().write(path)
        return path

    return write


def usual(mtz, f=None, **more):
    f = f or amplitudes()
    flags = int_array(f, is_free(f.size()))
    return mtz(FP=f, FREE=flags, **more), f, np.asarray(is_free(f.size()))


def values_by_index(array):
    return dict(zip(array.indices(), array.data()))


def test_amplitudes_and_binary_flags(mtz):
    name, f, free = usual(mtz)
    data = read_data(name, data_scope(), random_seed=SEED)
    assert (data.labels, data.free_label, data.test_value) == ("FP,SIGFP", "FREE", 1)
    assert data.wavelength == pytest.approx(0.9795)
    assert data.twin_law is None and data.notes == []
    assert data.f_obs.indices().all_eq(data.r_free_flags.indices())
    assert data.f_obs.is_unique_set_under_symmetry()
    assert data.f_obs.is_xray_amplitude_array()
    ours, theirs = values_by_index(data.f_obs), values_by_index(f.map_to_asu())
    assert ours.keys() == theirs.keys()
    np.testing.assert_allclose(
        [ours[h] for h in theirs], list(theirs.values()), rtol=1e-6
    )
    flags = values_by_index(data.r_free_flags)
    expected = dict(zip(f.map_to_asu().indices(), free.tolist()))
    assert flags == expected


@pytest.mark.parametrize("convention", ["work is 1", "20 bins", "cns", "shelx"])
def test_conventions_of_integer_flags(mtz, convention):
    f = amplitudes()
    free = is_free(f.size(), 0.05)
    rng = np.random.default_rng(5)
    bins = np.where(free, 0, rng.integers(1, 20, f.size()))
    columns = {
        "work is 1": (1 - free, 0),
        "20 bins": (bins, 0),
        "cns": (free.astype(int), 1),
        "shelx": (np.where(free, -1, 1), -1),
    }
    values, test_value = columns[convention]
    name = mtz(FP=f, FreeR=int_array(f, values))
    data = read_data(name, data_scope(), random_seed=SEED)
    assert data.test_value == test_value
    assert data.r_free_flags.data().count(True) == free.sum()


def test_the_test_value_can_be_chosen(mtz):
    f = amplitudes()
    bins = np.random.default_rng(5).integers(0, 20, f.size())
    name = mtz(FP=f, FREE=int_array(f, bins))
    data = read_data(name, data_scope(test_value=7), random_seed=SEED)
    assert data.test_value == 7
    assert data.r_free_flags.data().count(True) == (bins == 7).sum()


@pytest.fixture
def sf_cif(tmp_path):
    """Write amplitudes (numbers as text) and status words as a deposited SF-CIF."""

    def write(f, words, values=None, blocks=("r1abcsf",)):
        values = values or [f"{value:.3f}" for value in f.data()]
        rows = [
            f"{' '.join(map(str, index))} {word} {value} {sigma:.3f}"
            for index, word, value, sigma in zip(f.indices(), words, values, f.sigmas())
        ]
        keys = [
            "index_h",
            "index_k",
            "index_l",
            "status",
            "F_meas_au",
            "F_meas_sigma_au",
        ]
        header = [
            "_cell.length_a 30", "_cell.length_b 40", "_cell.length_c 50",
            "_cell.angle_alpha 90", "_cell.angle_beta 90", "_cell.angle_gamma 90",
            "_symmetry.space_group_name_H-M 'P 21 21 21'",
            "loop_", *(f"_refln.{key}" for key in keys),
        ]  # fmt: skip
        path = tmp_path / "data.cif"
        path.write_text(
            "\n".join("\n".join([f"data_{name}", *header, *rows]) for name in blocks)
        )
        return str(path)

    return write


def test_status_words_of_an_sf_cif(sf_cif):
    f = amplitudes()
    free = is_free(f.size())
    words = np.where(free, "f", "o")
    words[:5] = "x"
    data = read_data(sf_cif(f, words), data_scope(), random_seed=SEED)
    assert data.free_label.endswith("_refln.status")
    assert data.f_obs.size() == f.size() - 5
    assert data.r_free_flags.data().count(True) == free[5:].sum()
    assert any("5 reflections without a free-R flag" in note for note in data.notes)


def test_the_first_block_of_an_sf_cif_is_taken(sf_cif):
    f = amplitudes()
    words = np.where(is_free(f.size()), "f", "o")
    name = sf_cif(f, words, blocks=("r1abcsf", "r1abcAsf"))
    data = read_data(name, data_scope(), random_seed=SEED)
    assert (
        data.labels.startswith("r1abcsf,")
        and data.free_label == "r1abcsf,_refln.status"
    )
    assert any("2 data blocks" in note for note in data.notes)


def test_an_sf_cif_without_free_reflections(sf_cif):
    f = amplitudes()
    with pytest.raises(InputError, match="no free-R flags"):
        read_data(sf_cif(f, ["o"] * f.size()), data_scope(), random_seed=SEED)


def test_no_flags_are_invented(mtz):
    name = mtz(FP=amplitudes())
    with pytest.raises(
        InputError, match="no free-R flags.*data.generate_free_flags=True"
    ):
        read_data(name, data_scope(), random_seed=SEED)


def test_flags_are_made_on_demand_from_the_seed(mtz):
    name = mtz(FP=amplitudes())
    made = [
        read_data(name, data_scope(generate_free_flags=True), random_seed=seed)
        for seed in (SEED, SEED, SEED + 1)
    ]
    flags = [arrays.to_numpy(data.r_free_flags.data()) for data in made]
    np.testing.assert_array_equal(flags[0], flags[1])
    assert (flags[0] != flags[2]).any()
    assert flags[0].mean() == pytest.approx(0.05, abs=0.005)
    assert made[0].test_value is None and f"seed {SEED}" in made[0].notes[-2]


def test_flags_of_the_file_go_before_made_ones(mtz):
    name, _, free = usual(mtz)
    data = read_data(name, data_scope(generate_free_flags=True), random_seed=SEED)
    assert data.r_free_flags.data().count(True) == free.sum()
    assert any("No free set was made" in note for note in data.notes)


def test_equivalents_that_disagree_are_free(mtz):
    """Both hkl and -h,-k,l have flags, and the second ones all say work."""
    f = amplitudes()
    free = is_free(f.size())
    general = np.array([0 not in index for index in f.indices()])
    both = f.indices().deep_copy()
    mates = f.indices().select(flex.bool(general.tolist()))
    both.extend(turned(mates))
    values = np.concatenate([free, np.zeros(general.sum(), bool)]).astype(int)
    flags = miller.array(
        miller.set(SYMMETRY, both, False), data=flex.int(values.tolist())
    )
    data = read_data(mtz(FREE=flags, FP=f), data_scope(), random_seed=SEED)
    assert data.r_free_flags.data().count(True) == free.sum()
    n_conflicts = (free & general).sum()
    assert any(
        f"{n_conflicts} equivalent reflections disagree" in n for n in data.notes
    )


def test_several_flag_columns(mtz):
    f = amplitudes()
    one = int_array(f, is_free(f.size()))
    equal = mtz("equal.mtz", FP=f, FREE=one, RfreeB=one)
    data = read_data(equal, data_scope(), random_seed=SEED)
    assert data.free_label == "FREE" and "Equal free-flag columns" in data.notes[-1]
    other = int_array(f, is_free(f.size(), seed=9))
    name = mtz("differ.mtz", FP=f, FREE=one, RfreeB=other)
    with pytest.raises(InputError, match="disagree .FREE; RfreeB.*data.free_label"):
        read_data(name, data_scope(), random_seed=SEED)
    data = read_data(name, data_scope(free_label="RfreeB"), random_seed=SEED)
    assert data.r_free_flags.data().count(True) == is_free(f.size(), seed=9).sum()


def test_flags_by_values_alone_are_noted(mtz):
    f = amplitudes()
    name = mtz(FP=f, column=int_array(f, is_free(f.size())))
    data = read_data(name, data_scope(), random_seed=SEED)
    assert data.free_label == "column"
    assert any("column is taken as free-R flags" in note for note in data.notes)


def test_a_named_column_that_does_not_look_like_flags(mtz):
    f = amplitudes()
    name = mtz(FP=f, batch=int_array(f, 3 + 4 * is_free(f.size(), 0.007)))
    data = read_data(name, data_scope(free_label="batch"), random_seed=SEED)
    assert data.test_value == 7
    name = mtz("b.mtz", FP=f, batch=int_array(f, np.arange(f.size()) % 3 * 5))
    with pytest.raises(InputError, match="batch .* is not evident .*data.test_value"):
        read_data(name, data_scope(free_label="batch"), random_seed=SEED)
    with pytest.raises(
        InputError, match="data.free_label=nothing matches no flag column"
    ):
        read_data(name, data_scope(free_label="nothing"), random_seed=SEED)


@pytest.mark.parametrize("fraction", [0.002, 0.45])
def test_unlikely_free_sets(mtz, fraction):
    f = amplitudes()
    name = mtz(FP=f, FREE=int_array(f, is_free(f.size(), fraction)))
    with pytest.raises(InputError, match="free set .* holds .* of|free-R flags"):
        read_data(name, data_scope(free_label="FREE", test_value=1), random_seed=SEED)


def test_few_flags_are_noted_and_missing_ones_refused(mtz):
    f = amplitudes()
    part = f.select(flex.bool((np.arange(f.size()) % 3 > 0).tolist()))
    name = mtz(FP=f, FREE=int_array(part, is_free(part.size())))
    with pytest.raises(InputError, match="have no free-R flag in FREE"):
        read_data(name, data_scope(), random_seed=SEED)
    name, _, _ = usual(mtz)
    data = read_data(name, data_scope(high_resolution=3.5), random_seed=SEED)
    assert any("R_free is a rough number" in note for note in data.notes)


def test_intensities_become_french_wilson_amplitudes(mtz):
    i_obs = amplitudes(intensities=True)
    values = arrays.to_numpy(i_obs.data()).copy()
    values[:40] = -0.2  # weak negative measurements are measurements
    i_obs = i_obs.customized_copy(
        data=arrays.to_double(values),
        sigmas=arrays.to_double(np.full(len(values), 2.0)),
    ).set_observation_type_xray_intensity()
    name, _, _ = usual(mtz, f=i_obs)
    data = read_data(name, data_scope(), random_seed=SEED)
    assert data.f_obs.size() == i_obs.size()
    assert any("French-Wilson" in note for note in data.notes)
    strong = i_obs.data() > 100
    f = values_by_index(data.f_obs)
    ratio = [
        f[h] / np.sqrt(i)
        for h, i in zip(
            i_obs.select(strong).map_to_asu().indices(), i_obs.select(strong).data()
        )
    ]
    np.testing.assert_allclose(ratio, 1, atol=0.01)
    assert min(f.values()) > 0


def test_amplitudes_win_over_intensities_and_friedel_pairs(mtz):
    i_obs = amplitudes(intensities=True)
    pairs = amplitudes(anomalous=True)
    name, _, _ = usual(mtz, IOBS=i_obs, FA=pairs)
    data = read_data(name, data_scope(), random_seed=SEED)
    assert data.labels == "FP,SIGFP"
    assert "also there: IOBS,SIGIOBS; FA(+)" in data.notes[0]
    data = read_data(name, data_scope(labels="IOBS"), random_seed=SEED)
    assert data.labels == "IOBS,SIGIOBS"
    data = read_data(name, data_scope(anomalous=True), random_seed=SEED)
    assert data.labels.startswith("FA(+)") and data.f_obs.anomalous_flag()
    flags = data.r_free_flags.deep_copy()
    # Friedel mates share their flag.
    plus, minus = flags.hemispheres_acentrics()
    assert (plus.data() == minus.data()).all_eq(True)
    assert flags.data().count(True) > 0


def test_friedel_pairs_alone(mtz):
    pairs = amplitudes(anomalous=True)
    flags = int_array(reflections().array(), is_free(reflections().size()))
    name = mtz(FA=pairs, FREE=flags)
    assert read_data(name, data_scope(), random_seed=SEED).f_obs.anomalous_flag()
    merged = read_data(name, data_scope(anomalous=False), random_seed=SEED)
    assert not merged.f_obs.anomalous_flag()
    assert merged.f_obs.size() == reflections().size()
    assert any("Friedel mates merged" in note for note in merged.notes)
    name, _, _ = usual(mtz)
    with pytest.raises(InputError, match="data.anomalous=True.*no Friedel mates"):
        read_data(name, data_scope(anomalous=True), random_seed=SEED)


def test_equally_good_columns_are_listed(mtz):
    name, f, _ = usual(mtz, FQ=amplitudes(seed=4))
    with pytest.raises(InputError, match="FP,SIGFP; FQ,SIGFQ.*data.labels"):
        read_data(name, data_scope(), random_seed=SEED)
    data = read_data(name, data_scope(labels="FQ"), random_seed=SEED)
    np.testing.assert_allclose(
        np.sort(arrays.to_numpy(data.f_obs.data())),
        np.sort(arrays.to_numpy(amplitudes(seed=4).data())),
        rtol=1e-6,
    )
    with pytest.raises(InputError, match="no observed .* named FX.*FP,SIGFP"):
        read_data(name, data_scope(labels="FX"), random_seed=SEED)


def test_filtered_copies_are_passed_over(mtz):
    f = amplitudes()
    flags = int_array(f, is_free(f.size()))
    name = mtz(F_obs=f, F_obs_filtered=amplitudes(seed=4), R_free_flags=flags)
    assert read_data(name, data_scope(), random_seed=SEED).labels == "F-obs,SIGF-obs"


def spoiled(values=None, sigmas=None):
    """Amplitudes of which the first few values or sigmas are replaced."""
    f = amplitudes()
    data, s = arrays.to_numpy(f.data()).copy(), arrays.to_numpy(f.sigmas()).copy()
    data[: len(values or [])] = values or []
    s[: len(sigmas or [])] = sigmas or []
    array = f.customized_copy(data=arrays.to_double(data), sigmas=arrays.to_double(s))
    return array.set_observation_type_xray_amplitude()


@pytest.mark.parametrize(
    "array, n_left_out, word",
    [
        (spoiled(values=[-3.0, -1.0]), 2, "2 amplitudes negative"),
        (spoiled(values=[0.0]), 1, "1 amplitudes zero"),
        (spoiled(sigmas=[0.0, -1.0, -2.0]), 3, "3 amplitudes with a sigma"),
        (
            spoiled(values=[-2.0, 5.0], sigmas=[0.0, 0.0]),
            2,
            "1 amplitudes with a sigma",
        ),
    ],
)
def test_unusable_values_are_rejected_and_counted(mtz, array, n_left_out, word):
    name, _, _ = usual(mtz, f=array)
    data = read_data(name, data_scope(), random_seed=SEED)
    assert data.f_obs.size() == array.size() - n_left_out
    assert any(word in note for note in data.notes)
    assert (arrays.to_numpy(data.f_obs.data()) > 0).all()


@pytest.mark.parametrize("word", ["nan", "inf"])
def test_nan_and_infinity_are_rejected(sf_cif, word):
    """MTZ takes NaN for a missing value; a CIF can hold the words."""
    f = amplitudes()
    values = [f"{value:.3f}" for value in f.data()]
    values[3] = word
    name = sf_cif(f, np.where(is_free(f.size()), "f", "o"), values)
    data = read_data(name, data_scope(), random_seed=SEED)
    assert data.f_obs.size() == f.size() - 1
    assert any("1 amplitudes NaN or infinite rejected" in note for note in data.notes)


def test_nothing_usable_is_an_error(mtz):
    n = amplitudes().size()
    name, _, _ = usual(mtz, f=spoiled(values=[-1.0] * n))
    with pytest.raises(InputError, match=f"No usable reflection.*all {n} values"):
        read_data(name, data_scope(labels="FP"), random_seed=SEED)


def test_sigmas_that_are_all_zero_are_no_sigmas(mtz):
    name, f, _ = usual(mtz, f=spoiled(sigmas=[0.0] * amplitudes().size()))
    data = read_data(name, data_scope(), random_seed=SEED)
    assert data.f_obs.sigmas() is None and data.f_obs.size() == f.size()
    assert any("without sigmas" in note for note in data.notes)


def test_absences_are_removed(mtz):
    """Odd h00 and 0k0 are absent in P 21 21 21."""
    f = amplitudes()
    indices = f.indices().deep_copy()
    indices.extend(flex.miller_index([(3, 0, 0), (0, 5, 0)]))
    with_absences = miller.array(
        miller.set(SYMMETRY, indices, False),
        data=flex.double(len(indices), 9),
        sigmas=flex.double(len(indices), 1),
    )
    name, _, _ = usual(mtz, f=with_absences.set_observation_type_xray_amplitude())
    data = read_data(name, data_scope(), random_seed=SEED)
    assert data.f_obs.size() == f.size()
    assert any("2 systematically absent" in note for note in data.notes)


def test_unmerged_equivalents_are_merged(mtz):
    """hkl and -h,-k,l of P 21 21 21: their mean, weighted by 1/sigma**2."""
    f = amplitudes()
    general = f.select(flex.bool([0 not in index for index in f.indices()]))
    both = general.indices().deep_copy()
    both.extend(turned(general.indices()))
    values = general.data().deep_copy()
    values.extend(general.data() * 1.3)
    sigmas = flex.double(general.size(), 1.0)
    sigmas.extend(flex.double(general.size(), 0.5))
    twice = miller.array(miller.set(SYMMETRY, both, False), values, sigmas)
    flags = int_array(general, is_free(general.size()))
    name = mtz(FP=twice.set_observation_type_xray_amplitude(), FREE=flags)
    data = read_data(name, data_scope(), random_seed=SEED)
    ours, theirs = values_by_index(data.f_obs), values_by_index(general.map_to_asu())
    assert ours.keys() == theirs.keys()
    expected = (1 / 1.0 + 1.3 / 0.25) / (1 / 1.0 + 1 / 0.25)
    np.testing.assert_allclose(
        [ours[h] / theirs[h] for h in theirs], expected, rtol=1e-5
    )
    assert any(f"merged to {general.size()}" in note for note in data.notes)


def test_resolution_limits(mtz):
    name, f, _ = usual(mtz)
    scope = data_scope(high_resolution=3.0, low_resolution=12.0)
    data = read_data(name, scope, random_seed=SEED)
    d = arrays.to_numpy(f.d_spacings().data())
    assert data.f_obs.size() == ((d >= 3.0) & (d <= 12.0)).sum()
    with pytest.raises(InputError, match="lies within data.low_resolution"):
        read_data(name, data_scope(high_resolution=60.0), random_seed=SEED)


def test_twin_laws(mtz):
    name, _, _ = usual(mtz)
    scope = data_scope(twin_law="k,h,-l")
    assert read_data(name, scope, random_seed=SEED).twin_law == "k,h,-l"
    with pytest.raises(InputError, match="data.twin_law=k,,l is not an operator"):
        read_data(name, data_scope(twin_law="k,,l"), random_seed=SEED)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="absent.mtz does not exist"):
        read_data(str(tmp_path / "absent.mtz"), data_scope(), random_seed=SEED)
    for name in ("text.mtz", "text.cif"):
        path = tmp_path / name
        path.write_text("these are no reflections\n")
        with pytest.raises(InputError, match=f"{name} (is not|cannot be read)"):
            read_data(str(path), data_scope(), random_seed=SEED)


def test_a_file_without_symmetry_takes_the_models(tmp_path):
    f = amplitudes()
    path = str(tmp_path / "data.hkl")
    with open(path, "w") as stream:
        f.export_as_shelx_hklf(stream)
    scope = data_scope(generate_free_flags=True)
    with pytest.raises(InputError, match="no unit cell or no space group"):
        read_data(path + "=amplitudes", scope, random_seed=SEED)
    data = read_data(
        path + "=amplitudes", scope, random_seed=SEED, model_crystal_symmetry=SYMMETRY
    )
    assert data.f_obs.size() == f.size()
    assert any("the model's is used" in note for note in data.notes)


@pytest.mark.parametrize("entry_id", entry_ids() or ["4drw"])
def test_real_entries_agree_with_the_index(entry_id):
    entry = require_entry(entry_id)
    data = read_data(entry.data, data_scope(), random_seed=SEED)
    facts = entry.facts
    assert data.labels == facts["label"]
    assert data.free_label == facts["free_label"]
    assert data.test_value == facts["test_val"]
    assert data.f_obs.size() == facts["n_refl"]
    assert data.f_obs.is_in_asu() and data.f_obs.is_unique_set_under_symmetry()
