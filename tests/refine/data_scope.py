"""The ``data`` scope with some values set, for the tests of the inputs."""

from __future__ import annotations

import iotbx.phil

from hnmref.params import DATA


def data_scope(**values):
    """The extracted scope: defaults but for the values given."""
    scope = iotbx.phil.parse(DATA).extract().data
    for name, value in values.items():
        assert hasattr(scope, name), name
        setattr(scope, name, value)
    return scope
