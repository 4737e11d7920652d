"""One task: what it keeps, and what it does about attempts that went wrong."""

import threading

import pytest

from benchmarks.runs import read_record
from regression.children import Children, Ended
from regression.task import MAX_ATTEMPTS, perform
from tests.regression.small_tasks import (
    POINTS,
    STAND_IN,
    make_entry,
    make_tasks,
    prepare,
    wait_until_stuck,
)


@pytest.fixture
def task(tmp_path, monkeypatch):
    """The task of normal modes, its refinement a stand-in."""
    entry = make_entry(tmp_path / "1abc")
    prepare(entry, POINTS[0], tmp_path / "prepared")
    monkeypatch.setenv("PREPARED", str(tmp_path / "prepared"))
    monkeypatch.setattr("benchmarks.runs.REFINE", STAND_IN)
    return make_tasks(tmp_path, entry)[POINTS[0]]


def refine_with(monkeypatch, program):
    monkeypatch.setattr("benchmarks.runs.REFINE", (STAND_IN[0], "-c", program))


def test_finished_task_leaves_its_files_and_is_not_made_again(task, monkeypatch):
    record = perform(task)
    assert record.error == "" and 0.1 < record.r_free < 0.2
    assert task.finished() == record
    kept = sorted(path.name for path in task.run.directory.iterdir())
    assert kept == ["output.txt", "run_001.cif", "run_001.json", "run_001.mtz"]
    # No attempt's directory is left.
    assert list(task.run.directory.parent.iterdir()) == [task.run.directory]
    refine_with(monkeypatch, "raise SystemExit(1)")
    assert perform(task) == record


def test_failed_task_is_kept_with_its_message_and_tried_again(task, monkeypatch):
    refine_with(monkeypatch, "raise SystemExit('Sorry: no free flags')")
    record = perform(task)
    assert record.error == "exit code 1: Sorry: no free flags"
    assert read_record(task.record_file) == record
    assert task.finished() is None
    monkeypatch.setattr("benchmarks.runs.REFINE", STAND_IN)
    assert perform(task).error == ""


def test_refinement_that_is_killed_is_made_again_but_not_for_ever(
    task, monkeypatch, tmp_path
):
    tally = tmp_path / "tally"
    refine_with(
        monkeypatch,
        f"import os, signal; open({str(tally)!r}, 'a').write('x'); "
        "os.kill(os.getpid(), signal.SIGKILL)",
    )
    assert "exit code -9" in perform(task).error
    assert tally.read_text() == "x" * MAX_ATTEMPTS


def test_reflections_that_disagree_with_the_report_are_a_failure(task, tmp_path):
    """A finished task's reflections give its R_free, or it is not finished."""
    path = tmp_path / "prepared" / POINTS[0].name / "run_001.json"
    path.write_text(path.read_text().replace('"r_free": 0.1', '"r_free": 0.2'))
    record = perform(task)
    assert "reflections were not kept" in record.error
    assert "different runs" in record.error
    assert task.finished() is None and not task.free_model_file.exists()


def test_ended_children_start_nothing(task):
    children = Children()
    children.end()
    with pytest.raises(Ended):
        perform(task, children)
    assert not task.record_file.exists()


def test_end_kills_what_is_running(task, tmp_path):
    stuck = tmp_path / "prepared" / POINTS[0].name / "stuck"
    stuck.touch()
    children, raised = Children(), []

    def run():
        try:
            perform(task, children)
        except Ended as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    wait_until_stuck(stuck)
    children.end()
    thread.join(60)
    assert len(raised) == 1
    assert task.finished() is None and not list(task.run.directory.parent.iterdir())
