"""cctbx's extensions must load before scipy's: import hnmref first.

One BLAS thread: the matrices of tests are small, and threads that wait for each
other on a busy machine make them many times slower.
"""

import hnmref  # noqa: F401

import pytest
from threadpoolctl import threadpool_limits


@pytest.fixture(scope="session", autouse=True)
def one_blas_thread():
    with threadpool_limits(limits=1, user_api="blas"):
        yield
