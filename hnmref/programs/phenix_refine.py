"""hnmref.phenix_refine: phenix.refine, with normal modes where TLS would be.

    hnmref.phenix_refine model.pdb data.mtz \\
        strategy=individual_sites+individual_adp+tls refinement.tls.hnm.enabled=True

Takes phenix.refine's arguments and starts phenix.refine in this same Python, so
it has to be Phenix's Python. See docs/phenix_plugin.md.
"""

from __future__ import annotations

import importlib.util
import runpy
import sys

import phenix_plugin
from phenix_plugin.startup import VARIABLE

#: What Phenix's own dispatcher of phenix.refine runs.
ENTRY = "phenix.command_line.refine"


def run(args: list[str] | None = None) -> None:
    """Install the plugin, then run phenix.refine with these arguments.

    :param args: None: the command line's.
    :raises SystemExit: Phenix is not in this Python, or the plugin does not fit
        its cctbx; with the sentence for the user.
    """
    # Nothing of Phenix may be imported before the plugin is installed.
    if importlib.util.find_spec("phenix") is None:
        raise SystemExit(
            "hnmref.phenix_refine: Phenix is not installed in this Python "
            f"({sys.executable}): install hnmref into Phenix's own Python "
            "(docs/phenix_plugin.md), or use hnmref.refine, which needs no Phenix"
        )
    try:
        phenix_plugin.install()
    except phenix_plugin.PluginError as error:
        raise SystemExit(f"hnmref.phenix_refine: {error}") from error
    if not _is_there(ENTRY):
        raise SystemExit(
            f"hnmref.phenix_refine: this Phenix has no {ENTRY}: start phenix.refine "
            f"itself with {VARIABLE}=1 (docs/phenix_plugin.md)"
        )
    sys.argv = [ENTRY, *(sys.argv[1:] if args is None else args)]
    runpy.run_module(ENTRY, run_name="__main__", alter_sys=True)


def _is_there(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


if __name__ == "__main__":
    run()
