"""Independent work in parallel processes, with the numbers of one process."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from libtbx import easy_mp


def map_in_order(function: Callable, arguments: Sequence, nproc: int) -> list:
    """Results in order, by processes where the platform can fork.

    Without easy_mp's wrapper, which would turn an error into a missing result.
    """
    return easy_mp.pool_map(
        processes=nproc,
        fixed_func=function,
        args=arguments,
        func_wrapper=None,
        index_args=False,
        chunksize=1,
        maxtasksperchild=1,
    )
