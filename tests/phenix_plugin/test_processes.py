"""Processes: the dispatcher, and those that the user does not start by hand."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import hnmref.programs.phenix_refine as dispatcher
from phenix_plugin import startup
from phenix_plugin.__main__ import main

CHECKOUT = Path(startup.__file__).parents[1]
#: Stands where Phenix has the program that its dispatcher runs.
STAND_IN = """
import sys
import iotbx.phil
master = iotbx.phil.parse(
    "tls { include scope mmtbx.refinement.adp_refinement.tls_master_params }",
    process_includes=True,
)
if __name__ == "__main__":
    user = master.command_line_argument_interpreter().process(sys.argv[2])
    print(sys.argv[1], master.fetch(user).extract().tls.hnm.enabled)
"""
ASK = (
    "import sys; early = 'mmtbx' in sys.modules; "
    "from mmtbx.refinement import adp_refinement as a; "
    "print(early, hasattr(a.tls_master_params.extract(), 'hnm'))"
)


def environment(*paths, **variables):
    result = {k: v for k, v in os.environ.items() if k != startup.VARIABLE}
    result["PYTHONPATH"] = os.pathsep.join(map(str, (CHECKOUT, *paths)))
    return {**result, **variables}


def python(code, env):
    return subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True
    )


def test_dispatcher_without_phenix():
    with pytest.raises(SystemExit) as stop:
        dispatcher.run(["model.pdb", "data.mtz"])
    assert "Phenix is not installed" in str(stop.value)
    assert "hnmref.refine" in str(stop.value)


def test_dispatcher_starts_phenix_refine_with_the_plugin_on(tmp_path):
    package = tmp_path / "phenix" / "command_line"
    package.mkdir(parents=True)
    (tmp_path / "phenix" / "__init__.py").touch()
    (package / "__init__.py").touch()
    (package / "refine.py").write_text(STAND_IN)
    code = (
        "import sys; sys.argv = ['x', 'model.pdb', 'tls.hnm.enabled=True']; "
        "from hnmref.programs.phenix_refine import run; run()"
    )
    done = python(code, environment(tmp_path))
    assert done.stdout.split() == ["model.pdb", "True"], done.stderr


@pytest.mark.parametrize(
    "variables, installed", [({}, False), ({startup.VARIABLE: "1"}, True)]
)
def test_the_variable_decides_in_a_process_of_its_own(tmp_path, variables, installed):
    """The .pth line, run as Python's site module runs it."""
    line = f"exec({startup.LINE!r}); " + ASK
    done = python(line, environment(**variables))
    assert done.stdout.split() == ["False", str(installed)], done.stderr


def test_enable_and_disable(tmp_path, monkeypatch, capsys):
    path = tmp_path / startup.PTH_NAME
    monkeypatch.setattr(startup, "pth_path", lambda: path)
    assert main(["enable"]) is None
    assert path.read_text() == startup.LINE and startup.LINE.startswith("import ")
    assert main(["disable"]) is None and main(["disable"]) is None
    assert not path.exists()
    assert main([]) == main(["enabel"]) is not None


def test_already_imported(monkeypatch):
    """A process where mmtbx came first gets the plugin at once."""
    code = "from mmtbx.refinement import adp_refinement; exec(" + repr(
        startup.LINE
    ) + "); import phenix_plugin; print(phenix_plugin.installed())"
    done = python(code, environment(**{startup.VARIABLE: "1"}))
    assert done.stdout.split() == ["True"], done.stderr


def test_a_phenix_of_another_layout(tmp_path):
    (tmp_path / "phenix").mkdir()
    (tmp_path / "phenix" / "__init__.py").touch()
    code = "from hnmref.programs.phenix_refine import run; run(['model.pdb'])"
    done = python(code, environment(tmp_path))
    assert done.returncode == 1
    assert f"this Phenix has no {dispatcher.ENTRY}" in done.stderr
    assert startup.VARIABLE in done.stderr and "Traceback" not in done.stderr
