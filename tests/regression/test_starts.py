"""Improvements from several starts: made-up tables, of which the answer is known."""

import numpy as np
import pytest

from regression import starts


def write(directory, name, entries, runs):
    """The tables of one start."""
    lines = ["entry,improvement,improvement_error,on_halves"]
    lines += [f"{entry},{value},0.5,{value / 2}" for entry, value in entries.items()]
    (directory / f"{name}-entries.csv").write_text("\n".join(lines) + "\n")
    lines = ["entry,row,r_free"]
    lines += [f"{entry},{row},{r}" for (entry, row), r in runs.items()]
    (directory / f"{name}-runs.csv").write_text("\n".join(lines) + "\n")
    return str(directory / name)


def test_means_and_scatter_are_those_of_the_tables(tmp_path, capsys):
    first = write(
        tmp_path, "1", {"1abc": 0.2, "2abc": 1.0, "3abc": 9.0},
        {("1abc", "tls-1"): 0.300, ("1abc", "hnm-20-20"): 0.298},
    )
    second = write(
        tmp_path, "2", {"2abc": 2.0, "1abc": -0.4},
        {("1abc", "tls-1"): 0.300, ("1abc", "hnm-20-20"): 0.304},
    )
    starts.main([first, second])
    lines = capsys.readouterr().out.splitlines()
    assert lines[2:4] == [
        "| 1abc | +0.20 | -0.40 | -0.10 | ± 0.50 | ± 0.30 | -0.05 |",
        "| 2abc | +1.00 | +2.00 | +1.50 | ± 0.50 | ± 0.50 | +0.75 |",
    ]
    # An entry that one start lacks takes no part.
    assert lines[5] == "Mean over 2 entries and 2 starts: +0.70, on halves +0.35."
    # Variances of the two runs: 0 and 0.18; of the improvements: 0.18 and 0.5.
    assert lines[6].startswith("From start to start R_free of one run scatters by 0.30")
    assert lines[6].endswith("an improvement by 0.58.")


def test_scatter_is_that_of_known_noise():
    rng = np.random.default_rng(3)
    groups = [mean + 0.4 * rng.normal(size=4) for mean in range(2000)]
    assert starts.scatter(groups) == pytest.approx(0.4, rel=0.03)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["1"], "two at least"),
        (["1", "none"], "none-entries.csv is not there"),
        (["1", "2"], "no entry is in all"),
    ],
)
def test_what_cannot_be_compared_is_said(tmp_path, capsys, names, words):
    write(tmp_path, "1", {"1abc": 0.2}, {})
    write(tmp_path, "2", {"2abc": 0.2}, {})
    with pytest.raises(SystemExit) as ended:
        starts.main([str(tmp_path / name) for name in names])
    assert words in str(ended.value) + capsys.readouterr().err
