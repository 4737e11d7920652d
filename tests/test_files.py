"""Output files are whole or absent."""

import pytest

from hnmref.files import write_text, written_whole


def test_file_appears_when_the_block_ends(tmp_path):
    path = tmp_path / "run_001.mtz"
    with written_whole(path) as partial:
        partial.write_bytes(b"reflections")
        assert not path.exists()
        assert partial.suffix == ".mtz"
    assert path.read_bytes() == b"reflections"
    assert list(tmp_path.iterdir()) == [path]


def test_crash_leaves_the_older_file_alone(tmp_path):
    path = write_text(tmp_path / "run_001.json", "older")
    with pytest.raises(KeyboardInterrupt):
        with written_whole(path) as partial:
            partial.write_text("half of the new")
            raise KeyboardInterrupt
    assert path.read_text() == "older"
    assert list(tmp_path.iterdir()) == [path]


def test_crash_before_anything_is_written_leaves_nothing(tmp_path):
    with pytest.raises(ValueError), written_whole(tmp_path / "a.json"):
        raise ValueError
    assert list(tmp_path.iterdir()) == []


def test_text_is_utf8_with_unix_line_ends(tmp_path):
    path = write_text(tmp_path / "a.txt", "Å²\n")
    assert path.read_bytes() == "Å²\n".encode("utf-8")
