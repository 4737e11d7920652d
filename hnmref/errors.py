"""Errors that a user can act on.

The library raises these; the command line turns them into ``Sorry``. The
message is one sentence that says what is wrong, where, and what to do.
"""


class HnmrefError(Exception):
    """Something the user gave cannot be used as it stands."""


class InputError(HnmrefError):
    """A model, data or parameter value is missing or inconsistent."""


class ModesError(HnmrefError):
    """Normal modes cannot be computed from these coordinates or settings."""


class ReferenceDataError(HnmrefError):
    """Geometry restraints or rotamer grids are not at hand."""
