"""Restart: a run that stops between two macro-cycles goes on as if it had not."""

import json

import numpy as np
import pytest
from small_run import DOMAINS, small_refinement
from test_macro_cycle import figures

from hnmref.errors import InputError
from hnmref.refine.restart import resume, write_restart

@pytest.fixture(scope="module")
def restart_file(two_cycles, tmp_path_factory):
    path = tmp_path_factory.mktemp("restart") / "run_001.hnm.npz"
    write_restart(two_cycles, path)
    return path


def resumed(files, path, *assignments):
    refinement = small_refinement(files, *assignments)
    resume(refinement, path)
    return refinement


def assert_same(refinement, other):
    """The same to the last bit."""
    assert figures(refinement) == figures(other)
    assert refinement.r_factors() == other.r_factors()
    assert refinement.start == other.start
    ours, theirs = refinement.group_adp.displacements, other.group_adp.displacements
    assert np.array_equal(ours.u_group, theirs.u_group)
    assert np.array_equal(ours.u_local, theirs.u_local)


def test_three_cycles_are_two_and_one(files, restart_file):
    """The file of two finished cycles, final scaling and all."""
    three = small_refinement(files, "main.number_of_macro_cycles=3")
    three.run()
    refinement = resumed(files, restart_file, "main.number_of_macro_cycles=3")
    assert refinement.n_cycles_done == 2 and len(refinement.records) == 8
    refinement.run()
    assert_same(refinement, three)
    ours, theirs = refinement.group_adp, three.group_adp
    for one, other in zip(
        ours.omega_whole + ours.omega_parts, theirs.omega_whole + theirs.omega_parts
    ):
        assert np.array_equal(one, other)


def test_tls_goes_on_too(files, two_tls_cycles):
    """From the file that a run writes after its first macro-cycle."""
    whole, path = two_tls_cycles
    selections = [f"tls.selection='{domain}'" for domain in DOMAINS]
    cycles = "main.number_of_macro_cycles=2"
    refinement = resumed(files, path, "group_adp=tls", *selections, cycles)
    refinement.run()
    assert_same(refinement, whole)


def test_none_goes_on_too(files, two_none_cycles):
    whole, path = two_none_cycles
    cycles = "main.number_of_macro_cycles=2"
    refinement = resumed(files, path, "group_adp=none", cycles)
    refinement.run()
    assert_same(refinement, whole)


def test_finished_run_gives_its_own_figures(files, tmp_path):
    """Up to rounding: it scales once where the run scaled twice.

    Outliers are kept, since every scaling looks for them anew.
    """
    options = ("main.number_of_macro_cycles=2", "data.outliers_rejection=False")
    finished = small_refinement(files, *options)
    finished.run()
    write_restart(finished, tmp_path / "run_001.hnm.npz")
    refinement = resumed(files, tmp_path / "run_001.hnm.npz", *options)
    refinement.run()
    assert figures(refinement) == figures(finished)
    final = finished.r_factors()
    assert refinement.r_factors() == pytest.approx(final, rel=0, abs=1e-6)


def edited(files, tmp_path, edit):
    """The files of a run whose model has been edited, as a list of PDB lines."""
    lines = edit(files["model"].read_text().splitlines(keepends=True))
    (tmp_path / "edited.pdb").write_text("".join(lines))
    return {**files, "model": tmp_path / "edited.pdb"}


def test_same_coordinates_of_the_model_are_those_of_the_file(files, restart_file):
    """U_group comes back through the modes' fit, and the next cycle is the same."""
    exact = resumed(files, restart_file, "main.number_of_macro_cycles=3")
    options = ("main.restart_sites=model", "main.number_of_macro_cycles=3")
    other = resumed(files, restart_file, *options)
    ours, theirs = (r.group_adp.displacements for r in (other, exact))
    assert np.abs(ours.u_group - theirs.u_group).max() < 1e-4
    assert np.abs(ours.u_local - theirs.u_local).max() < 1e-4
    assert other.r_factors() == pytest.approx(exact.r_factors(), abs=1e-4)
    assert [record.cycle for record in other.records][-1] == 2
    other.run()
    assert other.n_cycles_done == 3


