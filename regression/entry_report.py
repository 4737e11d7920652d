"""What the finished tasks of one entry say together."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks import reflections
from benchmarks.runs import Record
from hnmref.files import write_text
from regression.grid import Point
from regression.judgement import Family, Judgement, judge
from regression.task import Task

#: Seed of the judgement; every entry begins with it anew.
SEED = 2679941
#: Steps that refine U_group.
_GROUP_STEPS = ("stage_one", "stage_two", "tls")

#: Figures of a model by their names, see :mod:`regression.model_figures`.
Figures = dict[str, Any]


@dataclass(frozen=True)
class EntryReport:
    """Normal modes against TLS in one entry.

    :ivar judgement: ours are normal modes, theirs TLS.
    :ivar records: of all finished runs, by row.
    :ivar n_candidates: number of finished runs by family.
    :ivar n_free: free reflections that all these share.
    :ivar figures: of the two best models by row: ``rama_favoured`` (percent),
        ``map_cc``, ``residue_cc``, ``b_kl`` across the best TLS's partition; empty
        where the runs' files are gone.
    """

    entry: str
    judgement: Judgement
    records: Mapping[str, Record]
    n_candidates: Mapping[str, int]
    n_free: int
    figures: Mapping[str, Figures] = field(default_factory=dict)

    @property
    def ours(self) -> Record:
        """The normal modes of lowest R_free."""
        return self.records[self.judgement.ours]

    @property
    def theirs(self) -> Record:
        """The TLS of lowest R_free."""
        return self.records[self.judgement.theirs]

    @property
    def gap_improvement(self) -> float:
        """How much narrower the gap between R_free and R_work is; percent points."""
        gaps = [run.r_free - run.r_work for run in (self.theirs, self.ours)]
        return 100 * (gaps[0] - gaps[1])

    def figure(self, row: str, name: str) -> Any:
        """A figure of one of the two best models, if there is one."""
        return self.figures.get(row, {}).get(name)


def n_group_parameters(record: Record) -> int:
    """Parameters refined for U_group in a macro-cycle, those of stage one as well."""
    return sum(record.n_parameters.get(step, 0) for step in _GROUP_STEPS)


def entry_report(tasks: Mapping[Point, Task]) -> EntryReport | None:
    """Judge an entry by its finished tasks; None unless both families have one.

    :param tasks: of one entry, by point.
    :raises SystemExit: runs and data do not belong together.
    """
    found = {point: task.finished() for point, task in tasks.items()}
    done = {point: record for point, record in found.items() if record is not None}
    families = {
        name: [point for point in done if point.family == name]
        for name in ("hnm", "tls")
    }
    if not all(families.values()):
        return None
    judged = [point for points in families.values() for point in points]
    runs = {
        point.name: reflections.read_free_model(tasks[point].free_model_file)
        for point in judged
    }
    run = tasks[judged[0]].run
    data = reflections.read_entry_data(run.entry, run.parameters)
    try:
        free = reflections.free_set(runs, data)
    except reflections.Disagreement as error:
        raise SystemExit(str(error)) from error
    judgement = judge(
        free,
        *(_family(points, done) for points in families.values()),
        np.random.default_rng(SEED),
    )
    best = {
        point.name: tasks[point]
        for point in judged
        if point.name in (judgement.ours, judgement.theirs)
    }
    records = {point.name: record for point, record in done.items()}
    return EntryReport(
        entry=run.entry.id,
        judgement=judgement,
        records=records,
        n_candidates={name: len(points) for name, points in families.items()},
        n_free=len(free.f_obs),
        figures=_figures(best, records, judgement),
    )


def _family(points: Sequence[Point], done: Mapping[Point, Record]) -> Family:
    return Family(
        tuple(point.name for point in points),
        tuple(n_group_parameters(done[point]) for point in points),
    )


def _figures(
    best: Mapping[str, Task], records: Mapping[str, Record], judgement: Judgement
) -> dict[str, Figures]:
    """Figures of the two best models, kept beside the records once computed."""
    first = next(iter(best.values()))
    kept = first.results / f"{first.run.entry.id}.figures"
    of = {row: [records[row].parameters_hash, records[row].r_free] for row in best}
    if kept.is_file():
        content = json.loads(kept.read_text(encoding="utf-8"))
        if content["of"] == of:
            return content["figures"]
    directories = {row: task.run.directory for row, task in best.items()}
    if not all((path / "run_001.cif").is_file() for path in directories.values()):
        return {}
    # What needs mmtbx is not loaded where everything is kept.
    from regression import model_figures

    figures = {
        row: model_figures.model_figures(path) for row, path in directories.items()
    }
    partition = model_figures.partition_of(directories[judgement.theirs])
    b_kl = model_figures.boundary_figures(directories, partition)
    for row in figures:
        figures[row]["b_kl"] = b_kl[row]
    write_text(kept, json.dumps({"of": of, "figures": figures}, indent=1) + "\n")
    return figures
