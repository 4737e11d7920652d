"""Parameters that cannot be used, in every command that takes them."""

import hnmref  # noqa: F401  (cctbx's extensions load first)

import os
import subprocess
import sys
from importlib import import_module

import pytest
from libtbx.utils import Sorry

from hnmref.programs import command as commands
from hnmref.programs.refine import run
from tests.refine.known_bodies import write_bodies

COMMANDS = (
    "refine",
    "modes",
    "analyse",
    "compare",
    "ensemble",
    "principal_components",
    "transition",
    "tls_segments",
)


@pytest.mark.parametrize(
    "argument, wanted",
    [
        ("hnm.n_whole=-1", "a whole number of at least 6"),
        ("hnm.n_whole=abc", "a whole number of at least 6"),
        ("hnm.n_whole=7.5", "a whole number of at least 6"),
        ("hnm.n_whole=inf", "a whole number of at least 6"),
        ("hnm.n_whole=None", "a whole number of at least 6"),
        ("hnm.max_iterations=Auto", "a whole number of at least 1"),
        ("data.free_fraction=0.9", "a number from 0.01 to 0.5"),
        ("data.high_resolution=nan", "a number"),
        ("data.outliers_rejection=maybe", "True or False"),
        ("data.labels=Auto", "a text"),
    ],
)
def test_a_value_that_cannot_be_used_is_one_sentence(argument, wanted):
    with pytest.raises(Sorry) as caught:
        run([argument])
    expected = f"{argument} cannot be used: it has to be {wanted}"
    assert str(caught.value) == expected


def test_values_that_the_help_tells_of_pass():
    """As do defaults of None: what is missing then is the model."""
    for argument in ("hnm.prior_weight=Auto", "data.anomalous=Auto", "start.b_iso=None"):
        with pytest.raises(Sorry, match="takes one model"):
            run([argument])


def test_all_bad_values_are_told_with_their_file(tmp_path):
    file = tmp_path / "bad.eff"
    file.write_text("tls {\n  groups_per_chain = 0\n}\n")
    with pytest.raises(Sorry) as caught:
        run([str(file), "main.nproc=0"])
    in_file, on_line = sorted(str(caught.value).splitlines(), reverse=True)
    assert in_file.startswith("tls.groups_per_chain=0 cannot be used (file ")
    assert "bad.eff" in in_file and "line 2" in in_file
    assert on_line.startswith("main.nproc=0 ")


def test_a_scope_given_as_a_value_is_named(tmp_path):
    file = tmp_path / "bad.eff"
    file.write_text("hnm = 3\n")
    with pytest.raises(Sorry, match='scope "hnm" .*vs. definition "hnm"'):
        run([str(file)])


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_refuses_alike(command):
    with pytest.raises(Sorry, match="^output.serial=x .* a whole number$"):
        import_module(f"hnmref.programs.{command}").run(["output.serial=x"])


@pytest.mark.parametrize(
    "argument, wanted",
    [
        (
            "absent.pdb",
            "absent.pdb is neither a file nor a parameter (name=value): "
            "check its path",
        ),
        ("folder", "folder is a directory: give the files in it"),
        (
            "junk.pdb",
            "junk.pdb cannot be read as a model or parameters: "
            "check what is in it, or leave it out",
        ),
        (
            "n_moodes=5",
            "n_moodes=5: there is no such parameter; did you mean n_modes or nodes?",
        ),
        ("zzz=5", "zzz=5: there is no such parameter; see --show-defaults 3"),
        (
            "bad.eff",
            'n_moodes (file "bad.eff", line 1): there is no such parameter; '
            "did you mean n_modes or nodes?",
        ),
    ],
)
def test_an_argument_that_cannot_be_used_is_named(
    argument, wanted, tmp_path, monkeypatch
):
    """Also beside a model, with which the command would have gone on."""
    monkeypatch.chdir(tmp_path)
    write_bodies(tmp_path / "m.pdb")
    (tmp_path / "folder").mkdir()
    (tmp_path / "junk.pdb").write_text("junk\n")
    (tmp_path / "bad.eff").write_text("n_moodes = 5\n")
    with pytest.raises(Sorry) as caught:
        import_module("hnmref.programs.modes").run(["m.pdb", argument])
    assert str(caught.value) == wanted


def test_the_screen_has_the_sentence_and_no_traceback():
    command = [sys.executable, "-m", "hnmref.programs.refine", "hnm.n_whole=-1"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        "Sorry: hnm.n_whole=-1 cannot be used: "
        "it has to be a whole number of at least 6"
    ]


@pytest.mark.parametrize("command", COMMANDS)
def test_results_are_for_callers_with_arguments(command, monkeypatch):
    """An installed command ends with sys.exit(run()): results would be a failure."""
    results = {"some": "results"}
    monkeypatch.setattr(commands, "run_program", lambda **given: results)
    monkeypatch.setattr(sys, "argv", [f"hnmref.{command}"])
    run_it = import_module(f"hnmref.programs.{command}").run
    assert run_it() is None
    without = command in ("modes", "transition")
    assert run_it(["model.pdb"]) is (None if without else results)


def test_an_installed_command_that_ends_well_exits_with_0(tmp_path):
    write_bodies(tmp_path / "m.pdb")
    script = "import sys; from hnmref.programs.tls_segments import run; sys.exit(run())"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(
        [sys.executable, "-c", script, "m.pdb", "max_segments=2"],
        capture_output=True,
        text=True,
        env=environment,
        cwd=tmp_path,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
