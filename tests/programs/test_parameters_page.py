"""The page of parameters is that of the programs."""

from pathlib import Path

import iotbx.phil

from hnmref.programs.parameters_page import COMMANDS, parameters_page

PAGE = Path(__file__).parents[2] / "docs" / "parameters.md"


def test_the_page_is_what_the_programs_say():
    """If this fails: python -m hnmref.programs.parameters_page docs/parameters.md."""
    assert PAGE.read_text(encoding="utf-8") == parameters_page()


def test_every_parameter_says_what_it_is():
    rows = [line for line in parameters_page().splitlines() if line.startswith("| `")]
    n_defined = [len(iotbx.phil.parse(p).all_definitions()) for p in COMMANDS.values()]
    assert len(rows) == sum(n_defined) and min(n_defined) > 0
    for row in rows:
        name, _, meaning = (cell.strip() for cell in row.strip("| ").split(" | "))
        assert len(meaning) > 10, name
