"""Tables that CCP4's and Phenix's log viewers draw as graphs ($TABLE ... $$)."""

from __future__ import annotations

from collections.abc import Sequence

from iotbx.data_plots import table_data

from hnmref.refine.record import StepRecord


def step_graphs(records: Sequence[StepRecord]) -> str:
    """R-factors and mean B after every step of a run."""
    return table_data(
        title="Refinement by step",
        column_labels=["step", "cycle", "R-work", "R-free", "mean B"],
        graph_names=["R-factors after each step", "Mean B after each step"],
        graph_columns=[[0, 2, 3], [0, 4]],
        data=[
            list(range(1, len(records) + 1)),
            [record.cycle for record in records],
            [record.r_work for record in records],
            [record.r_free for record in records],
            [record.mean_b for record in records],
        ],
    ).format_loggraph()


def shell_graphs(shells: Sequence[dict]) -> str:
    """R-factors by resolution; shells that lack a free or a work set are left out.

    :param shells: as :func:`hnmref.refine.fit_quality.resolution_shells` gives them.
    """
    shells = [s for s in shells if None not in (s["r_work"], s["r_free"])]
    return table_data(
        title="R-factors by resolution",
        column_labels=["1/d**2", "d_min", "R-work", "R-free"],
        graph_names=["R-factors against 1/d**2"],
        graph_columns=[[0, 2, 3]],
        data=[
            [shell["d_min"] ** -2 for shell in shells],
            [shell["d_min"] for shell in shells],
            [shell["r_work"] for shell in shells],
            [shell["r_free"] for shell in shells],
        ],
    ).format_loggraph()
