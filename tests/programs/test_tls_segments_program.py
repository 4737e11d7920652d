"""The hnmref.tls_segments command, from a file to files."""

import hnmref  # noqa: F401  (cctbx's extensions load first)

import csv
import json

import iotbx.phil
import numpy as np
import pytest
from libtbx.utils import Sorry

from hnmref.adp.metrics import B_PER_U
from hnmref.adp.tls import u_from_tls
from hnmref.params import REFINE
from hnmref.programs.tls_segments import run
from hnmref.refine.arrays import to_numpy
from hnmref.refine.model import read_model
from tests.refine.known_bodies import STARTS, write_bodies

ENDINGS = (".json", ".csv", ".png", ".log", ".txt", "_hnmref.eff", "_phenix.eff")
FIRST = [str(number) for number in STARTS]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def first_residues(partition):
    return [segment["first"] for segment in partition["segments"]]


def test_writes_what_it_says(here, capsys):
    name = write_bodies(here / "m.pdb")
    got = run([name, "max_segments=6"])
    written = {path.name for path in here.iterdir()} - {"m.pdb"}
    assert written == {f"m_tls_segments{ending}" for ending in ENDINGS}
    assert json.loads((here / "m_tls_segments.json").read_text()) == got
    (chain,) = got["chains"]
    assert chain["label"] == "A" and chain["suggested"] == 3
    assert chain["n_residues"] == len(chain["residues"]) == 60
    numbers = [partition["n_segments"] for partition in chain["partitions"]]
    assert numbers == [1, 2, 3, 4, 5, 6]
    assert first_residues(chain["partitions"][2]) == FIRST
    rms = [partition["rms_b"] for partition in chain["partitions"]]
    assert (np.diff(rms) < 0).all() and rms[2] < 0.01 < 1 < rms[1]
    rows = list(csv.DictReader((here / "m_tls_segments.csv").open()))
    assert [row["suggested"] for row in rows] == list("001000")
    assert [float(row["rms_b"]) for row in rows] == pytest.approx(rms, rel=1e-5)
    log = (here / "m_tls_segments.log").read_text()
    assert f"  *  3  {rms[2]:12.2f}" in log and log in capsys.readouterr().out
    assert (here / "m_tls_segments.png").read_bytes()[:4] == b"\x89PNG"


def test_tensors_of_a_segment_give_its_b(here):
    name = write_bodies(here / "m.pdb")
    (chain,) = run([name, "max_segments=3"])["chains"]
    model, _ = read_model(name)
    present = to_numpy(model.get_atoms().extract_occ()) > 0
    b = to_numpy(model.get_atoms().extract_b())
    for segment in chain["partitions"][2]["segments"]:
        inside = present & to_numpy(model.selection(segment["selection"]))
        sites = np.array(model.get_sites_cart())[inside]
        tensors = (np.array(segment[key]) for key in ("t", "l", "s", "origin"))
        u = u_from_tls(sites, *tensors)
        assert B_PER_U * u[:, :3].mean(axis=1) == pytest.approx(b[inside], abs=0.02)


def test_parameter_files_select_the_segments(here):
    """The programs' own parsers read them; every k is in the list."""
    name = write_bodies(here / "m.pdb")
    got = run([name, "n_segments=2", "max_segments=4"])
    partitions = got["chains"][0]["partitions"]
    wanted = [segment["selection"] for segment in partitions[1]["segments"]]
    own = iotbx.phil.parse((here / "m_tls_segments_hnmref.eff").read_text())
    params = iotbx.phil.parse(REFINE).fetch(source=own).extract()
    assert params.group_adp == "tls" and params.tls.selection[-2:] == wanted
    phenix = iotbx.phil.parse((here / "m_tls_segments_phenix.eff").read_text())
    values = [item.object.words[0].value for item in phenix.all_definitions()]
    assert values == wanted
    text = (here / "m_tls_segments.txt").read_text()
    for partition in partitions:
        for segment in partition["segments"]:
            assert f'\ntls.selection="{segment["selection"]}"\n' in text
            assert f'\n  tls = "{segment["selection"]}"\n' in text


def test_anisotropic_displacements_have_twice_the_parameters(here):
    name = write_bodies(here / "m.pdb", anisou=True)
    arguments = [name, "displacements=anisotropic", "max_segments=4"]
    (chain,) = run(arguments)["chains"]
    assert chain["suggested"] == 3
    assert chain["n_data"] == 6 * chain["n_atoms"]
    assert first_residues(chain["partitions"][2]) == FIRST
    assert chain["partitions"][2]["n_parameters"] == 60


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["m.pdb", "flat.pdb"], "takes one model and got 2"),
        (["m.pdb", "displacements=anisotropic"], "has no ANISOU records"),
        (["m.pdb", "output.prefix=old"], "old_tls_segments.json exists"),
        (["flat.pdb"], "the same B, which says nothing"),
    ],
)
def test_what_cannot_be_done(here, arguments, sentence):
    write_bodies(here / "m.pdb")
    lines = (here / "m.pdb").read_text().splitlines()
    flat = [x[:60] + " 20.00" + x[66:] if x[:4] == "ATOM" else x for x in lines]
    (here / "flat.pdb").write_text("\n".join(flat) + "\n")
    (here / "old_tls_segments.json").write_text("")
    with pytest.raises(Sorry, match=sentence):
        run(arguments)
    assert not (here / "m_tls_segments.json").exists()
