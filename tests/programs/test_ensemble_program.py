"""hnmref.ensemble and output.viewers, from a finished run to files read back."""

import hnmref  # noqa: F401  (cctbx's extensions load first)

import json
import shutil
from pathlib import Path

import iotbx.pdb
import numpy as np
import pytest
from libtbx.utils import Sorry

from hnmref.adp.metrics import B_PER_U, relative_difference, u_eq
from hnmref.modes.ensemble import ensemble_u
from hnmref.programs.ensemble import run
from hnmref.programs.refine import run as refine
from hnmref.refine.simulate import write_simulated
from tests.refine.small_run import QUICK_ARGUMENTS, small_simulation

#: From twice the modes of a group on, U can be exact.
ENOUGH = "n=40"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The stem of a finished run's files."""
    directory = tmp_path_factory.mktemp("run")
    files = write_simulated(small_simulation(), directory)
    refine(
        [str(files["model"]), str(files["data"]), *QUICK_ARGUMENTS]
        + [f"output.prefix={directory / 'run'}", "--quiet"]
    )
    return directory / "run_001"


def ensemble_of(finished, prefix, *arguments):
    """Run the command; the conformers (n, N, 3) read back, and the JSON."""
    run([f"{finished}.hnm.npz", f"output.prefix={prefix}", "--quiet", *arguments])
    root = iotbx.pdb.input(f"{prefix}_ensemble.pdb").construct_hierarchy()
    frames = np.array([model.atoms().extract_xyz() for model in root.models()])
    told = json.loads(Path(f"{prefix}_ensemble.json").read_text())
    return root, frames, told


def refined(finished):
    with np.load(f"{finished}.hnm.npz") as file:
        return {key: file[key] for key in file.files}


def bond_changes(frames, sites):
    """Peptide and backbone bonds, by distance in the model, written out here."""
    near = np.linalg.norm(sites[:, None] - sites[None], axis=2)
    first, second = np.nonzero(np.triu((near > 0.1) & (near < 1.7), 1))
    lengths = np.linalg.norm(frames[:, first] - frames[:, second], axis=2)
    return lengths - near[first, second]


def test_u_is_recovered_and_bonds_hold(finished, tmp_path):
    root, frames, told = ensemble_of(finished, tmp_path / "e", ENOUGH)
    run_end = refined(finished)
    assert frames.shape == (40, 407, 3)
    # Coordinates are written to 0.001 Å.
    wrong = relative_difference(ensemble_u(frames), run_end["u_group"])
    assert wrong < 0.01
    changes = bond_changes(frames, run_end["sites_cart"])
    assert changes.shape[1] > 400
    rms = np.sqrt(np.mean(changes**2))
    assert rms < 0.05
    assert told["bonds"]["all"]["rms"] == pytest.approx(rms, rel=0.1, abs=1e-3)
    assert told["u"]["relative_difference"] < 0.01
    assert told["u"]["correlation"] > 0.999
    # Before U is held, screws alone recover it to their curvature.
    assert 0 < told["on_screws"]["u"]["relative_difference"] < 0.05
    b = root.models()[7].atoms().extract_b().as_numpy_array()
    np.testing.assert_allclose(b, B_PER_U * run_end["u_local"], atol=0.006)
    png = (tmp_path / "e_ensemble.png").read_bytes()
    assert png.startswith(b"\x89PNG")
    log = (tmp_path / "e_ensemble.log").read_text()
    assert "40 conformers" in log and "407 of 407 atoms move, in 2 groups" in log


def test_bonds_or_screws_can_be_held(finished, tmp_path):
    sites = refined(finished)["sites_cart"]
    _, frames, told = ensemble_of(finished, tmp_path / "b", ENOUGH, "hold=bonds")
    assert np.abs(bond_changes(frames, sites)).max() < 0.02
    assert told["u"]["relative_difference"] < 0.05
    _, frames, told = ensemble_of(finished, tmp_path / "s", ENOUGH, "hold=screws")
    assert told["bonds"]["within"]["max"] < 1e-9 < told["bonds"]["between"]["rms"]
    assert told["u"] == told["on_screws"]["u"]


def test_stage_one_has_the_whole_complex(finished, tmp_path):
    _, frames, told = ensemble_of(finished, tmp_path / "w", ENOUGH, "stage=one")
    assert told["n_groups"] == 1
    # Both domains move together: their centres are correlated, as in no stage two.
    joint = centre_covariance(frames)
    _, frames, _ = ensemble_of(finished, tmp_path / "p", ENOUGH, "stage=two")
    apart = centre_covariance(frames)
    assert np.abs(joint).max() > 2 * np.abs(apart).max()


def centre_covariance(frames):
    """(3, 3) correlation of the two domains' centres, in atoms of the model's order."""
    centres = [frames[:, part].mean(axis=1) for part in (slice(200), slice(240, 407))]
    return np.corrcoef(centres[0].T, centres[1].T)[:3, 3:]


def test_u_local_scatters_every_atom(finished, tmp_path):
    root, frames, told = ensemble_of(
        finished, tmp_path / "l", "n=400", "local=True", "hold=screws"
    )
    end = refined(finished)
    total = u_eq(end["u_group"]) + end["u_local"]
    found = u_eq(ensemble_u(frames))
    assert found.mean() == pytest.approx(total.mean(), rel=0.02)
    assert told["u_total"]["relative_difference"] < 0.15
    assert root.atoms().extract_b().as_numpy_array().max() == 0.0


