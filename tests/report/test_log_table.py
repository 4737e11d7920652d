"""One line a step, under its titles."""

import pytest

from hnmref.report.log_table import COLUMNS, format_duration, format_header, format_step


def test_a_step_is_a_line_of_its_figures(run):
    record = {**run["cycles"][1], "seconds_left": 245.0}
    assert format_step(record).split() == (
        "1 stage_one 0.2804 0.3099 0.0295 41.8 210 31 1.2s 4m05s".split()
    )


def test_lines_stand_under_their_titles(run):
    lines = [format_header(), *map(format_step, run["cycles"])]
    assert len({len(line) for line in lines}) == 1
    assert len(lines[0]) <= 88
    for column in COLUMNS:
        end = lines[0].index(column.title) + len(column.title)
        assert all(line[end - 1] != " " for line in lines)


def test_what_is_not_known_is_a_dash(run):
    record = run["cycles"][0]
    record["r_free"] = None
    assert format_step(record).split()[3:5] == ["-", "-"]
    assert format_step(record).split()[-1] == "-"


@pytest.mark.parametrize(
    "seconds, text",
    [
        (0.04, "0.0s"),
        (59.94, "59.9s"),
        (59.96, "1m00s"),
        (3599.4, "59m59s"),
        (3599.6, "1h00m"),
        (7620, "2h07m"),
    ],
)
def test_durations(seconds, text):
    assert format_duration(seconds) == text
