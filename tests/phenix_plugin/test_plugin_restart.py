"""The restart file beside phenix.refine's outputs, and the run that finds it."""

import io

import numpy as np
import pytest
from libtbx.utils import Sorry

from hnmref.files import write_text
from hnmref.refine.displacements import Displacements
from hnmref.refine.normal_modes import NormalModes
from phenix_plugin.collective import known_collective
from tests.phenix_plugin.driving import QUICK, phenix_params, prepare, refine
from tests.refine.small_run import DOMAINS


@pytest.fixture
def first_run(files, plugin, tmp_path):
    """A run whose model lies beside its restart file, as PREFIX_002."""
    case = prepare(files)
    prefix = tmp_path / "run"
    params = phenix_params(*QUICK, f"output.prefix={prefix}", "output.serial=2")
    refine(case, params)
    model = write_text(f"{prefix}_002.pdb", case.model.model_as_pdb())
    return case, {**files, "model": model}


def next_run(files, *assignments):
    """The step that follows, without a refinement of U_group; and its log."""
    case = prepare(files)
    log = io.StringIO()
    params = phenix_params(*QUICK, "tls.hnm.max_iterations=1", *assignments)
    refine(case, params, log=log)
    return case, log.getvalue()


def test_lies_beside_the_outputs(first_run, tmp_path):
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"run_002.pdb", "run_002.hnm.npz"}


def test_without_an_output_scope_nothing_is_written(
    files, plugin, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    refine(prepare(files), phenix_params(*QUICK))
    assert list(tmp_path.iterdir()) == []


def test_next_run_finds_it(first_run, plugin, monkeypatch):
    """U of both stages is taken up; what a PDB file's digits take away is small."""
    taken = {}
    case, files = first_run
    modes = known_collective(case.model).modes
    take_up = NormalModes.take_up

    def spy(self, structure, total, u_whole, u_group):
        take_up(self, structure, total, u_whole, u_group)
        taken["parts"] = Displacements.of(structure)
        taken["change"] = np.abs(taken["parts"].total() - total).max()
        taken["u_whole"] = self.u_whole().copy()

    monkeypatch.setattr(NormalModes, "take_up", spy)
    _, log = next_run(files)
    assert "going on from" in log and "run_002.hnm.npz" in log
    difference = taken["parts"].u_group - modes.displacements.u_group
    assert np.abs(modes.u_whole()).max() > 0.5
    assert np.abs(difference).max() < 5e-3
    assert np.abs(taken["u_whole"] - modes.u_whole()).max() < 5e-3
    assert taken["change"] < 5e-3


def test_of_other_substructures_it_is_passed_over(first_run):
    _, log = next_run(first_run[1], f"tls.hnm.substructure='{DOMAINS[0]}'")
    assert "passed over: it is of other substructures" in log


def test_of_other_displacements_it_is_passed_over(first_run, files, tmp_path):
    """A model of the same name, with B that were reset since."""
    path = first_run[1]["model"]
    path.write_text(files["model"].read_text())
    _, log = next_run(first_run[1])
    assert "passed over: it is of other displacements" in log


def test_a_later_macro_cycle_may_have_other_atoms(first_run, tmp_path):
    """A named file is of the first one; waters come and go."""
    path = tmp_path / "absent.hnm.npz"
    params = phenix_params(*QUICK, f"tls.hnm.restart_file={path}")
    log = io.StringIO()
    refine(prepare(first_run[1]), params, log=log, macro_cycle=2)
    assert "absent.hnm.npz is passed over" in log.getvalue()


def test_of_other_atoms_it_is_refused_where_named(first_run, tmp_path):
    lines = first_run[1]["model"].read_text().splitlines()
    shorter = tmp_path / "shorter.pdb"
    shorter.write_text("\n".join(x for x in lines if x[13:16] != "CA ") + "\n")
    named = f"tls.hnm.restart_file={tmp_path / 'run_002.hnm.npz'}"
    with pytest.raises(Sorry, match="restart_file=.* is of a model with other atoms"):
        next_run({**first_run[1], "model": shorter}, named)
