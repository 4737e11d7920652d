"""The table's logic, with figures made up for it."""

import csv
import io
import signal
import sys

import numpy as np
import pytest

from benchmarks.comparison import (
    Difference,
    can_compare,
    entry_result,
    mean_difference,
    n_at_least_as_low,
)
from benchmarks.entries import Entry
from benchmarks.group_adp_table import table_run
from benchmarks.processes import Finished, run_all, start
from benchmarks.rows import ROWS
from benchmarks.runs import (
    Record,
    is_finished,
    read_records,
    refine_all,
    write_record,
)
from benchmarks.tables import csv_text, markdown

R_FREE = {
    "none": 0.33,
    "tls1": 0.32,
    "tls3": 0.31,
    "tls6": 0.315,
    "hnm": 0.30,
    "hnm6": 0.305,
}

#: What a refinement says of itself, as far as it is read.
A_RESULT = (
    '{"start": {"r_work": 0.4, "r_free": 0.41}, "versions": {"hnmref": "1"}, '
    '"final": {"r_work": 0.2, "r_free": 0.25}, "cycles": ['
    '{"step": "scale", "n_parameters": 0}, {"step": "tls", "n_parameters": 60}]}'
)


def result(entry="1abc", spread=0.001, without=(), **changes):
    """One entry, its bootstrap differences spread as told."""
    r_free = {**R_FREE, **changes}
    r_free = {row: r for row, r in r_free.items() if row not in without}
    rng = np.random.default_rng(5)
    common = rng.normal(0.0, 0.01, 3000)
    resampled = {row: r + common for row, r in r_free.items()}
    resampled["hnm"] = r_free["hnm"] + common + rng.normal(0.0, spread, 3000)
    return entry_result(entry, r_free, resampled, fair=-0.008)


def record(entry="1abc", row="hnm", **changes):
    figures = {
        "parameters": ["group_adp=hnm"],
        "parameters_hash": "0123456789ab",
        "source": "abcdef0",
        "seconds": 12.5,
        "peak_mb": 300,
        "r_work": 0.25,
        "r_free": R_FREE[row],
        "start": {"r_work": 0.35, "r_free": 0.38},
        "n_parameters": {"stage_one": 210, "stage_two": 420, "u_local": 1000},
        "versions": {"hnmref": "0.1.0"},
    }
    return Record(entry=entry, row=row, **{**figures, **changes})


def test_best_baseline_and_differences_in_points():
    compared = result()
    assert compared.best == "tls3"
    assert compared.against_best.points == pytest.approx(-1.0)
    assert compared.against["none"].points == pytest.approx(-3.0)
    assert set(compared.against) == set(ROWS) - {"hnm"}
    assert compared.fair == pytest.approx(-0.8)


def test_error_is_of_the_difference_not_of_the_r_factors():
    # What the runs have in common (0.01) must drop out; 0.1 points remain.
    assert result(spread=0.001).against_best.error == pytest.approx(0.1, rel=0.06)


@pytest.mark.parametrize(
    ("points", "verdict"),
    [(-0.3, "lower"), (-0.2, "equal"), (0.1, "equal"), (0.21, "higher")],
)
def test_equal_is_within_one_standard_error(points, verdict):
    assert Difference(points, 0.2).verdict == verdict


def test_equal_counts_as_at_least_as_low():
    results = [
        result(),
        result(hnm=0.3105, spread=0.001),
        result(hnm=0.3120, spread=0.001),
    ]
    assert [r.against_best.verdict for r in results] == ["lower", "equal", "higher"]
    assert n_at_least_as_low(results) == 2


def test_mean_adds_independent_errors():
    mean = mean_difference([Difference(-1.0, 0.3), Difference(0.0, 0.4)])
    assert mean.points == pytest.approx(-0.5)
    assert mean.error == pytest.approx(0.25)


def test_best_is_among_the_baselines_that_there_are():
    compared = result(without=("tls3", "hnm6"))
    assert compared.best == "tls6"
    assert compared.against_best.points == pytest.approx(-1.5)
    assert set(compared.against) == {"none", "tls1", "tls6"}
    assert not compared.has_all_baselines
    assert result(without=("hnm6",)).has_all_baselines


@pytest.mark.parametrize(
    ("rows", "enough"),
    [
        ({"hnm", "tls6"}, True),
        ({"hnm", "none", "hnm6"}, False),
        ({"tls1", "tls3", "tls6"}, False),
    ],
)
def test_comparison_needs_our_row_and_a_baseline(rows, enough):
    assert can_compare(rows) is enough


def table_lines(text):
    """Cells of the table's lines, by their first one."""
    lines = [line.split("|")[1:-1] for line in text.splitlines() if "|" in line]
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in lines}


def test_markdown_has_every_entry_and_the_means_of_complete_ones():
    records = {("1abc", row): record(row=row) for row in ROWS}
    records["2def", "none"] = record("2def", "none")
    records["2def", "hnm"] = record("2def", "hnm", error="exit code 1: Sorry: no")
    text = markdown(records, [result()], ["1abc", "2def"])
    lines = table_lines(text)
    assert "25.00/30.00" in lines["1abc"]
    assert lines["1abc"][-2:] == ["lower", ""] and "(tls3)" in lines["1abc"][-3]
    assert lines["2def"][:6] == ["25.00/33.00", "", "", "", "failed", ""]
    assert lines["2def"][6:] == ["", "", "tls1, tls3, tls6, hnm, hnm6"]
    assert "25.00/31.50" in lines["**mean of 1**"]
    assert "**1 of 1** entries" in text
    assert "Failed: 2def hnm: exit code 1: Sorry: no" in text
    assert "5 of 12 runs are missing. 1 of 2 entries have hnm and a tls" in text
    assert len({len(cells) for cells in lines.values()}) == 1


