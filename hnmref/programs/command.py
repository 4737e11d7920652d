"""Commands as libtbx runs them, with one sentence for a parameter that cannot be used.

libtbx itself leaves a value of the wrong type or out of its range to a traceback, and
None or Auto where a number is needed to whatever comes across it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps

from iotbx.cli_parser import CCTBXParser, run_program
from libtbx import Auto
from libtbx.program_template import ProgramTemplate
from libtbx.utils import Sorry

from hnmref.errors import HnmrefError

#: What a value of each type of PHIL has to be.
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "True or False",
    "str": "a text",
    "path": "the name of a file",
    "atom_selection": "an atom selection",
    "choice": "one of the choices that --show-defaults 3 lists",
}

#: What libtbx raises for a value: also infinity where a whole number is needed.
_UNREADABLE = (RuntimeError, ValueError, OverflowError)


def console_script(run: Callable) -> Callable:
    """Let ``run`` stand as a console script too: nothing is returned by one that ends well.

    An installed script ends with ``sys.exit(run())``, for which results are a failure.
    Called with arguments, ``run`` returns its results.
    """

    @wraps(run)
    def command(args: list[str] | None = None):
        results = run(args)
        return None if args is None else results

    return command


def run_command(program_class: type[ProgramTemplate], args: list[str] | None):
    """Run a program with these arguments (None: the command line's); its results.

    :raises Sorry: something the user gave cannot be used, a parameter among it.
    """
    return run_program(program_class=program_class, parser_class=_Parser, args=args)


@contextmanager
def sorry() -> Iterator[None]:
    """What a user can act on ends the command with one sentence."""
    try:
        yield
    except HnmrefError as error:
        raise Sorry(str(error)) from error


class _Parser(CCTBXParser):
    """libtbx's, that names every parameter whose value cannot be used."""

    def process_phil(self, phil_list: list[str]) -> None:
        """Take up files' and the command line's parameters, and look at all values."""
        unreadable = None
        try:
            super().process_phil(phil_list)
        except _UNREADABLE as error:
            unreadable = error
        if self.working_phil is None:
            # A name that stands for something else among the parameters.
            raise Sorry(str(unreadable))
        complaints = list(_complaints(self.working_phil, self.master_phil))
        if complaints:
            raise Sorry("\n".join(complaints))
        if unreadable is not None:
            raise unreadable


def _complaints(given, master) -> Iterator[str]:
    """A sentence for each value that cannot be used.

    :param given: the scope of all values; ``master``: that of the defaults.
    """
    for locator in given.all_definitions():
        definition = locator.object
        default = master.get(locator.path).objects[0].extract()
        if not _usable(definition, default):
            words = " ".join(str(word) for word in definition.words)
            yield (
                f"{locator.path}={words} cannot be used"
                f"{_file_of(definition)}: it has to be {_wanted(definition.type)}"
            )


def _usable(definition, default) -> bool:
    """Whether a value is of its type, in its range and, for a number, one at all."""
    try:
        value = definition.extract()
    except _UNREADABLE:
        return False
    if value is Auto:
        # There is one just where the help tells of it.
        return default is Auto or "Auto" in (definition.help or "")
    if value is None:
        return default is None or definition.type.phil_type not in ("int", "float")
    return not isinstance(value, float) or math.isfinite(value)


def _wanted(kind) -> str:
    """What values a PHIL type takes, in words."""
    name = _KINDS.get(kind.phil_type, f"of type {kind.phil_type}")
    least = getattr(kind, "value_min", None)
    most = getattr(kind, "value_max", None)
    if least is not None and most is not None:
        return f"{name} from {least:g} to {most:g}"
    if least is not None:
        return f"{name} of at least {least:g}"
    if most is not None:
        return f"{name} of at most {most:g}"
    return name


def _file_of(definition) -> str:
    """Where a value that is not from the command line stands."""
    where = definition.words[0].where_str()
    return "" if "command line" in where else where
