"""The hnmref.compare command, from files to files."""

import hnmref  # noqa: F401  (cctbx's extensions load first)

import csv
import json

import iotbx.pdb
import numpy as np
import pytest
from libtbx.utils import Sorry

from hnmref.programs.compare import run
from tests.refine.small_run import BUNDLED

N_RESIDUES = 20


def write_model(path, *, scale=1.0, leave_out=None, reverse=False):
    """The first residues of a bundled model with anisotropic U, in two chains."""
    pdb = iotbx.pdb.input(str(BUNDLED / "1ubf_cutted.pdb"))
    hierarchy = pdb.construct_hierarchy()
    first = hierarchy.atom_selection_cache().selection(f"resseq 4:{3 + N_RESIDUES}")
    hierarchy = hierarchy.select(first)
    rng = np.random.default_rng(1)
    for atom in hierarchy.atoms():
        b = 20 + 10 * rng.random()
        u = b / (8 * np.pi**2)
        atom.b = scale * b
        atom.uij = tuple(scale * u * x for x in (1.2, 0.9, 0.9, 0.1, 0.0, 0.0))
    if leave_out is not None:
        kept = ~hierarchy.atom_selection_cache().selection(f"resseq {leave_out}")
        hierarchy = hierarchy.select(kept)
    lines = hierarchy.as_pdb_string(anisou=True).splitlines()
    if reverse:
        atoms = [lines[i : i + 2] for i, x in enumerate(lines) if x[:4] == "ATOM"]
        lines = [line for pair in atoms[::-1] for line in pair]
    crystal = "CRYST1   60.000   60.000   60.000  90.00  90.00  90.00 P 1"
    path.write_text("\n".join([crystal, *lines, "END\n"]))
    return str(path)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_figures_of_two_models(here):
    """The second has U twice as large, no residue 7, and atoms the other way round."""
    a = write_model(here / "a.pdb")
    b = write_model(here / "b.pdb", scale=2.0, leave_out=7, reverse=True)
    (here / "b.json").write_text('{"final": {"r_work": 0.2, "r_free": 0.25}}')
    got = run([a, b, "group=resseq 4:12", "group=resseq 13:23", "output.prefix=ab"])
    first, second = got["models"]
    assert first["n_atoms"] == second["n_atoms"] < 160
    assert second["mean_b"] == pytest.approx(2 * first["mean_b"], rel=1e-3)
    # The divergence does not see a common scale.
    for key in ("anisotropy", "p_kl_bonded", "p_kl_near", "b_kl"):
        assert second[key] == pytest.approx(first[key], rel=0.02), key
    assert second["rigid_bond"] == pytest.approx(2 * first["rigid_bond"], rel=0.01)
    assert second["r_free"] == 0.25 and "r_free" not in first
    (alike,) = got["likeness"]
    assert alike["median_kl"] == pytest.approx(1.5 * (2 + 0.5) - 3, rel=0.01)
    assert alike["u_eq_correlation"] == pytest.approx(1, abs=1e-3)
    assert any("that another model lacks" in note for note in got["notes"])
    assert json.loads((here / "ab_compare.json").read_text()) == got
    rows = list(csv.DictReader((here / "ab_compare.csv").open()))
    assert len(rows) == N_RESIDUES - 1 and "7" not in {row["residue"] for row in rows}
    for row in rows:
        assert float(row[f"b {b}"]) == pytest.approx(2 * float(row[f"b {a}"]), rel=1e-2)
    page = (here / "ab_compare.html").read_text()
    assert page.count("<figure>") == 1 and "25.00" in page


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["a.pdb"], "takes two models or more and got 1"),
        (["a.pdb", "b.pdb", "group=chain Z"], "has none of the atoms"),
        (
            ["a.pdb", "b.pdb", "selection=resseq 7 or (resseq 8 and name CA)"],
            "fewer than two comparable atoms",
        ),
        (["a.pdb", "b.pdb", "output.prefix=old"], "old_compare.json exists"),
    ],
)
def test_what_cannot_be_compared(here, arguments, sentence):
    write_model(here / "a.pdb")
    write_model(here / "b.pdb", leave_out=7)
    (here / "old_compare.json").write_text("")
    with pytest.raises(Sorry, match=sentence):
        run(arguments)
    assert not (here / "a_compare.json").exists()


def test_isotropic_atoms_and_a_u_that_is_no_gaussian(here):
    """B stands for U without ANISOU; what is not positive definite is told."""
    a = write_model(here / "a.pdb")
    lines = (here / "a.pdb").read_text().splitlines()
    isotropic = [line for line in lines if not line.startswith("ANISOU")]
    isotropic[3] = isotropic[3][:60] + "  0.00" + isotropic[3][66:]
    (here / "b.pdb").write_text("\n".join(isotropic) + "\n")
    got = run([a, "b.pdb"])
    assert got["models"][1]["anisotropy"] == 1
    assert got["likeness"][0]["deviatoric_correlation"] is None
    assert any("not positive definite" in note for note in got["notes"])
