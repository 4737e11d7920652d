"""One small simulated example for all tests of a refinement."""

import hnmref  # noqa: F401  (cctbx's extensions load first)

import pytest
from small_run import DOMAINS, small_refinement, small_simulation

from hnmref.refine.restart import write_restart
from hnmref.refine.simulate import write_simulated


@pytest.fixture(scope="session")
def simulation():
    """The truth of the small example."""
    return small_simulation()


@pytest.fixture(scope="session")
def files(simulation, tmp_path_factory):
    """Its files: model, data, truth and arrays."""
    return write_simulated(simulation, tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session")
def two_cycles(files):
    """A finished run of two macro-cycles; tests must leave it as it is."""
    refinement = small_refinement(files, "main.number_of_macro_cycles=2")
    refinement.run()
    return refinement


def run_and_keep_first(files, path, *assignments):
    """A finished run of two macro-cycles; the first one's restart file is kept."""

    def keep(refinement):
        if refinement.n_cycles_done == 1:
            write_restart(refinement, path)

    refinement = small_refinement(
        files, *assignments, "main.number_of_macro_cycles=2", on_cycle=keep
    )
    refinement.run()
    return refinement


@pytest.fixture(scope="session")
def two_tls_cycles(files, tmp_path_factory):
    """A finished TLS run of two groups, and the restart file of its first cycle."""
    path = tmp_path_factory.mktemp("tls") / "run_001.hnm.npz"
    selections = (f"tls.selection='{domain}'" for domain in DOMAINS)
    return run_and_keep_first(files, path, "group_adp=tls", *selections), path


@pytest.fixture(scope="session")
def two_none_cycles(files, tmp_path_factory):
    """A finished run without U_group, and the restart file of its first cycle."""
    path = tmp_path_factory.mktemp("none") / "run_001.hnm.npz"
    return run_and_keep_first(files, path, "group_adp=none"), path
