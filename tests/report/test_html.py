"""The page of a run: whole, self-contained, and with the run's figures."""

import json
from html.parser import HTMLParser

import numpy as np
import pytest
from example_run import example_atoms, example_motions

from hnmref.errors import HnmrefError
from hnmref.report import motion_sections
from hnmref.report.html import write_html

VOID = {"meta", "br", "link", "input"}


class Page(HTMLParser):
    """Collects texts, headings, pictures and every tag that is out of place."""

    def __init__(self, path):
        super().__init__()
        self.open_tags, self.misplaced, self.texts = [], [], []
        self.headings, self.charts, self.references = [], {}, []
        self.data, self.data_name = {}, None
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        self.misplaced += self.open_tags
        self.text = " ".join(self.texts)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.references += [values[k] for k in ("src", "href") if k in values]
        if tag == "script" and values.get("type") == "application/json":
            self.data_name = values["id"]
        if values.get("class") == "plot":
            self.charts[values["id"]] = values
        if tag not in VOID:
            self.open_tags.append(tag)

    def handle_endtag(self, tag):
        self.data_name = None
        if self.open_tags and self.open_tags[-1] == tag:
            self.open_tags.pop()
        else:
            self.misplaced.append(tag)

    def handle_data(self, data):
        if self.data_name:
            self.data[self.data_name] = json.loads(data)
        if self.open_tags and self.open_tags[-1] not in ("style", "script"):
            self.texts.append(data)
        if self.open_tags and self.open_tags[-1] == "h2":
            self.headings.append(data)


def test_page_is_well_formed_and_self_contained(run, atoms, tmp_path):
    path = write_html(run, atoms, tmp_path / "run_001.html", example_motions(atoms))
    page = Page(path)
    assert page.misplaced == []
    assert page.references == []
    assert all(chart["aria-label"].strip() for chart in page.charts.values())
    # A place for every chart's data, and data for every place.
    assert set(page.charts) == {*page.data["charts"], "view"}
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_size < 6_000_000


def test_charts_hold_the_numbers_of_the_run(run, atoms, tmp_path):
    path = write_html(run, atoms, tmp_path / "a.html", example_motions(atoms))
    page = Page(path)
    charts = page.data["charts"]
    free, work = charts["r-by-step"]["data"]
    assert work["y"] == [29.11, 29.11, 28.04, 27.13, 26.55]
    assert free["y"] == [32.01, 32.01, 30.99, 30.12, 29.87]
    free, work = charts["r-by-shell"]["data"]
    assert (work["y"], free["y"]) == ([21.18, 31.62], [25.23, None])
    assert charts["parameters"]["data"][0]["x"] == [5247, 427, 8, 210, 160, 420]
    whole, parts = charts["spectrum"]["data"]
    assert whole["y"] == parts["y"] == [0.75, 0.25]
    assert whole["x"] == [0.004, 0.012]
    assert charts["modes"]["data"][0]["y"] == [20, 20, 10, 10, 10, 10, 15, 5]
    shares = charts["neighbours"]["data"][0]["y"]
    np.testing.assert_allclose(shares, 100 * np.array([100, 50, 8]) / 158, rtol=1e-3)
    members = (atoms["chain_id"] == "B") & (atoms["residue"] == "   9 ")
    by_name = {trace["name"]: trace for trace in charts["profile-1"]["data"]}
    at = by_name["group"]["x"].index("ALA 9")
    for name, key in (
        ("local", "b_total"),
        ("group", "b_group_eq"),
        ("whole complex", "b_whole_eq"),
        ("anisotropy", "anisotropy"),
        ("map correlation", "map_correlation"),
    ):
        expected = atoms[key][members].mean()
        assert by_name[name]["y"][at] == pytest.approx(expected, rel=1e-3)
    # The two edges of the band.
    low, high = (
        trace["y"][at]
        for trace in charts["profile-1"]["data"]
        if trace["name"] == "standard error of group"
    )
    group, error = (atoms[k][members].mean() for k in ("b_group_eq", "b_group_error"))
    assert (low, high) == pytest.approx((group - error, group + error), rel=1e-3)