def test_markdown_compares_an_incomplete_entry_and_says_so():
    records = {("1abc", row): record(row=row) for row in ("tls1", "hnm", "none")}
    compared = result(without=("tls3", "tls6", "hnm6", "none"))
    text = markdown(records, [compared], ["1abc"], ["1abc none"])
    lines = table_lines(text)
    assert "(tls1)" in lines["1abc"][6] and lines["1abc"][7] == "lower"
    assert lines["1abc"][8] == "tls3, tls6, hnm6"
    assert not any(name.startswith("**mean") for name in lines)
    assert "3 of 6 runs are missing" in text
    assert "Not all of tls1, tls3, tls6 are compared in 1abc" in text
    assert "Reflections were not kept, so not compared: 1abc none." in text
    assert "hnm − tls1: -2.00" in text and "hnm − tls3" not in text


def test_markdown_of_a_complete_table_speaks_of_nothing_missing():
    records = {("1abc", row): record(row=row) for row in ROWS}
    text = markdown(records, [result()], ["1abc"])
    for words in ("are missing", "Not all of", "not kept"):
        assert words not in text


def test_picture_has_what_there_is(tmp_path):
    from benchmarks.figure import draw

    results = [result(), result("2def", without=("tls3", "none"))]
    draw(results, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_csv_has_a_line_a_run():
    records = {("1abc", row): record(row=row) for row in ROWS}
    records["2def", "tls1"] = record("2def", "tls1", error="exit code 1: Sorry: a, b")
    lines = list(csv.DictReader(io.StringIO(csv_text(records, [result()]))))
    assert len(lines) == len(ROWS) + 1
    by_key = {(line["entry"], line["row"]): line for line in lines}
    assert float(by_key["1abc", "tls1"]["hnm_minus_row"]) == pytest.approx(-2.0)
    assert by_key["1abc", "hnm"]["hnm_minus_row"] == ""
    assert by_key["1abc", "hnm"]["n_parameters"] == "420"
    assert by_key["2def", "tls1"]["error"] == "exit code 1: Sorry: a, b"


def a_run(tmp_path, extra=()):
    entry = Entry("1abc", tmp_path / "model.pdb", tmp_path / "data.mtz")
    return table_run(entry, "tls3", extra, tmp_path)


def test_finished_run_is_not_made_again_unless_its_parameters_change(tmp_path):
    run = a_run(tmp_path)
    run.directory.mkdir(parents=True)
    (run.directory / "run_001.json").write_text(A_RESULT)
    assert not is_finished(run, read_records(tmp_path))
    write_record(run.record(Finished(0, 10.0, 200.0), "abc"), tmp_path)
    records = read_records(tmp_path)
    assert records["1abc", "tls3"].r_free == 0.25
    assert records["1abc", "tls3"].n_parameters == {"tls": 60}
    assert is_finished(run, records)
    assert not is_finished(a_run(tmp_path, ("start.b_iso=30",)), records)


def test_failed_run_is_kept_with_its_message_and_made_again(tmp_path):
    run = a_run(tmp_path)
    run.directory.mkdir(parents=True)
    run.output.write_text("Starting job\nSorry: no free flags\n")
    write_record(run.record(Finished(1, 2.0, 90.0), "abc"), tmp_path)
    records = read_records(tmp_path)
    assert records["1abc", "tls3"].error == "exit code 1: Sorry: no free flags"
    assert not is_finished(run, records)


def test_refine_all_makes_what_is_missing_and_tells_of_each(tmp_path, monkeypatch):
    """A program that fails stands for a refinement, then one that goes well."""
    results, told = tmp_path / "results", []
    runs = [a_run(tmp_path)]

    def refine_with(program):
        monkeypatch.setattr("benchmarks.runs.REFINE", (sys.executable, "-c", program))
        refine_all(runs, results, 1, kept=told.append)

    refine_with("print('Sorry: two\\n  lines'); raise SystemExit(1)")
    assert told[0].error == "exit code 1: Sorry: two lines"
    refine_with(f"open('run_001.json', 'w').write({A_RESULT!r})")
    assert (told[1].error, told[1].r_free) == ("", 0.25)
    assert read_records(results) == {("1abc", "tls3"): told[1]}
    refine_with("raise SystemExit(1)")
    assert len(told) == 2


def test_processes_report_their_own_exit_code_and_memory(tmp_path):
    programs = {"small": "pass", "large": "b'x' * 150_000_000", "bad": "exit(3)"}
    seen = {}

    def launch(name):
        command = [sys.executable, "-c", programs[name]]
        return start(command, tmp_path / f"{name}.txt", tmp_path)

    run_all(programs, launch, seen.__setitem__, n_at_once=2)
    assert {name: f.exit_code for name, f in seen.items()} == {
        "small": 0,
        "large": 0,
        "bad": 3,
    }
    # A child starts from its parent's peak; the large one goes beyond it.
    assert seen["large"].peak_mb > 150


def test_interrupt_ends_what_is_running(tmp_path):
    processes = []

    def launch(name):
        command = [sys.executable, "-c", "import time; time.sleep(60 * int(%r))" % name]
        processes.append(start(command, tmp_path / "output.txt", tmp_path))
        return processes[-1]

    def interrupt(name, finished):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_all(["5", "0"], launch, interrupt, n_at_once=2)
    assert processes[0].poll() == -signal.SIGKILL
