"""Geometry behind the pictures."""

import base64
from xml.etree import ElementTree

import numpy as np
import pytest

from hnmref.report import plots
from hnmref.report.residues import chain_traces, check_per_atom


@pytest.fixture
def traces(atoms):
    return chain_traces(check_per_atom(atoms))


def content(data_uri, media_type):
    head, body = data_uri.split(",", 1)
    assert head == f"data:{media_type};base64"
    return base64.b64decode(body)


def test_progress_is_an_svg_that_names_its_steps(run):
    picture = plots.plot_r_factors(run["start"], run["cycles"])
    tree = ElementTree.fromstring(content(picture, "image/svg+xml"))
    said = "".join("".join(tree.itertext()).split())
    for text in ("start", "stage_one", "u_local", "cycle2", "26.55", "29.87"):
        assert text in said


def test_the_same_run_draws_the_same_bytes(run, traces):
    first = plots.plot_r_factors(run["start"], run["cycles"])
    assert plots.plot_r_factors(run["start"], run["cycles"]) == first
    assert plots.plot_ellipsoids(traces) == plots.plot_ellipsoids(traces)


def test_profile_names_residues_and_chain(traces):
    tree = ElementTree.fromstring(
        content(plots.plot_b_profile(traces[1], 60.0), "image/svg+xml")
    )
    texts = [text.strip() for text in tree.itertext()]
    assert "residue of chain B" in texts and {"5", "7"} <= set(texts)


def test_ellipsoids_are_a_png_and_absent_without_group_motion(traces):
    picture, enlarged, stride = plots.plot_ellipsoids(traces)
    assert content(picture, "image/png").startswith(b"\x89PNG")
    assert (enlarged, stride) == (1, 1)
    for trace in traces:
        trace.u_group = np.zeros_like(trace.u_group)
    assert plots.plot_ellipsoids(traces) is None
    assert plots.plot_ellipsoids([]) is None


def test_small_motion_is_enlarged_and_many_residues_are_thinned(traces, monkeypatch):
    for trace in traces:
        trace.u_group = trace.u_group / 100
    monkeypatch.setattr(plots, "MAX_ELLIPSES", 15)
    _, enlarged, stride = plots.plot_ellipsoids(traces)
    assert enlarged > 1
    assert stride == 3


def test_an_outline_bounds_its_projected_ellipsoid():
    """Points of the ellipsoid's surface fall in the drawn ellipse, and reach it."""
    rng = np.random.default_rng(8)
    factor = rng.normal(size=(3, 3))
    tensor = factor @ factor.T
    view = np.linalg.qr(rng.normal(size=(3, 3)))[0][:2]
    axes = plots.Figure().add_subplot()
    outline = plots._draw_ellipses(axes, np.zeros((1, 2)), tensor[None], view, 1)
    # Half the weight of a normal distribution lies inside.
    points = rng.multivariate_normal(np.zeros(3), tensor, size=20_000)
    inside = np.einsum("ni,ij,nj->n", points, np.linalg.inv(tensor), points)
    inside = inside < plots.HALF_PROBABILITY**2
    assert inside.mean() == pytest.approx(0.5, abs=0.01)
    angle = np.radians(outline.get_angles()[0])
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    half = np.array([outline.get_widths()[0], outline.get_heights()[0]]) / 2
    radius = np.linalg.norm((points[inside] @ view.T) @ turn.T / half, axis=1)
    assert 0.97 < radius.max() <= 1.0


def test_the_longest_direction_comes_first():
    rng = np.random.default_rng(4)
    frame = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    sites = rng.normal(size=(400, 3)) * [2.0, 9.0, 5.0] @ frame.T
    directions = plots._long_to_short(sites - sites.mean(axis=0))
    spread = ((sites - sites.mean(axis=0)) @ directions.T).std(axis=0)
    np.testing.assert_allclose(spread, [9.0, 5.0, 2.0], rtol=0.1)
    np.testing.assert_allclose(directions @ directions.T, np.eye(3), atol=1e-12)
