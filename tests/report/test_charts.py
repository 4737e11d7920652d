"""Figures behind the page's charts."""

import json

import numpy as np
import pytest

from hnmref.report import charts, motion_charts
from hnmref.report.chart_style import numbers
from hnmref.report.choice_charts import choices_by_cycle
from hnmref.report.residues import chain_traces, check_per_atom


@pytest.fixture
def traces(atoms):
    return chain_traces(check_per_atom(atoms))


def test_steps_and_cycles_are_named(run):
    layout = charts.r_by_step(run["start"], run["cycles"])["layout"]
    assert layout["xaxis"]["ticktext"] == [
        "start", "scale", "stage one", "U_local", "stage two"
    ]
    assert [label["text"] for label in layout["annotations"]] == ["cycle 1", "cycle 2"]
    assert [line["x0"] for line in layout["shapes"]] == [0.5, 3.5]


def test_many_steps_have_few_labels(run):
    figure = charts.r_by_step(run["start"], run["cycles"] * 30)
    assert len(figure["data"][0]["x"]) == 121
    assert len(figure["layout"]["xaxis"]["ticktext"]) <= 26


def test_shells_stand_where_their_resolution_is(run):
    figure = charts.r_by_shell(run["shells"])
    low, high = figure["data"][0]["x"]
    assert low == pytest.approx((32.6**-2 + 5.33**-2) / 2, rel=1e-3)
    assert high == pytest.approx((5.33**-2 + 3.7**-2) / 2, rel=1e-3)
    axis = figure["layout"]["xaxis"]
    for place, text in zip(axis["tickvals"], axis["ticktext"]):
        assert place**-0.5 == pytest.approx(float(text), rel=2e-3)


def test_a_gap_of_the_chain_is_a_gap_of_the_profile(atoms):
    number = np.char.strip(atoms["residue"]).astype(int)
    kept = ~((atoms["chain_id"] == "A") & np.isin(number, (12, 13)))
    atoms = {key: values[kept] for key, values in atoms.items()}
    chain = chain_traces(check_per_atom(atoms))[0]
    traces = charts.chain_profile(chain, 60.0)["data"]
    by_name = {trace["name"]: trace for trace in traces}
    x = by_name["group"]["x"]
    assert len(set(x)) == len(x) == 19
    gap = x.index("ALA 11") + 1
    assert x[gap].strip() == "gap" and x[gap + 1] == "ALA 14"
    assert by_name["group"]["y"][gap] == by_name["local"]["y"][gap] == 0
    # Plotly would fill a band across missing values.
    edges = [t["y"] for t in traces if t["name"] == "standard error of group"]
    assert [edge[gap] for edge in edges] == [0, 0]
    assert all(None not in edge for edge in edges)
    assert by_name["whole complex"]["y"][gap] is None
    assert by_name["anisotropy"]["y"][gap] is None


def test_choices_have_a_panel_each_and_the_taken_value_a_mark(run):
    figure = choices_by_cycle(run["cycles"])
    first, second = figure["data"]
    assert first["x"] == ["0.25", "0.5", "1"] and first["y"] == [0.0, 0.2, 0.4]
    assert first["error_y"]["array"] == [0.0, 0.21, 0.21]
    assert first["marker"]["symbol"] == ["circle", "diamond", "circle"]
    assert (first["xaxis"], second["xaxis"]) == ("x", "x2")
    titles = [text["text"] for text in figure["layout"]["annotations"]]
    assert titles == ["hnm.prior_weight", "weight of the X-ray target"]
    left, right = (figure["layout"][f"xaxis{i}"]["domain"] for i in ("", 2))
    assert left[0] == 0.0 and left[1] < right[0] and right[1] == pytest.approx(1.0)


def test_figures_are_strict_json(run, traces):
    traces[0].map_correlation[3] = np.nan
    figure = charts.chain_profile(traces[0], 60.0)
    json.dumps(figure, allow_nan=False)
    assert figure["data"][-1]["y"][3] is None
    assert numbers([1.23456, np.nan, np.inf]) == [1.235, None, None]


def test_profile_of_isotropic_atoms_has_b_alone(traces):
    chain = traces[0]
    chain.b_group = np.zeros_like(chain.b_group)
    chain.b_whole = chain.b_group_error = None
    chain.map_correlation = np.full(20, np.nan)
    figure = charts.chain_profile(chain, 60.0)
    assert [trace["name"] for trace in figure["data"]] == ["B"]
    assert "yaxis2" not in figure["layout"]


def test_the_smallest_motions_are_left_out(run):
    values = run["motions"][0]["motions"]
    values["variance"][1] = 1e-9
    first, second = motion_charts.spectrum(run["motions"])["data"]
    assert first["y"] == [0.75] and second["y"] == [0.75, 0.25]
