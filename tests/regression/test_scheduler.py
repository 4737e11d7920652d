"""Where a task is done, and who is killed meanwhile, changes no number."""

import os
import signal
import sys
import threading
from contextlib import closing

import pytest

from regression.scheduler import performed
from tests.regression.small_tasks import (
    POINTS,
    STAND_IN,
    figures_of,
    make_entry,
    make_tasks,
    prepare,
    wait_until_stuck,
)


@pytest.fixture
def entry(tmp_path, monkeypatch):
    entry = make_entry(tmp_path / "1abc")
    for point in POINTS:
        prepare(entry, point, tmp_path / "prepared")
    monkeypatch.setenv("PREPARED", str(tmp_path / "prepared"))
    monkeypatch.setattr("benchmarks.runs.REFINE", STAND_IN)
    return entry


def table(tasks):
    return {point.name: figures_of(task) for point, task in tasks.items()}


def undisturbed(tmp_path, entry):
    """What the tasks give where nobody is killed."""
    tasks = make_tasks(tmp_path / "undisturbed", entry)
    records = list(performed(list(tasks.values())))
    assert [record.error for record in records] == [""] * len(POINTS)
    return table(tasks)


def all_records(tasks, found, **how):
    """Records of the tasks, collected in a thread of their own."""

    def run():
        found.extend(performed(list(tasks.values()), **how))

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_a_killed_local_refinement_changes_no_number(tmp_path, entry):
    expected = undisturbed(tmp_path, entry)
    assert expected["hnm-20-20"][1] < expected["tls-1"][1]
    tasks, found = make_tasks(tmp_path / "killed", entry), []
    stuck = tmp_path / "prepared" / POINTS[0].name / "stuck"
    stuck.touch()
    thread = all_records(tasks, found, n_at_once=2)
    child, parent = wait_until_stuck(stuck)
    assert parent == os.getpid()
    os.kill(child, signal.SIGKILL)
    thread.join(120)
    assert sorted(record.row for record in found) == sorted(expected)
    assert table(tasks) == expected


def test_closing_ends_the_refinements_and_the_rest_is_done_later(tmp_path, entry):
    expected = undisturbed(tmp_path, entry)
    tasks = make_tasks(tmp_path / "stopped", entry)
    stuck = tmp_path / "prepared" / POINTS[1].name / "stuck"
    stuck.touch()
    with closing(performed(list(tasks.values()), n_at_once=2)) as records:
        assert next(records).row == POINTS[0].name
        child, _ = wait_until_stuck(stuck)
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    assert [task.finished() is None for task in tasks.values()] == [False, True]
    assert len(list(performed(list(tasks.values())))) == 2
    assert table(tasks) == expected


@pytest.fixture
def cluster(tmp_path, entry):
    """One worker process, which is started again when it is killed."""
    distributed = pytest.importorskip(
        "distributed", reason="Dask, the extra 'cluster', is not installed"
    )
    # A restarted worker needs the stand-in, too.
    preload = tmp_path / "preload.py"
    preload.write_text(
        f"import benchmarks.runs\nbenchmarks.runs.REFINE = {STAND_IN!r}\n"
    )
    with distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=2,
        processes=True,
        dashboard_address=None,
        local_directory=str(tmp_path / "dask"),
        preload=[str(preload)],
    ) as running:
        yield running


def kill_worker_at_work(tmp_path, tasks, cluster):
    """Records of the tasks, their worker killed in the midst of the first one."""
    found = []
    stuck = tmp_path / "prepared" / POINTS[0].name / "stuck"
    stuck.touch()
    thread = all_records(tasks, found, scheduler=cluster.scheduler_address)
    child, worker = wait_until_stuck(stuck)
    assert worker != os.getpid()
    os.kill(worker, signal.SIGKILL)
    thread.join(120)
    # The refinement itself has outlived its worker.
    os.kill(child, signal.SIGKILL)
    return found


def test_a_killed_dask_worker_changes_no_number(tmp_path, entry, cluster):
    expected = undisturbed(tmp_path, entry)
    tasks = make_tasks(tmp_path / "cluster", entry)
    found = kill_worker_at_work(tmp_path, tasks, cluster)
    assert sorted(record.row for record in found) == sorted(expected)
    assert table(tasks) == expected


def test_a_task_that_dask_gives_up_is_told_and_can_be_done_later(
    tmp_path, entry, cluster
):
    cluster.scheduler.allowed_failures = 0
    tasks = make_tasks(tmp_path / "cluster", entry)
    found = kill_worker_at_work(tmp_path, tasks, cluster)
    assert "workers were lost" in next(
        record.error for record in found if record.row == POINTS[0].name
    )
    assert len(found) == len(POINTS)
    assert tasks[POINTS[0]].finished() is None
    assert len(list(performed(list(tasks.values())))) == len(POINTS)
    assert table(tasks) == undisturbed(tmp_path, entry)


def test_without_dask_a_sentence_says_what_to_do(tmp_path, entry, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    tasks = list(make_tasks(tmp_path, entry).values())
    with pytest.raises(SystemExit, match=r"hnmref\[cluster\]"):
        list(performed(tasks, scheduler="tcp://nowhere:1"))
