"""The hnmref.transition command, from two files to its files."""

import json
import math

import numpy as np
import pytest
from iotbx import pdb
from libtbx.utils import Sorry
from mode_models import pdb_text
from scipy.spatial.transform import Rotation

from hnmref.modes.superpose import superpose
from hnmref.modes.transition import Transition
from hnmref.programs.modes import run as run_modes
from hnmref.programs.transition import laid_on_core, run

OUTPUTS = {f"m_transition.{kind}" for kind in ("pdb", "json", "log", "png")}


def bent_text(text, turn=0.05):
    """The helix bent about an axis across it, more the higher an atom stands."""
    lines = []
    for line in text.splitlines(keepends=True):
        x, y, z = (float(line[i : i + 8]) for i in (30, 38, 46))
        angle = turn * max(z - 12.0, 0.0)
        far = z - 12.0
        new = (
            x + 12.0 + math.sin(angle) * max(far, 0.0),
            y,
            12.0 + math.cos(angle) * far if far > 0 else z,
        )
        lines.append(line[:30] + "".join(f"{v:8.3f}" for v in new) + line[54:])
    return "".join(lines)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "start.pdb").write_text(pdb_text())
    (tmp_path / "target.pdb").write_text(bent_text(pdb_text()))
    return tmp_path


FAST = ["n_modes=4", "n_frames=6", "cutoff=7", "method=nonlinear"]


def models(path):
    """(n_models, N, 3) coordinates of a file."""
    hierarchy = pdb.input(str(path)).construct_hierarchy()
    return np.array([model.atoms().extract_xyz() for model in hierarchy.models()])


def test_writes_what_it_says(here, capsys):
    run(["start.pdb", "target.pdb", "output.prefix=m", *FAST])
    assert OUTPUTS <= {path.name for path in here.iterdir()}
    told = json.loads((here / "m_transition.json").read_text())
    assert told["start"].endswith("start.pdb") and told["n_fitted"] == 20
    assert told["coverage"] > 0.5 and told["unmatched"] == []
    frames = models(here / "m_transition.pdb")
    # No water, one conformer of residue 5; the first frame is the start.
    assert frames.shape == (len(told["frame_steps"]), 100, 3)
    start = np.array(pdb.input("start.pdb").atoms().extract_xyz())
    np.testing.assert_allclose(frames[0][:20], start[:20], atol=0.002)

    calpha = slice(1, None, 5)
    target = bent_text(pdb_text(n_residues=20))
    atoms = pdb.input(source_info=None, lines=target.splitlines()).atoms()
    aim = np.array([atom.xyz for atom in atoms if atom.name.strip() == "CA"])
    for frame, distance in zip(frames, told["frame_rmsd"]):
        assert superpose(frame[calpha], aim).rmsd == pytest.approx(distance, abs=2e-3)
    log = (here / "m_transition.log").read_text()
    assert f"Coverage            {told['coverage']:8.3f}" in log
    assert log.splitlines()[0] in capsys.readouterr().out
    assert (here / "m_transition.png").read_bytes().startswith(b"\x89PNG")


def test_methods_by_name(here):
    covered = {}
    for method in ("linear", "nonlinear", "iterative"):
        run(
            ["start.pdb", "target.pdb", f"output.prefix={method}", *FAST]
            + [f"method={method}", "n_iterations=2"]
        )
        told = json.loads((here / f"{method}_transition.json").read_text())
        assert told["method"] == method
        covered[method] = told["coverage"]
    assert covered["iterative"] >= covered["nonlinear"] > covered["linear"] - 0.01


def test_the_first_file_is_the_start(here):
    run(["target.pdb", "start.pdb", "output.prefix=m", *FAST])
    told = json.loads((here / "m_transition.json").read_text())
    assert told["start"].endswith("target.pdb")


def test_relaxed_frames_keep_the_chain(here):
    run(["start.pdb", "target.pdb", "output.prefix=m", *FAST, "relax=True"])
    frames = models(here / "m_transition.pdb")
    # Peptide bonds: C of a residue (every fifth atom from 2), N of the next.
    bonds = np.linalg.norm(frames[:, 2:-5:5] - frames[:, 5::5], axis=2)
    assert np.abs(bonds - bonds[0]).max() < 0.05


