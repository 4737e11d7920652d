"""Installation in processes that the user does not start by hand.

The GUI and queues start Python themselves. A ``.pth`` file, which ``python -m
phenix_plugin enable`` writes, has every Python of this installation look at
HNMREF_PHENIX_PLUGIN when it starts; only where that is 1 is anything imported.
The plugin is then installed at the moment that mmtbx's module is imported, so
nothing becomes slower before.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import sys
import sysconfig
from pathlib import Path

from hnmref.files import write_text

VARIABLE = "HNMREF_PHENIX_PLUGIN"
PTH_NAME = "hnmref_phenix_plugin.pth"
_MODULE = "mmtbx.refinement.adp_refinement"
LINE = (
    f"import os; os.environ.get('{VARIABLE}') == '1' and "
    "__import__('phenix_plugin.startup').startup.install_when_imported()\n"
)


def pth_path() -> Path:
    """Where this Python looks for the file."""
    return Path(sysconfig.get_path("purelib")) / PTH_NAME


def enable() -> Path:
    """Write the file; it does nothing unless the variable is 1."""
    return write_text(pth_path(), LINE)


def disable() -> Path:
    """Take the file away again."""
    path = pth_path()
    path.unlink(missing_ok=True)
    return path


def install_when_imported() -> None:
    """Install the plugin as soon as mmtbx's ADP refinement is imported."""
    if _MODULE in sys.modules:
        _install()
    elif not any(isinstance(finder, _Watch) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Watch())


def _install() -> None:
    from phenix_plugin.hook import install

    install()


class _Watch(importlib.abc.MetaPathFinder):
    """Finds one module as everyone else does, and installs once it is loaded."""

    def find_spec(self, name, path=None, target=None):
        """The module's own spec, with the installation after its loading."""
        if name != _MODULE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        load = spec.loader.exec_module

        def load_and_install(module) -> None:
            load(module)
            _install()

        spec.loader.exec_module = load_and_install
        return spec
