"""hnmref.demo: its example, its summary, and a whole run of the small one."""

import hnmref  # noqa: F401  (cctbx's extensions load first)

import iotbx.pdb
import numpy as np
import pytest

from hnmref.adp.metrics import deviatoric_correlation
from hnmref.errors import InputError
from hnmref.programs import demo


@pytest.mark.parametrize("example", [demo.QUICK, demo.FULL], ids=["quick", "full"])
def test_examples_are_bundled_and_parted_into_domains(example):
    path = demo.bundled_structure(example.file_name)
    hierarchy = iotbx.pdb.input(str(path)).construct_hierarchy()
    labels = demo.substructure_labels(hierarchy, list(example.domains))
    assert np.bincount(labels).min() > 500


def test_missing_structure_is_a_sentence():
    with pytest.raises(InputError, match="no_such.pdb is missing .*cctbx-base"):
        demo.bundled_structure("no_such.pdb")


def test_likeness_of_tensors():
    rng = np.random.default_rng(1)
    u = rng.normal(size=(50, 6)) + [3, 3, 3, 0, 0, 0]
    same = demo.compare(u, u)
    assert (same.six_components, same.deviatoric, same.u_eq) == pytest.approx((1, 1, 1))
    isotropic = u + [1, 1, 1, 0, 0, 0]
    assert demo.compare(isotropic, u).six_components == pytest.approx(1, abs=0.05)
    assert deviatoric_correlation(isotropic, u) == pytest.approx(1)
    other = rng.normal(size=(50, 6))
    assert abs(demo.compare(other, u).deviatoric) < 0.3


def test_impossible_resolution_ends_with_a_sentence(tmp_path, capsys):
    code = demo.run(["--quick", "--output", str(tmp_path), "--resolution", "0"])
    assert code == 1
    assert "resolution must be a positive length" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.long
def test_quick_demo_from_end_to_end(tmp_path, capsys):
    assert demo.run(["--quick", "--output", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    summary = said[said.index("\nR-factors") :]
    lines = {line[:29].strip(): line[29:].split() for line in summary.splitlines()}
    found = [float(x) for x in lines["U_group, mean U_eq matched"]]
    assert found[0] >= 0.95
    start, final, truth = (
        float(lines[title][-1])
        for title in (
            "start, one B for all",
            "after refinement",
            "the truth (noise alone)",
        )
    )
    assert truth < final < 0.5 * start
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"model.pdb", "truth.pdb", "data.mtz", "demo_001.html"} <= names
