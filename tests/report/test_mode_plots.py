"""Pictures and pages of analyses, and files written by blocks of rows."""

import io

import matplotlib.image
import numpy as np
import pytest

from hnmref.report import matrix_files, mode_plots
from hnmref.report.matrix_files import write_csv, write_matrix
from hnmref.report.mode_page import MAX_ROWS, AnalysisResult, Picture, write_mode_page
from hnmref.report.mode_plots import BinnedMatrix


@pytest.fixture
def matrix():
    return np.random.default_rng(2).standard_normal((23, 23))


def in_blocks(matrix, size):
    for start in range(0, len(matrix), size):
        rows = slice(start, min(start + size, len(matrix)))
        yield rows, matrix[rows]


@pytest.mark.parametrize("size", [1, 4, 23])
def test_cells_are_means_whatever_the_blocks(matrix, size):
    binned = BinnedMatrix(23, max_cells=5)
    for rows, block in in_blocks(matrix, size):
        binned.add(rows, block)
    edges = [0, 4, 9, 13, 18, 23]
    expected = [
        [matrix[a:b, c:d].mean() for c, d in zip(edges, edges[1:])]
        for a, b in zip(edges, edges[1:])
    ]
    np.testing.assert_allclose(binned.means(), expected)


def test_a_small_matrix_is_its_own_picture(matrix):
    binned = BinnedMatrix(23)
    for rows, block in in_blocks(matrix, 6):
        binned.add(rows, block)
    np.testing.assert_allclose(binned.means(), matrix)


def pixels(png):
    return matplotlib.image.imread(io.BytesIO(png))


def test_pictures_are_pngs_and_the_same_again(matrix):
    binned = BinnedMatrix(23)
    binned.add(slice(0, 23), matrix)
    names = [f"A {i}" for i in range(23)]
    for draw in (
        lambda: mode_plots.plot_matrix(binned, names, "correlation"),
        lambda: mode_plots.plot_overlaps(matrix, range(23), range(23), ("a", "b")),
        lambda: mode_plots.plot_profile({"a": matrix[0] ** 2}, names, "B"),
        lambda: mode_plots.plot_spectrum([7], ("a", np.ones(1)), ("b", np.ones(1))),
    ):
        first = draw()
        assert pixels(first).ndim == 3
        assert draw() == first


def test_the_heat_map_shows_where_values_are():
    """One red quarter: low rows at the bottom, low columns at the left."""
    matrix = np.zeros((20, 20))
    matrix[:10, :10], matrix[10:, 10:] = 1.0, -1.0
    binned = BinnedMatrix(20)
    binned.add(slice(0, 20), matrix)
    image = pixels(mode_plots.plot_matrix(binned, ["x"] * 20, "c", (-1.0, 1.0)))
    height, width = image.shape[:2]
    # The colour bar takes the right edge.
    left, right = image[:, : width // 3], image[:, width // 2 : 2 * width // 3]
    red = left[3 * height // 5 : 4 * height // 5].mean(axis=(0, 1))
    blue = right[height // 5 : 2 * height // 5].mean(axis=(0, 1))
    assert red[0] > red[2] and blue[2] > blue[0]


def test_a_matrix_file_holds_what_came(tmp_path, matrix):
    names, seen = [f"atom {i}" for i in range(23)], []
    files = write_matrix(
        tmp_path / "m_correlation",
        in_blocks(matrix, 5),
        names,
        lambda rows, block: seen.append(rows),
        {"extra": np.arange(3)},
    )
    assert [path.name for path in files] == ["m_correlation.npz", "m_correlation.csv"]
    assert len(seen) == 5
    with np.load(files[0]) as stored:
        np.testing.assert_allclose(stored["matrix"], matrix, rtol=1e-6)
        assert list(stored["labels"]) == names and stored["extra"][2] == 2
    lines = files[1].read_text().splitlines()
    assert lines[0].split(",")[1:] == names
    np.testing.assert_allclose(
        [float(word) for word in lines[7].split(",")[1:]], matrix[6], rtol=1e-4
    )


def test_a_large_matrix_is_not_written_as_text(tmp_path, matrix, monkeypatch):
    monkeypatch.setattr(matrix_files, "MAX_CSV_ROWS", 22)
    names = [str(i) for i in range(23)]
    files = write_matrix(tmp_path / "m", in_blocks(matrix, 5), names, lambda *_: None)
    assert [path.name for path in files] == ["m.npz"]
    assert list(tmp_path.iterdir()) == files


def test_a_failure_leaves_no_file(tmp_path, matrix):
    def rows():
        yield slice(0, 5), matrix[:5]
        raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError):
        write_matrix(tmp_path / "m", rows(), ["x"] * 23, lambda *_: None)
    assert list(tmp_path.iterdir()) == []


def test_tables_quote_what_holds_a_comma(tmp_path):
    path = write_csv(tmp_path / "t.csv", {"atom": ["a,b"], "value": [1 / 3]})
    assert path.read_text() == 'atom,value\n"a,b",0.333333\n'


def test_pages_escape_and_cut(tmp_path):
    result = AnalysisResult(
        title="A <b> title",
        sentences=["5 < 6"],
        pictures=[Picture(b"\x89PNG", "what it shows", "caption")],
        table=(["n"], [[str(i)] for i in range(MAX_ROWS + 20)]),
        files=[tmp_path / "m_x.csv"],
    )
    path = write_mode_page(
        tmp_path / "p.html", "t & u", [("7", "modes")], ["a note"], [result]
    )
    text = path.read_text(encoding="utf-8")
    assert "A &lt;b&gt; title" in text and "5 &lt; 6" in text and "t &amp; u" in text
    assert "data:image/png;base64,iVBORw==" in text
    assert f"The first {MAX_ROWS} of {MAX_ROWS + 20}." in text
    assert f"<td >{MAX_ROWS}</td>" not in text and "m_x.csv" in text