def test_page_has_the_figures_of_the_run(run, atoms, tmp_path):
    text = Page(write_html(run, atoms, tmp_path / "a.html")).text
    assert "29.11 → 26.55" in text and "32.01 → 29.87" in text
    assert "2.90 → 3.32" in text
    assert "R_free fell by 2.14 points." in text
    assert f"{atoms['b_total'].mean():.1f}" in text
    for step in run["cycles"]:
        assert f"{step['r_free']:.4f}" in text
    assert "160 atoms move with a group, 6 have only their own B" in text
    assert "CA A 900" in text and "HOH A 901, HOH A 902" in text
    assert "point at a residue for its figures." in text
    assert "0.613" in text and "88.8" in text
    for number in ("0.0123 1/Å", "0.0456 1/Å", "1.7890", "0.0321 Å²"):
        assert number in text
    assert "1 (50%), 8 (50%)" in text
    # 8 + 420 + 160: stage two takes stage one's place.
    assert f"{5247 / 588:.1f} amplitudes a parameter" in text
    # Text of the run is text in the page, whatever it holds.
    assert run["groups"][0]["selection"] in text
    assert run["notes"][0] in text
    assert "2679941" in text and "run_001.pdb" in text and "3.11.2" in text


def test_parameters_are_shown_where_given(run, atoms, tmp_path):
    run["parameters"] = "hnm {\n  n_whole = 20\n}"
    assert "n_whole = 20" in Page(write_html(run, atoms, tmp_path / "a.html")).text


def test_a_rise_is_called_one(run, atoms, tmp_path):
    run["final"]["r_free"] = 0.33
    text = Page(write_html(run, atoms, tmp_path / "a.html")).text
    assert "R_free rose by 0.99 points." in text


def test_without_group_motion_nothing_is_said_of_it(run, atoms, tmp_path):
    run.update(group_adp=None, groups=[], notes=[], motions=[])
    run["neighbours"]["b_kl"] = None
    del atoms["b_whole_eq"], atoms["b_group_error"]
    atoms["u_group"] = np.zeros_like(atoms["u_group"])
    atoms["b_group_eq"] = np.zeros_like(atoms["b_group_eq"])
    atoms["b_total"] = atoms["b_local"]
    page = Page(write_html(run, atoms, tmp_path / "a.html"))
    assert page.misplaced == []
    for heading in ("Spectrum of the refined motion", "Which modes matter", "Atoms"):
        assert heading not in page.headings
    assert "Substructures" not in page.headings
    assert "Notes and repairs" not in page.headings
    assert "individual B only" in page.text and "B_KL over" not in page.text
    assert set(page.data["viewer"]["ellipsoids"]) == {"total"}


def test_tls_has_groups_but_no_modes(run, atoms, tmp_path):
    run.update(group_adp="tls", motions=[])
    del atoms["b_whole_eq"], atoms["b_group_error"]
    page = Page(write_html(run, atoms, tmp_path / "a.html"))
    assert "Substructures" in page.headings and "Atoms" in page.headings
    assert "Which modes matter" not in page.headings
    assert "stage one" not in page.text.replace("stage_one", "")
    assert "dark band" not in page.text
    assert page.data["viewer"]["motions"] == []
    assert set(page.data["viewer"]["ellipsoids"]) == {"total", "group"}


def test_nothing_was_done(run, atoms, tmp_path):
    run.update(cycles=[], final=run["start"])
    page = Page(write_html(run, atoms, tmp_path / "a.html"))
    assert "No step was taken." in page.text
    assert "R_free is where it was" in page.text


def test_only_waters_still_make_a_page(run, atoms, tmp_path):
    waters = {key: values[-5:] for key, values in atoms.items()}
    page = Page(write_html(run, waters, tmp_path / "a.html"))
    assert page.misplaced == []
    assert "B along the chains" not in page.headings


def test_a_large_complex_makes_a_small_page(run, tmp_path, monkeypatch):
    monkeypatch.setattr(motion_sections, "MAX_PROFILES", 3)
    monkeypatch.setattr(motion_sections, "MAX_ROWS", 10)
    atoms = example_atoms(n_residues=12, chains="ABCDEFGHIJKLMNOP")
    path = write_html(run, atoms, tmp_path / "a.html")
    page = Page(path)
    assert sum(name.startswith("profile-") for name in page.charts) == 3
    assert "13 shorter chains are not drawn" in page.text
    assert "The first 10 of 16." in page.text
    assert path.stat().st_size < 6_000_000


def test_a_number_that_is_none_is_refused(run, atoms, tmp_path):
    atoms["b_total"][4] = np.nan
    with pytest.raises(HnmrefError, match="b_total"):
        write_html(run, atoms, tmp_path / "a.html")
    run["final"]["r_free"] = float("nan")
    with pytest.raises(HnmrefError, match=r"final\.r_free"):
        write_html(run, example_atoms(), tmp_path / "a.html")
    assert list(tmp_path.iterdir()) == []


def test_crash_leaves_nothing(run, atoms, tmp_path, monkeypatch):
    def disk_is_full(*_):
        raise OSError("no space left")

    monkeypatch.setattr("hnmref.files.os.replace", disk_is_full)
    with pytest.raises(OSError, match="no space"):
        write_html(run, atoms, tmp_path / "a.html")
    assert list(tmp_path.iterdir()) == []
