"""The hnmref.modes command, from a file to its files."""

import numpy as np
import pytest
from libtbx.utils import Sorry
from mode_models import pdb_text

from hnmref.modes import ModeSet
from hnmref.programs.modes import run


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.pdb").write_text(pdb_text())
    (tmp_path / "again.pdb").write_text(pdb_text())
    return tmp_path


def test_writes_modes_for_both_readers(here, capsys):
    run(["model.pdb", "output.prefix=m", "n_modes=12", "cutoff=6"])
    modes = ModeSet.load(here / "m_modes.npz")
    assert modes.n_modes == 12 and modes.n_zero == 6
    assert modes.provenance["spring_law"] == "distance_power"
    assert modes.provenance["n_blocks"] == 20
    assert modes.atom_labels[11] == "A ALA 3 CA"
    nmd = (here / "m_modes.nmd").read_text().splitlines()
    assert sum(line.startswith("mode ") for line in nmd) == 6
    assert "12 modes, 6 of them zero" in capsys.readouterr().out


def test_waters_are_left_out_and_one_conformer_kept(here, capsys):
    run(["model.pdb", "output.prefix=m", "n_modes=8", "cutoff=6"])
    modes = ModeSet.load(here / "m_modes.npz")
    assert not any("HOH" in label for label in modes.atom_labels)
    # Residue 5 has CB in conformers A (0.4) and B (0.6), at different heights.
    cb = [i for i, label in enumerate(modes.atom_labels) if label == "A ALA 5 CB"]
    assert len(cb) == 1
    assert "1 atoms of alternate conformers are left out" in capsys.readouterr().out
    run(
        ["model.pdb", "output.prefix=b", "n_modes=8", "cutoff=6"]
        + ["selection=not water and not altloc B"]
    )
    other = ModeSet.load(here / "b_modes.npz")
    assert other.coordinates[cb[0], 2] == pytest.approx(
        modes.coordinates[cb[0], 2] - 0.5, abs=1e-3
    )


def test_element_masses_and_free_atoms(here):
    run(
        ["model.pdb", "output.prefix=m", "n_modes=9", "masses=element"]
        + ["blocks=none", "forcefield=constant", "cutoff=7"]
    )
    modes = ModeSet.load(here / "m_modes.npz")
    assert modes.provenance["n_blocks"] is None
    assert sorted(set(np.round(modes.masses))) == [12.0, 14.0, 16.0]


def test_default_names_and_no_overwriting(here):
    run(["model.pdb", "n_modes=7", "cutoff=6"])
    before = (here / "model_hnmref_modes.npz").read_bytes()
    with pytest.raises(Sorry, match="output.overwrite=True"):
        run(["model.pdb", "n_modes=9", "cutoff=6"])
    assert (here / "model_hnmref_modes.npz").read_bytes() == before
    run(["model.pdb", "n_modes=9", "cutoff=6", "output.overwrite=True"])
    assert ModeSet.load(here / "model_hnmref_modes.npz").n_modes == 9


def test_repairs_are_told(here, capsys):
    text = pdb_text() + pdb_text(chain="B", shift=60.0)
    (here / "two.pdb").write_text(text)
    run(["two.pdb", "n_modes=9", "cutoff=6"])
    assert "touched nothing" in capsys.readouterr().out
    assert ModeSet.load(here / "two_hnmref_modes.npz").n_zero == 6


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["model.pdb", "again.pdb"], "takes one model and got 2"),
        (["model.pdb", "selection=chain Q"], "'chain Q' has no atom in .*model.pdb"),
        (["model.pdb", "selection=chan A"], "'chan A' .*cannot be read"),
        (["model.pdb", "n_modes=5000"], "degrees of freedom"),
        (["model.pdb", "selection=name CA", "blocks=none", "n_modes=61"], "60 degrees"),
        (["model.pdb", "forcefield=hinsen_fitted"], "C-alpha"),
    ],
)
def test_bad_input_is_one_sentence(here, arguments, words):
    with pytest.raises(Sorry, match=words) as caught:
        run(arguments)
    assert "\n" not in str(caught.value)
    assert not list(here.glob("*modes*"))


def test_unknown_elements_are_named(here):
    text = pdb_text().replace("           O", "           Q")
    (here / "model.pdb").write_text(text)
    with pytest.raises(Sorry, match="no known element"):
        run(["model.pdb", "masses=element", "n_modes=9"])


def test_dry_run_counts_and_writes_nothing(here, capsys):
    run(["model.pdb", "n_modes=9", "--dry-run"])
    assert "100 atoms in 20 residues of" in capsys.readouterr().out
    assert not list(here.glob("*modes*"))
