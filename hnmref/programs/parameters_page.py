"""docs/parameters.md: every parameter of the commands, from their PHIL.

    python -m hnmref.programs.parameters_page docs/parameters.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import hnmref  # noqa: F401  (cctbx's extensions load first)

import iotbx.phil

from hnmref import params
from hnmref.files import write_text
from hnmref.programs import (
    analyse,
    compare,
    ensemble,
    modes,
    principal_components,
    tls_segments,
    transition,
)

#: What a command is called, and its parameters.
COMMANDS = {
    "hnmref.refine": params.REFINE + params.OUTPUT,
    "hnmref.modes": modes.Program.master_phil_str,
    "hnmref.analyse": analyse.Program.master_phil_str,
    "hnmref.principal_components": principal_components.Program.master_phil_str,
    "hnmref.transition": transition.Program.master_phil_str,
    "hnmref.ensemble": ensemble.Program.master_phil_str,
    "hnmref.compare": compare.Program.master_phil_str,
    "hnmref.tls_segments": tls_segments.Program.master_phil_str,
}

_HEAD = """# Parameters

Made from the programs by `python -m hnmref.programs.parameters_page
docs/parameters.md`. A name is typed as `name=value`, as much of its end as is unique
will do; `--show-defaults 3` prints the same. Of a choice, the default has an asterisk.
Every command also has `output.prefix`, `output.serial` and `output.overwrite`.
"""


def parameters_page() -> str:
    """The page as Markdown."""
    lines = [_HEAD]
    for command, phil in COMMANDS.items():
        lines.append(f"## {command}\n")
        lines.append("| parameter | default | meaning |\n|---|---|---|")
        lines += [_row(item) for item in _definitions(iotbx.phil.parse(phil))]
        lines.append("")
    return "\n".join(lines)


def _definitions(scope) -> Iterator:
    """All definitions below a scope, in their order."""
    for item in scope.objects:
        if item.is_definition:
            yield item
        else:
            yield from _definitions(item)


def _row(definition) -> str:
    default = " ".join(str(word) for word in definition.words)
    meaning = " ".join((definition.help or "").split())
    if definition.multiple:
        meaning = f"{meaning} May be given more than once.".strip()
    cells = (f"`{definition.full_path()}`", f"`{default}`", meaning)
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


if __name__ == "__main__":
    write_text(sys.argv[1], parameters_page())
