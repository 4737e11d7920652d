"""The example run as fixtures, a fresh copy for each test."""

import pytest
from example_run import example_atoms, example_run


@pytest.fixture
def run():
    return example_run()


@pytest.fixture
def atoms():
    return example_atoms()
