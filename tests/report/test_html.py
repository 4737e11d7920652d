"""The page of a run: whole, self-contained, and with the run's figures."""

from html.parser import HTMLParser

import numpy as np
import pytest
from example_run import example_atoms

from hnmref.errors import HnmrefError
from hnmref.report import html
from hnmref.report.html import write_html

VOID = {"meta", "img", "br", "link"}


class Page(HTMLParser):
    """Collects texts, headings, pictures and every tag that is out of place."""

    def __init__(self, path):
        super().__init__()
        self.open_tags, self.misplaced, self.texts = [], [], []
        self.headings, self.images, self.references = [], [], []
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        self.misplaced += self.open_tags
        self.text = " ".join(self.texts)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.references += [values[k] for k in ("src", "href") if k in values]
        if tag == "img":
            self.images.append(values)
        if tag not in VOID:
            self.open_tags.append(tag)

    def handle_endtag(self, tag):
        if self.open_tags and self.open_tags[-1] == tag:
            self.open_tags.pop()
        else:
            self.misplaced.append(tag)

    def handle_data(self, data):
        if self.open_tags and self.open_tags[-1] not in ("style", "script"):
            self.texts.append(data)
        if self.open_tags and self.open_tags[-1] == "h2":
            self.headings.append(data)


def test_page_is_well_formed_and_self_contained(run, atoms, tmp_path):
    path = write_html(run, atoms, tmp_path / "run_001.html")
    page = Page(path)
    assert page.misplaced == []
    assert len(page.images) == 4
    assert all(reference.startswith("data:") for reference in page.references)
    assert "http" not in path.read_text(encoding="utf-8")
    assert all(image["alt"].strip() for image in page.images)
    assert list(tmp_path.iterdir()) == [path]


def test_page_has_the_figures_of_the_run(run, atoms, tmp_path):
    text = Page(write_html(run, atoms, tmp_path / "a.html")).text
    assert "29.11 → 26.55" in text and "32.01 → 29.87" in text
    assert "2.90 → 3.32" in text
    assert "R_free fell by 2.14 points." in text
    assert f"{atoms['b_total'].mean():.1f}" in text
    for step in run["cycles"]:
        assert f"{step['r_free']:.4f}" in text
    assert "160 atoms move with a group, 5 have only their own B" in text
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


def test_without_group_motion_there_are_no_ellipsoids(run, atoms, tmp_path):
    run.update(group_adp=None, groups=[], notes=[])
    atoms["u_group"] = np.zeros_like(atoms["u_group"])
    atoms["b_group_eq"] = np.zeros_like(atoms["b_group_eq"])
    atoms["b_total"] = atoms["b_local"]
    page = Page(write_html(run, atoms, tmp_path / "a.html"))
    assert page.misplaced == []
    assert "Collective motion" not in page.headings
    assert "Substructures" not in page.headings
    assert "Notes and repairs" not in page.headings
    assert "individual B only" in page.text


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
    monkeypatch.setattr(html, "MAX_PROFILES", 3)
    monkeypatch.setattr(html, "MAX_ROWS", 10)
    atoms = example_atoms(n_residues=12, chains="ABCDEFGHIJKLMNOP")
    path = write_html(run, atoms, tmp_path / "a.html")
    page = Page(path)
    assert len(page.images) == 1 + 3 + 1
    assert "13 shorter chains are not drawn" in page.text
    assert "The first 10 of 16." in page.text
    assert path.stat().st_size < 1_000_000


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
