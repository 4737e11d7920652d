"""The JSON of a run is strict, complete and whole."""

import json
from pathlib import Path

import numpy as np
import pytest

from hnmref.errors import HnmrefError
from hnmref.report.json_report import REQUIRED, write_json


def read_strictly(path):
    """JSON as programs in other languages read it: no NaN, no Infinity."""

    def refuse(constant):
        raise ValueError(constant)

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


def test_what_is_written_is_read_back(run, tmp_path):
    path = write_json(run, tmp_path / "run_001.json")
    assert read_strictly(path) == run


def test_numpy_and_paths_become_plain(run, tmp_path):
    run["cycles"][0]["n_parameters"] = np.int64(8)
    run["cycles"][0]["r_work"] = np.float64(0.25)
    run["groups"][0]["eigenvalues"] = np.array([1.5, 2.5])
    run["files"]["mtz"] = Path("run_001.mtz")
    run["converged"] = np.bool_(True)
    again = read_strictly(write_json(run, tmp_path / "a.json"))
    assert again["cycles"][0]["n_parameters"] == 8
    assert again["cycles"][0]["r_work"] == 0.25
    assert again["groups"][0]["eigenvalues"] == [1.5, 2.5]
    assert again["files"]["mtz"] == "run_001.mtz"
    assert again["converged"] is True


def test_numbers_keep_six_digits(run, tmp_path):
    run["final"]["r_work"] = 0.123456789
    run["random_seed"] = 123456789
    again = read_strictly(write_json(run, tmp_path / "a.json"))
    assert again["final"]["r_work"] == 0.123457
    assert again["random_seed"] == 123456789


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), np.float32("nan")])
def test_a_number_that_is_none_is_refused_with_its_place(run, tmp_path, bad):
    run["cycles"][2]["r_free"] = bad
    with pytest.raises(HnmrefError, match=r"cycles\[2\]\.r_free.*not finite"):
        write_json(run, tmp_path / "a.json")
    assert list(tmp_path.iterdir()) == []


def test_no_group_adp_is_the_word_none(run, tmp_path):
    run["group_adp"] = None
    assert read_strictly(write_json(run, tmp_path / "a.json"))["group_adp"] == "none"


@pytest.mark.parametrize("key", REQUIRED)
def test_a_missing_key_is_named(run, tmp_path, key):
    del run[key]
    with pytest.raises(HnmrefError, match=key):
        write_json(run, tmp_path / "a.json")


def test_a_value_without_a_place_in_json_is_named(run, tmp_path):
    run["versions"]["python"] = {3, 11}
    with pytest.raises(HnmrefError, match=r"versions\.python.*set"):
        write_json(run, tmp_path / "a.json")


def test_crash_leaves_the_older_report(run, tmp_path, monkeypatch):
    path = write_json(run, tmp_path / "a.json")
    before = path.read_bytes()

    def disk_is_full(*_):
        raise OSError("no space left")

    monkeypatch.setattr("hnmref.files.os.replace", disk_is_full)
    run["final"]["r_free"] = 0.1
    with pytest.raises(OSError, match="no space"):
        write_json(run, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
