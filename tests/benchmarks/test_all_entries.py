"""The table of all entries, with figures made up for it."""

import pytest

from benchmarks.all_entries import entry_run, main, markdown
from benchmarks.entries import Entry, find_all
from benchmarks.runs import Record, parameters_hash, write_record


def record(entry, start, final, **changes):
    figures = {
        "parameters": ["strategy=adp"],
        "parameters_hash": "0123456789ab",
        "source": "abcdef0",
        "seconds": 61.4,
        "peak_mb": 300,
        "r_work": final - 0.04,
        "r_free": final,
        "start": {"r_work": start - 0.03, "r_free": start},
        "n_parameters": {"stage_two": 420, "u_local": 1000},
        "versions": {"hnmref": "0.1.0"},
    }
    return Record(entry=entry, row="adp", **{**figures, **changes})


def put_entry(pdb_dir, name, n_atoms):
    directory = pdb_dir / name
    directory.mkdir(parents=True)
    (directory / "model.pdb").write_text("ATOM\n" * n_atoms)
    (directory / "data.mtz").write_text("")


def test_markdown_shows_the_change_and_what_failed():
    records = {
        ("1abc", "adp"): record("1abc", start=0.30, final=0.28),
        ("2def", "adp"): record("2def", start=0.30, final=0.31),
        ("3ghi", "adp"): record("3ghi", 0.3, 0.3, error="exit code 1: Sorry: no"),
    }
    text = markdown(records, "adp", ["1abc", "2def", "3ghi", "4jkl"])
    assert "| 1abc | 27.00/30.00 | 24.00/28.00 | -2.00 | 1420 | 61 | 300 |" in text
    assert "| 3ghi |  | failed |  |" in text and "| 4jkl |  |  |  |  |  |  |" in text
    assert "2 of 4 entries without error, 1 failed, 1 not run" in text
    assert "R_free fell in 1 of 2; mean change -0.50 points" in text
    assert "Failed: 3ghi adp: exit code 1: Sorry: no" in text


def test_quick_and_thorough_runs_are_kept_apart(tmp_path):
    entry = Entry("1abc", tmp_path / "model.pdb", tmp_path / "data.mtz")
    runs = [
        entry_run(entry, strategy, quick, (), tmp_path)
        for strategy in ("adp", "sites+adp")
        for quick in (False, True)
    ]
    assert len({run.row for run in runs}) == 4
    assert len({run.directory for run in runs}) == 4
    assert len({parameters_hash(run.parameters) for run in runs}) == 4


def test_all_entries_are_found_and_a_missing_directory_is_said(tmp_path):
    put_entry(tmp_path, "2def", 1)
    put_entry(tmp_path, "1abc", 2)
    (tmp_path / "index.json").write_text("[]")
    assert [entry.id for entry in find_all(tmp_path)] == ["1abc", "2def"]
    with pytest.raises(SystemExit, match="--pdb-dir"):
        find_all(tmp_path / "absent")


@pytest.mark.parametrize("failed", [False, True])
def test_report_goes_from_small_to_large_and_fails_with_an_entry(tmp_path, failed):
    put_entry(tmp_path / "pdb", "1abc", 20)
    put_entry(tmp_path / "pdb", "2def", 10)
    results = tmp_path / "results" / "2026-01-31"
    results.mkdir(parents=True)
    write_record(record("1abc", 0.30, 0.28), results)
    write_record(record("2def", 0.3, 0.3, error="no" if failed else ""), results)
    args = ["--report-only", "--pdb-dir", str(tmp_path / "pdb")]
    args += ["--results", str(results)]
    if failed:
        with pytest.raises(SystemExit, match="1"):
            main(args)
    else:
        main(args)
    written = (tmp_path / "results" / "2026-01-31-all-entries-adp.md").read_text()
    assert written.index("| 2def |") < written.index("| 1abc |")
