"""Goals and tables of entries that are made up."""

import csv
import io
from types import SimpleNamespace

import pytest

from benchmarks.comparison import Difference
from benchmarks.runs import Record
from regression.entry_report import EntryReport
from regression.figures import (
    boundary_figure,
    improvement_figure,
    points_figure,
    write_png,
)
from regression.points import PointMeans, point_means, point_pairs
from regression.tables import (
    PAGE_TABLES,
    entries_csv,
    goals,
    page_columns,
    pair_cells,
    pairs_csv,
    point_cells,
    points_csv,
    residues_csv,
    runs_csv,
)


def run(row, r_work, r_free, **n_parameters):
    return Record(
        "e", row, [], "h", "abc", 1.0, 1.0, r_work=r_work, r_free=r_free,
        n_parameters={**n_parameters, "u_local": 1000},
    )


def report(entry, points, error=0.3, b_kl=(1.1, 2.0), gap=0.5):
    """Normal modes differ from TLS by ``points`` in R_free; the gap improves."""
    r_free = 0.30 + points / 100
    r_work = 0.25 + (points + gap) / 100
    difference = Difference(points, error)
    judgement = SimpleNamespace(
        ours="hnm-20-20", theirs="tls-3", sparing_ours="hnm-10-10",
        sparing_theirs="tls-1", by_r_free=difference, sparing=difference,
        on_halves=Difference(points / 2, error), equal_budget=difference,
        sparing_on_halves=difference, r_free={},
        pairs={("hnm-20-20", "tls-3"): difference},
    )
    figures = {}
    if b_kl is not None:
        figures = {
            "hnm-20-20": {"b_kl": b_kl[0], "residue_cc": {"A 1": 0.9, "A 2": 0.8}},
            "tls-3": {"b_kl": b_kl[1], "residue_cc": {"A 2": 0.7, "A 1": 0.95}},
        }
    records = {
        "hnm-20-20": run("hnm-20-20", r_work, r_free, stage_one=210, stage_two=420),
        "tls-3": run("tls-3", 0.25, 0.30, tls=120),
    }
    counts = {"hnm": 45, "tls": 20}
    return EntryReport(entry, judgement, records, counts, 700, figures)


def test_goals_say_what_was_reached_and_where_not():
    reports = [
        report("good", -1.5),
        report("worse", 0.7, b_kl=(2.5, 2.0)),
        report("equal", 0.2, b_kl=None),
    ]
    lines = list(goals(reports))
    assert lines[0].startswith("R_free with HNM higher in 2 of 3 entries (worse, equal)")
    assert "by more than 2 standard errors in 1 (worse)" in lines[0]
    # Errors of independent free sets: 0.3 · √3 / 3.
    assert "improvement of R_free: +0.20 ± 0.17 points" in lines[1]
    assert "judged on halves: +0.10 ± 0.17 points" in lines[2]
    assert "R_free − R_work: +0.50 points" in lines[4]
    assert lines[5].startswith("B_KL with HNM not lower in 1 of 2 entries (worse)")
    assert list(goals([])) == []


def test_csv_of_entries_has_both_families_and_says_where_nothing_is_known():
    text = entries_csv([report("good", -1.5), report("bare", -1.0, b_kl=None)])
    good, bare = csv.DictReader(io.StringIO(text))
    assert (good["hnm_parameters"], good["tls_parameters"]) == ("630", "120")
    assert float(good["improvement"]) == pytest.approx(1.5)
    assert float(good["on_halves"]) == pytest.approx(0.75)
    assert float(good["gap"]) == pytest.approx(0.5)
    assert (good["tls_b_kl"], bare["tls_b_kl"], good["hnm_map_cc"]) == ("2", "", "")


def test_csv_of_runs_has_a_line_each():
    lines = list(csv.DictReader(io.StringIO(runs_csv([report("good", -1.5)]))))
    assert [line["row"] for line in lines] == ["hnm-20-20", "tls-3"]
    assert [line["n_group_parameters"] for line in lines] == ["630", "120"]