def test_frames_on_the_core_leave_the_larger_domain_in_place():
    rng = np.random.default_rng(1)
    start = rng.uniform(0, 20, (50, 3))
    end = start.copy()
    end[30:] += [0, 9.0, 0]
    turn = Rotation.from_rotvec([0.3, 0.2, -0.4]).as_matrix()
    transition = Transition(
        method="linear",
        frames=np.array([start, end @ turn.T + 4.0]),
        target=superpose(end, start).apply(end),
        fitted=np.arange(50),
        rmsd=np.array([3.0, 0.0]),
        rounds=np.array([0, 1]),
        frame_steps=np.array([0, 1]),
        frame_rmsd=np.array([3.0, 0.0]),
        amplitudes=[],
        collectivity=0.4,
    )
    np.testing.assert_allclose(laid_on_core(transition)[1], end, atol=1e-9)


def test_the_core_can_be_asked_for(here):
    for choice in ("fitted", "core"):
        run(
            ["start.pdb", "target.pdb", f"output.prefix={choice}", *FAST]
            + [f"superpose_on={choice}"]
        )
    fitted, core = (models(here / f"{c}_transition.pdb") for c in ("fitted", "core"))
    assert np.abs(core[-1] - fitted[-1]).max() > 0.05
    assert superpose(core[-1], fitted[-1]).rmsd < 0.002


def test_what_is_missing_is_listed(here, capsys):
    lines = (here / "target.pdb").read_text().splitlines(keepends=True)
    lines = [line for line in lines if int(line[22:26]) not in (7, 8)]
    (here / "target.pdb").write_text("".join(lines))
    run(["start.pdb", "target.pdb", "output.prefix=m", *FAST])
    told = json.loads((here / "m_transition.json").read_text())
    assert told["n_fitted"] == 18 and told["n_atoms"] == 100
    assert "ALA 7" in " ".join(told["unmatched"])
    assert "Not matched: " in capsys.readouterr().out


def test_modes_from_a_file(here):
    run_modes(
        ["start.pdb", "output.prefix=s", "n_modes=10", "forcefield=constant"]
        + ["cutoff=7"]
    )
    run(
        ["start.pdb", "target.pdb", "output.prefix=f", "n_frames=6"]
        + ["modes_file=s_modes.npz", "n_modes=4", "method=nonlinear"]
    )
    run(["start.pdb", "target.pdb", "output.prefix=m", *FAST])
    by_file, computed = (
        json.loads((here / f"{name}_transition.json").read_text()) for name in "fm"
    )
    np.testing.assert_allclose(
        by_file["rmsd_by_step"], computed["rmsd_by_step"], atol=1e-6
    )
    with pytest.raises(Sorry, match="s_modes.npz holds modes of 100 atoms"):
        run(["target.pdb", "start.pdb", "method=linear", "modes_file=s_modes.npz"])


def test_dry_run_counts_and_writes_nothing(here, capsys):
    run(["start.pdb", "target.pdb", "--dry-run"])
    assert "20 of them towards" in capsys.readouterr().out
    assert not list(here.glob("*transition*"))


def test_no_overwriting(here):
    (here / "m_transition.log").write_text("mine")
    with pytest.raises(Sorry, match="output.overwrite=True"):
        run(["start.pdb", "target.pdb", "output.prefix=m", *FAST])
    assert (here / "m_transition.log").read_text() == "mine"


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["start.pdb"], "takes two models.* got 1"),
        (["start.pdb", "same.pdb"], "are the same"),
        (["start.pdb", "one.pdb"], "1 atoms in common.*three"),
        (["one.pdb", "start.pdb"], "one rigid block"),
        (["start.pdb", "other.pdb"], "no atom in common"),
        (["start.pdb", "target.pdb", "selection=chain Q"], "'chain Q' has no atom"),
        (["start.pdb", "target.pdb", "blocks=none", "n_modes=4"], "method=linear"),
        (
            ["start.pdb", "target.pdb", "method=linear", "modes_file=none.npz"],
            "there is no modes file none.npz",
        ),
        (
            ["start.pdb", "target.pdb", "modes_file=x.npz", "method=iterative"],
            "leave modes_file out",
        ),
        (["start.pdb", "target.pdb", "n_modes=500"], "degrees of freedom"),
    ],
)
def test_bad_input_is_one_sentence(here, arguments, words):
    (here / "same.pdb").write_text(pdb_text())
    (here / "one.pdb").write_text(pdb_text(n_residues=1))
    other = pdb_text(n_residues=4).replace("ALA A   ", "SO4 B  9")
    (here / "other.pdb").write_text(other.replace("ATOM  ", "HETATM"))
    with pytest.raises(Sorry, match=words) as caught:
        run(arguments)
    assert "\n" not in str(caught.value)
    assert not list(here.glob("*transition*"))
