"""The small example's files, and a plugin that every test leaves uninstalled."""

import hnmref  # noqa: F401  (cctbx's extensions load first)

import pytest

import phenix_plugin
from hnmref.refine.simulate import write_simulated
from tests.phenix_plugin.driving import QUICK, phenix_params, prepare
from tests.refine.small_run import small_simulation


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """Model and data of two domains with known motion."""
    return write_simulated(small_simulation(), tmp_path_factory.mktemp("small"))


@pytest.fixture
def plugin():
    """The plugin installed for one test."""
    phenix_plugin.install()
    yield phenix_plugin
    phenix_plugin.uninstall()


@pytest.fixture
def case(files, plugin):
    """The small example as phenix.refine hands it to mmtbx's manager."""
    return prepare(files)


@pytest.fixture
def params(plugin):
    """phenix.refine's parameters with HNM on and few iterations."""
    return phenix_params(*QUICK)
