"""Commands as libtbx runs them, with one sentence for each argument that cannot be used.

libtbx itself leaves a value of the wrong type or out of its range to a traceback, None
or Auto where a number is needed to whatever comes across it, and goes on without a
file that it cannot read.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path

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

#: What each of libtbx's types of data is to a user.
_CONTENTS = {
    "model": "a model",
    "miller_array": "reflections",
    "restraint": "restraints",
    "phil": "parameters",
}

#: What libtbx raises for a value: also infinity where a whole number is needed.
_UNREADABLE = (RuntimeError, ValueError, OverflowError)


def console_script(run: Callable) -> Callable:
    """A ``run`` that returns its results where it is given arguments, and None otherwise.

    An installed script ends with ``sys.exit(run())``, for which results are a failure.
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
        raise Sorry(str(error)) from None


class _Parser(CCTBXParser):
    """libtbx's, that names every argument that cannot be used."""

    def parse_args(self, args: list[str], skip_help: bool = False):
        """Take up all arguments; the namespace that they make."""
        self._given_files_are_read = False
        return super().parse_args(args, skip_help)

    def process_files(self, file_list: list[str], *given, **named) -> None:
        """Read files, and every one of those on the command line."""
        super().process_files(file_list, *given, **named)
        # Those that parameters name, afterwards, are for the program to read.
        if not self._given_files_are_read:
            self._given_files_are_read = True
            self._refuse_unread(file_list)

    def _refuse_unread(self, file_list: list[str]) -> None:
        kinds = [kind for kind in _CONTENTS if kind in self.data_manager.datatypes]
        read = {
            name
            for kind in kinds
            for name in getattr(self.data_manager, f"get_{kind}_names")()
        }
        wanted = " or ".join(_CONTENTS[kind] for kind in kinds)
        unread = [
            f"{name} cannot be read as {wanted}: check what is in it, or leave it out"
            for name in file_list
            if name not in read
        ]
        if unread:
            raise Sorry("\n".join(unread))

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

    def raise_Sorry_for_unused_phil(self) -> None:
        """Name each parameter that there is not, and those of similar names."""
        if self.unused_phil and not self.namespace.diff_params:
            names = [found.path for found in self.master_phil.all_definitions()]
            raise Sorry("\n".join(_no_such(str(p), names) for p in self.unused_phil))

    def show_phil_summary(self) -> None:
        """Show the parameters, if each argument was a file or a parameter."""
        if self.namespace.unknown:
            raise Sorry("\n".join(map(_neither, self.namespace.unknown)))
        super().show_phil_summary()


def _no_such(given: str, names: list[str]) -> str:
    """That a parameter, as it was given, is none; and what it may stand for."""
    wanted = given.split("=")[0].split(" ")[0]
    similar = " or ".join(difflib.get_close_matches(wanted, names, n=2, cutoff=0.6))
    hint = f"did you mean {similar}?" if similar else "see --show-defaults 3"
    return f"{given}: there is no such parameter; {hint}"


def _neither(argument: str) -> str:
    """What is wrong with an argument that is neither a file nor a parameter."""
    if Path(argument).is_dir():
        return f"{argument} is a directory: give the files in it"
    return f"{argument} is neither a file nor a parameter (name=value): check its path"


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