def test_an_edited_model_takes_over_u_by_name(files, restart_file, tmp_path):
    """Atoms in another order and elsewhere, some gone, one new."""

    def edit(lines):
        atoms = [line for line in lines if line.startswith("ATOM")]
        rest = [line for line in lines if not line.startswith("ATOM")]
        moved = [f"{a[:30]}{float(a[30:38]) + 0.3:8.3f}{a[38:]}" for a in atoms]
        of_first = [a for a in moved if int(a[22:26]) == 4][::-1]
        others = [a for a in moved if int(a[22:26]) > 4]
        new = others[-1][:12] + " XC " + others[-1][16:76] + " C\n"
        ends = [line for line in rest if line.startswith(("END", "TER"))]
        heads = [line for line in rest if line not in ends]
        return [*heads, *of_first, *others[1:], new, "END\n"]

    refinement = small_refinement(
        edited(files, tmp_path, edit), "main.restart_sites=model"
    )
    resume(refinement, restart_file)
    notes = [note for note in refinement.notes if "go on with their U" in note]
    n_atoms = len(refinement.group_adp.displacements.u_local)
    assert len(notes) == 1 and notes[0].startswith(f"{n_atoms - 1} atoms")
    assert "1 new ones" in notes[0] and "1 of the file" in notes[0]
    with np.load(restart_file) as file:
        names = json.loads(str(file["about"]))["atoms"]
        u_group = file["u_group"]
    ours = refinement.group_adp.displacements.u_group
    rows = {n: u for n, u in zip(names, u_group)}
    labels = [a.id_str() for a in refinement.model.get_hierarchy().atoms()]
    known = [label in rows for label in labels]
    expected = np.array([rows[label] for label in labels if label in rows])
    # Modes of the edited model differ a little, and so does what they can express.
    assert np.corrcoef(ours[known].ravel(), expected.ravel())[0, 1] > 0.99
    assert np.isfinite(refinement.r_factors()["r_work"])


@pytest.mark.parametrize("model", ["tls", "none"])
def test_baselines_take_over_u_too(files, two_tls_cycles, two_none_cycles, model):
    whole, path = {"tls": two_tls_cycles, "none": two_none_cycles}[model]
    selections = [f"tls.selection='{domain}'" for domain in DOMAINS]
    options = [*(selections if model == "tls" else ()), "main.restart_sites=model"]
    exact = resumed(files, path, f"group_adp={model}", *options[:-1])
    other = resumed(files, path, f"group_adp={model}", *options)
    ours, theirs = (r.group_adp.displacements.total() for r in (other, exact))
    assert np.abs(ours - theirs).max() < 1e-4
    assert other.r_factors() == pytest.approx(exact.r_factors(), abs=1e-4)


def test_a_model_without_any_atom_of_the_file(files, restart_file, tmp_path):
    rename = lambda lines: [
        f"{line[:21]}Z{line[22:]}" if line.startswith("ATOM") else line
        for line in lines
    ]
    other = edited(files, tmp_path, rename)
    refinement = small_refinement(other, "main.restart_sites=model")
    with pytest.raises(InputError, match="has no atom of the model"):
        resume(refinement, restart_file)


def altered(restart_file, tmp_path, **about):
    """A copy of the file with some of what it says of itself changed."""
    with np.load(restart_file) as file:
        content = dict(file)
    content["about"] = json.dumps({**json.loads(str(content["about"])), **about})
    path = tmp_path / "altered.npz"
    np.savez(path, **content)
    return path


@pytest.fixture(scope="module")
def fresh(files):
    """A refinement for files that are refused before anything is changed."""
    return small_refinement(files)


def test_files_that_are_something_else(fresh, restart_file, tmp_path):
    text, empty, arrays, cut = (
        tmp_path / name for name in ("text.npz", "empty.npz", "arrays.npz", "cut.npz")
    )
    text.write_text("no archive")
    empty.touch()
    np.savez(arrays, u_group=np.zeros((3, 6)))
    cut.write_bytes(restart_file.read_bytes()[:5000])
    for path in (text, empty, arrays, cut, tmp_path / "absent.npz"):
        with pytest.raises(InputError, match=f"{path.name} is not a restart file"):
            resume(fresh, path)


@pytest.mark.parametrize(
    "about, words",
    [
        ({"format": "hnmref-restart-0"}, "written by another version"),
        ({"atoms": ["one"]}, "is of a model with other atoms"),
        ({"group_adp": "tls"}, "a run with group_adp=tls, not hnm"),
        ({"groups": ["chain Z"]}, "other groups of atoms \\(chain Z\\)"),
    ],
)
def test_files_of_other_runs(fresh, restart_file, tmp_path, about, words):
    path = altered(restart_file, tmp_path, **about)
    with pytest.raises(InputError, match=f"altered.npz .*{words}"):
        resume(fresh, path)
    assert fresh.n_cycles_done == 0 and fresh.records == []


@pytest.mark.parametrize(
    "assignment, words",
    [
        ("hnm.n_whole=9", "has 8 modes in a group that now has 9"),
        ("hnm.n_substructure=6", "has 7 modes in a group that now has 6"),
    ],
)
def test_other_modes_than_before(files, restart_file, assignment, words):
    with pytest.raises(InputError, match=words):
        resumed(files, restart_file, assignment)


def test_file_is_whole_or_absent(two_cycles, tmp_path, monkeypatch):
    """A failure while writing leaves the older file and nothing beside it."""
    path = tmp_path / "run_001.hnm.npz"
    write_restart(two_cycles, path)
    before = path.read_bytes()

    def fails(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez", fails)
    with pytest.raises(OSError, match="disk full"):
        write_restart(two_cycles, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