def test_the_seed_decides(finished, tmp_path):
    same = [ensemble_of(finished, tmp_path / name, "n=4")[1] for name in "ab"]
    other = ensemble_of(finished, tmp_path / "c", "n=4", "random_seed=1")[1]
    np.testing.assert_array_equal(*same)
    assert np.abs(other - same[0]).max() > 0.05


def test_few_conformers_are_a_sample_and_say_so(finished, tmp_path):
    _, frames, told = ensemble_of(finished, tmp_path / "f", "n=2")
    assert len(frames) == 2 and "U of a sample" in told["notes"][0]
    assert told["u"]["relative_difference"] > 0.3


def test_a_model_that_pdb_cannot_hold_is_written_as_cif(finished, tmp_path):
    """The same run with a chain of two letters, given by name."""
    root = iotbx.pdb.input(f"{finished}.pdb").construct_hierarchy()
    symmetry = iotbx.pdb.input(f"{finished}.pdb").crystal_symmetry()
    (chain,) = root.chains()
    chain.id = "AA"
    root.write_mmcif_file(str(tmp_path / "long.cif"), crystal_symmetry=symmetry)
    with np.load(f"{finished}.hnm.npz") as file:
        content = dict(file)
    about = json.loads(str(content.pop("about")))
    about["atoms"] = [atom.id_str() for atom in root.atoms()]
    np.savez(tmp_path / "long.hnm.npz", about=json.dumps(about), **content)
    shutil.copy(f"{finished}.eff", tmp_path / "long.eff")
    run([str(tmp_path / "long.hnm.npz"), "n=3", "--quiet"])
    assert not (tmp_path / "long_ensemble.pdb").exists()
    again = iotbx.pdb.input(str(tmp_path / "long_ensemble.cif"))
    models = again.construct_hierarchy().models()
    assert [model.id.strip() for model in models] == ["1", "2", "3"]
    assert {chain.id for model in models for chain in model.chains()} == {"AA"}
    frames = np.array([model.atoms().extract_xyz() for model in models])
    np.testing.assert_allclose(frames.mean(axis=0), content["sites_cart"], atol=0.8)
    assert again.crystal_symmetry().is_similar_symmetry(symmetry)


@pytest.fixture
def copied(finished, tmp_path):
    """The run's files where a test may change them."""
    for ending in ("hnm.npz", "pdb", "eff"):
        shutil.copy(f"{finished}.{ending}", tmp_path / f"run_001.{ending}")
    return tmp_path


def refused(copied, sentence, *arguments):
    with pytest.raises(Sorry, match=sentence):
        run([str(copied / "run_001.hnm.npz"), "--quiet", *arguments])
    assert not list(copied.glob("*_ensemble.*"))


def changed_about(path, **changes):
    with np.load(path) as file:
        content = dict(file)
    about = {**json.loads(str(content.pop("about"))), **changes}
    np.savez(path, about=json.dumps(about), **content)


def test_a_file_that_is_no_restart_file(copied):
    (copied / "run_001.hnm.npz").write_text("no")
    refused(copied, "run_001.hnm.npz is not a restart file of hnmref.refine")


def test_a_run_without_normal_modes(copied):
    changed_about(copied / "run_001.hnm.npz", group_adp="none")
    refused(copied, "of a run with group_adp=none, which has no normal modes")


@pytest.mark.parametrize(
    "ending, sentence",
    [("pdb", "no model beside it .*model_file"), ("eff", "parameters_file")],
)
def test_a_missing_file(copied, ending, sentence):
    (copied / f"run_001.{ending}").unlink()
    refused(copied, sentence)


def test_a_model_of_other_atoms(copied):
    lines = (copied / "run_001.pdb").read_text().splitlines(keepends=True)
    last = max(i for i, line in enumerate(lines) if line.startswith("ATOM"))
    (copied / "run_001.pdb").write_text("".join(lines[:last] + lines[last + 2 :]))
    refused(copied, "run_001.pdb has other atoms than the run")


def test_parameters_of_another_run(copied):
    text = (copied / "run_001.eff").read_text()
    assert "cutoff = 8" in text
    (copied / "run_001.eff").write_text(text.replace("cutoff = 8", "cutoff = 11"))
    refused(copied, "do not give the U_group of")


def test_parameters_that_cannot_be_read(copied):
    (copied / "run_001.eff").write_text("hnm { n_whole =")
    refused(copied, "run_001.eff cannot be read as parameters")


def test_one_conformer_is_refused(copied):
    refused(copied, "two conformers or more, not 1", "n=1")


def test_no_file_is_replaced_unasked(finished, copied):
    ensemble_of(copied / "run_001", copied / "e", "n=2")
    with pytest.raises(Sorry, match="e_ensemble.pdb exists"):
        ensemble_of(copied / "run_001", copied / "e", "n=2")
    ensemble_of(copied / "run_001", copied / "e", "n=3", "output.overwrite=True")


def test_two_restart_files_are_one_too_many(copied):
    with pytest.raises(Sorry, match="is a second restart_file"):
        run([str(copied / "run_001.hnm.npz"), "other.npz"])