def test_csv_of_residues_has_both_models():
    text = residues_csv([report("bare", -1.0, b_kl=None), report("good", -1.5)])
    assert text.splitlines()[1:] == ["good,A 1,0.9,0.95", "good,A 2,0.8,0.7"]


def test_page_shows_all_that_the_csv_has():
    shown = {column.key for _, keys in PAGE_TABLES for column in page_columns(keys)}
    titles = entries_csv([]).strip().split(",")
    assert shown == set(titles)
    (cell,) = (c for c in page_columns("tls_b_kl") if c.key == "tls_b_kl")
    assert cell.cell(report("bare", 1.0, b_kl=None)) == "–"
    assert cell.cell(report("good", 1.0)) == "2.000"


def test_figures_of_many_entries(tmp_path):
    reports = [report(f"{i}abc", -0.1 * i) for i in range(20)]
    figure = improvement_figure(reports)
    lowest, highest = figure.axes[0].get_ylim()
    assert lowest < -0.3 and highest > 1.9 + 0.3
    write_png(figure, tmp_path / "improvement.png")
    assert (tmp_path / "improvement.png").read_bytes().startswith(b"\x89PNG")
    assert boundary_figure([report("bare", 1.0, b_kl=None)]) is None
    points = boundary_figure(reports[:2]).axes[0].lines[0]
    assert points.get_ydata().tolist() == [2.0, 2.0]


def test_points_are_means_over_the_entries_that_all_have_them():
    first, second = report("good", -1.5), report("worse", 0.7)
    first.records["none"] = run("none", 0.3, 0.33)
    ours, theirs = point_means([first, second])
    assert (ours.name, theirs.name) == ("hnm-20-20", "tls-3")
    assert (ours.n_parameters, theirs.n_parameters) == (630, 120)
    # (-1.5 + 0.7) / 2 points below TLS, and a gap 0.5 narrower.
    assert ours.r_free == pytest.approx(0.30 - 0.004)
    assert ours.gap == pytest.approx(0.05 - 0.005)
    assert point_means([first])[-1].name == "none"
    assert point_means([]) == []
    (line, _) = csv.DictReader(io.StringIO(points_csv([ours, theirs])))
    assert (line["point"], line["r_free"]) == ("hnm-20-20", "0.296")
    assert point_cells(ours)[:2] == ["hnm-20-20", "630"]


def test_pairs_of_points_are_the_same_in_all_entries():
    reports = [report("good", -1.5), report("worse", 0.7)]
    (pair,) = point_pairs(reports)
    # (-1.5 + 0.7) / 2; errors of independent free sets.
    assert pair.r_free.points == pytest.approx(-0.4)
    assert pair.r_free.error == pytest.approx(0.3 / 2**0.5)
    assert pair_cells([pair]) == [
        ["", "tls-3"], ["hnm-20-20", "+0.40 ± 0.21 (+0.50)"]
    ]
    (line,) = csv.DictReader(io.StringIO(pairs_csv([pair])))
    assert float(line["improvement"]) == pytest.approx(0.4)
    del reports[1].records["tls-3"]
    assert point_pairs(reports) == point_pairs([]) == []


def test_figure_of_points_shows_every_kind():
    names = ["none", "tls-1", "tls-3", "domains-2", "hnm-10-10", "hnm-20-20-w0.5"]
    points = [PointMeans(name, 0.25, 0.3, 12.4) for name in names]
    figure = points_figure(points)
    drawn = {line.get_label(): len(line.get_xdata()) for line in figure.axes[0].lines}
    assert drawn == {
        "isotropic B alone": 1, "TLS: groups a chain": 2, "domains": 1, "HNM: n,p": 2
    }
    labels = [text.get_text() for text in figure.axes[0].texts]
    assert labels[0] == "(12)" and labels[-1] == "20,20,w0.5 (12)"
    assert points_figure([]) is None
