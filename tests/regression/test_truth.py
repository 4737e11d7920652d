"""The truth test's figures, from files with known displacements."""

import hnmref  # noqa: F401  (cctbx's extensions load first)

import iotbx.pdb
import numpy as np
import pytest

from benchmarks.runs import Record
from regression.truth import markdown, truth_figures
from tests.refine.small_run import BUNDLED


def write_u(path, change):
    """Ten residues with anisotropic U along x; ``change(i, u)`` alters an atom's."""
    pdb = iotbx.pdb.input(str(BUNDLED / "1ubf_cutted.pdb"))
    hierarchy = pdb.construct_hierarchy()
    kept = hierarchy.atom_selection_cache().selection("resseq 4:13")
    hierarchy = hierarchy.select(kept)
    for i, atom in enumerate(hierarchy.atoms()):
        u = change(i, np.array([0.4, 0.2, 0.2, 0, 0, 0]) * (1 + 0.01 * i))
        atom.uij = tuple(u)
        atom.b = 8 * np.pi**2 * u[:3].mean()
    path.write_text(hierarchy.as_pdb_string(anisou=True))
    return path


def test_same_and_shifted_u(tmp_path):
    """A constant more of isotropic U is no difference."""
    truth = write_u(tmp_path / "truth.pdb", lambda i, u: u)
    shifted = write_u(
        tmp_path / "shifted.pdb", lambda i, u: u + [0.05, 0.05, 0.05, 0, 0, 0]
    )
    got = truth_figures(shifted, truth)
    assert got["n_atoms"] > 60
    assert got["median_kl"] < 1e-5
    assert got["u_eq_correlation"] == pytest.approx(1, abs=1e-3)
    assert got["deviatoric_correlation"] == pytest.approx(1, abs=1e-3)
    assert got["angle"] == pytest.approx(0, abs=0.1)


def test_turned_u(tmp_path):
    """Long along y instead of x: cosine −1/2, and 3/2·(…) of the divergence."""
    truth = write_u(tmp_path / "truth.pdb", lambda i, u: u)
    turned = write_u(tmp_path / "turned.pdb", lambda i, u: u[[1, 0, 2, 3, 4, 5]])
    got = truth_figures(turned, truth)
    assert got["deviatoric_correlation"] == pytest.approx(-0.5, abs=1e-3)
    assert got["median_kl"] == pytest.approx(0.5 * (2 * (2 + 0.5)) + 1 - 3, rel=1e-2)
    assert got["angle"] == pytest.approx(90, abs=0.1)


def test_isotropic_model(tmp_path):
    truth = write_u(tmp_path / "truth.pdb", lambda i, u: u)
    lines = truth.read_text().splitlines()
    isotropic = tmp_path / "isotropic.pdb"
    isotropic.write_text("\n".join(x for x in lines if x[:6] != "ANISOU") + "\n")
    got = truth_figures(isotropic, truth)
    assert got["deviatoric_correlation"] is None and got["angle"] is None
    assert got["u_eq_correlation"] == pytest.approx(1, abs=1e-3)
    assert got["median_kl"] > 0.1


def test_atoms_that_the_constant_takes_below_zero_are_not_counted(tmp_path):
    """One U 70 times as large: what it adds to the mean is taken off all."""
    truth = write_u(tmp_path / "truth.pdb", lambda i, u: u)
    loose = write_u(tmp_path / "loose.pdb", lambda i, u: u if i else 70 * u)
    n_atoms = truth_figures(truth, truth)["n_atoms"]
    constant = 69 * (0.4 + 0.2 + 0.2) / 3 / n_atoms
    left_out = sum(0.2 * (1 + 0.01 * i) < constant for i in range(1, n_atoms))
    assert left_out > 10
    assert truth_figures(loose, truth)["n_atoms"] == n_atoms - left_out


def test_report_counts_who_is_closest():
    figures = {
        ("e", f"{row}-3"): {
            "median_kl": kl,
            "deviatoric_correlation": cosine,
            "u_eq_correlation": 0.5,
            "angle": None,
            "n_atoms": 70,
        }
        for row, kl, cosine in (
            ("none", 0.2, None),
            ("tls1", 0.3, 0.2),
            ("hnm", 0.25, 0.4),
        )
    }
    records = {
        key: Record(*key, [], "", "", 1.0, 1.0, r_work=0.2, r_free=0.25)
        for key in figures
    }
    text = markdown(records, figures, ["e"], [3.0], ["none", "tls1", "hnm"])
    assert "median_kl: hnm closest in 0 of 1" in text
    assert "deviatoric_correlation: hnm closest in 1 of 1" in text
    assert "| e | tls1 | 20.0/25.0 | 0.300 | 0.200 | 0.500 | - | 70 |" in text
