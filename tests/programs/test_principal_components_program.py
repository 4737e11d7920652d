"""The hnmref.principal_components command, from files to files."""

import csv

import numpy as np
import pytest
from frame_files import (
    amber_text,
    atoms_of,
    components,
    file_sites,
    write_gromacs,
    write_trajectory,
)
from libtbx.utils import Sorry
from mode_models import pdb_text

from hnmref.modes import ModeSet, compute_modes, thermal_variance
from hnmref.modes.principal import PrincipalComponents
from hnmref.programs.principal_components import run

N_FRAMES, N_RESIDUES = 12, 20


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A model and an ensemble that bends along the lowest mode of its C-alphas."""
    monkeypatch.chdir(tmp_path)
    text = pdb_text()
    (tmp_path / "model.pdb").write_text(text)
    lines = atoms_of(text)
    sites = file_sites(text)
    calpha = np.array([line[12:16].strip() == "CA" for line in lines])
    modes = compute_modes(sites[calpha], n_modes=7, cutoff=9.0)
    moves = np.zeros((N_FRAMES, *sites.shape))
    amplitudes = np.linspace(-3, 3, N_FRAMES)[:, None, None]
    moves[:, calpha] = amplitudes * modes.vectors[:, :, 6]
    written = []
    for number, frame in enumerate(sites + moves):
        written.append(f"MODEL     {number + 1:4d}")
        for line, place in zip(lines, frame):
            xyz = "".join(f"{x:8.3f}" for x in place)
            written.append(line[:30] + xyz + line[54:])
        written.append("ENDMDL")
    (tmp_path / "ensemble.pdb").write_text("\n".join([*written, "END", ""]))
    modes.save(tmp_path / "ca_modes.npz")
    modes.truncate(6).save(tmp_path / "zero.npz")
    return tmp_path


def table(path):
    with open(path, encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    return rows[0], np.array(rows[1:], dtype=float)


def test_an_ensemble(here, capsys):
    run(["ensemble.pdb", "ca_modes.npz", "nodes=ca", "output.prefix=e"])
    modes = ModeSet.load(here / "e_modes.npz")
    assert modes.n_zero == 6 and modes.n_atoms == N_RESIDUES
    assert modes.atom_labels[2] == "A ALA 3 CA"
    found = PrincipalComponents.from_mode_set(modes)
    amplitudes = np.linspace(-3, 3, N_FRAMES)
    np.testing.assert_allclose(found.variances[0], amplitudes.var(), rtol=1e-2)
    bend = ModeSet.load(here / "ca_modes.npz").vectors[:, :, 6]
    assert abs(np.vdot(bend, found.vectors[:, :, 0])) > 0.999
    for name, n_columns in (("projections", len(found.variances)), ("along_modes", 1)):
        heads, rows = table(here / f"e_{name}.csv")
        assert heads == ["frame", *(str(i + 1) for i in range(n_columns))]
        steps = np.diff(rows[:, 1]) / np.diff(amplitudes)
        np.testing.assert_allclose(abs(steps), 1, atol=0.02)
        assert (here / f"e_{name}.png").read_bytes().startswith(b"\x89PNG")
    nmd = (here / "e_modes.nmd").read_text().splitlines()
    assert sum(line.startswith("mode ") for line in nmd) == len(found.variances)
    out = capsys.readouterr().out
    assert "12 frames of 20 atoms" in out and "100.0%" in out


def test_a_trajectory_gives_what_its_ensemble_does(here):
    chemfiles = pytest.importorskip("chemfiles")
    lines = (here / "ensemble.pdb").read_text().split("ENDMDL")[:N_FRAMES]
    frames = [file_sites(part) for part in lines]
    write_trajectory(chemfiles, here / "a.dcd", frames[:5])
    write_trajectory(chemfiles, here / "b.dcd", frames[5:])
    shared = ["nodes=ca", "masses=element", "n_components=3"]
    run(["ensemble.pdb", "output.prefix=e", *shared])
    run(["model.pdb", "a.dcd", "b.dcd", "output.prefix=t", *shared])
    by_models, by_frames = (
        PrincipalComponents.from_mode_set(ModeSet.load(f"{x}_modes.npz")) for x in "et"
    )
    np.testing.assert_allclose(by_frames.masses, 12.011, rtol=1e-3)
    np.testing.assert_allclose(by_frames.variances[0], by_models.variances[0], 1e-4)
    # The trajectory lies on the model, the ensemble on its first frame.
    assert by_frames.n_frames == by_models.n_frames == N_FRAMES


def test_components_of_gromacs_and_amber(here):
    known = components(weighted=False)
    write_gromacs(here / "eigenvec.trr", known, 4)
    (here / "evecs.dat").write_text(amber_text(known, 4))
    run(["eigenvec.trr", "output.prefix=g", "temperature=310"])
    run(["components_file=evecs.dat", "output.prefix=a", "n_components=2"])
    for prefix, n, temperature in (("g", 4, 310.0), ("a", 2, 300.0)):
        modes = ModeSet.load(here / f"{prefix}_modes.npz")
        assert modes.n_zero == 0 and modes.n_modes == n
        np.testing.assert_allclose(
            thermal_variance(modes.eigenvalues, 1.0, temperature),
            known.variances[:n],
            rtol=1e-4,
        )
    assert not list(here.glob("*.nmd"))


def test_default_names_and_no_overwriting(here):
    run(["ensemble.pdb", "nodes=ca", "n_components=2"])
    before = (here / "ensemble_hnmref_modes.npz").read_bytes()
    with pytest.raises(Sorry, match="output.overwrite=True"):
        run(["ensemble.pdb", "nodes=ca", "n_components=1"])
    assert (here / "ensemble_hnmref_modes.npz").read_bytes() == before
    run(["ensemble.pdb", "nodes=ca", "n_components=1", "output.overwrite=True"])
    assert ModeSet.load(here / "ensemble_hnmref_modes.npz").n_modes == 7


@pytest.mark.parametrize(
    "arguments, words",
    [
        ([], "needs an ensemble"),
        (["model.pdb"], "has 1 models"),
        (["model.pdb", "ensemble.pdb"], "second model_file"),
        (["trajectory_file=run.xtc", "components_file=e.dat"], "has no names of atoms"),
        (["ensemble.pdb", "ca_modes.npz"], "ca_modes.npz .* 20 atoms .* 100"),
        (["ensemble.pdb", "none.npz"], "there is no modes file none.npz"),
        (["components_file=x.dat", "ca_modes.npz"], "give the trajectory"),
        (["ensemble.pdb", "nodes=ca", "zero.npz"], "zero.npz has zero modes alone"),
        (["components_file=x.dat"], "x.dat cannot be read"),
        (["components_file=x.dat", "eigenval.xvg"], "goes with a .trr file"),
        (["model.pdb", "components_file=evecs.dat"], "9 atoms and 100 of model.pdb"),
    ],
)
def test_bad_input_is_one_sentence(here, arguments, words):
    (here / "evecs.dat").write_text(amber_text(components(weighted=False), 2))
    with pytest.raises(Sorry, match=words) as caught:
        run([*arguments, "output.prefix=x"])
    assert "\n" not in str(caught.value)
    assert not list(here.glob("x_*"))
