"""The page of a run as a browser draws it."""

import html
import json
import re

import numpy as np
import pytest
from chromium import opened
from example_run import example_atoms, example_motions, example_run

from hnmref.report.html import write_html

#: Charts of the example: steps, shells, parameters, two chains, spectrum, modes,
#: neighbours.
N_CHARTS = 9

#: Tries every control, and leaves what came of it in the page's title.
TRY_CONTROLS = """
<script>
const set = (name, value) => {
  const control = document.getElementById("v-" + name);
  control.value = value;
  control.dispatchEvent(new Event("change"));
};
const view = document.getElementById("view"), told = [];
const tell = () => told.push(view.data[2].x.length, view.data[2].visible !== false,
  view.data[4].x.length);
tell();
set("radius", "90"); set("colour", "anisotropy"); set("kind", "group");
const first = {x: view.data[2].x[0], cmax: view.data[2].cmax};
told.push(first.x.toFixed(3), first.cmax);
set("kind", "none"); tell();
set("kind", "total"); set("motion", "0"); tell();
document.getElementById("v-play").click();
document.title = told.join(" ");
const {aspectratio, camera, xaxis, yaxis, zaxis} = view.layout.scene;
document.body.dataset.scene = JSON.stringify({
  aspect: Object.values(aspectratio), eye: Object.values(camera.eye),
  ranges: [xaxis, yaxis, zaxis].map(axis => axis.range),
  sites: given("viewer").sites, wide: view.clientWidth / view.clientHeight,
});
</script>
"""


@pytest.fixture(scope="module")
def atoms():
    return example_atoms()


@pytest.fixture(scope="module")
def found(atoms, tmp_path_factory):
    """The example's page, with every control tried."""
    path = tmp_path_factory.mktemp("page") / "run_001.html"
    write_html(example_run(), atoms, path, motions=example_motions(atoms))
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("</body>", TRY_CONTROLS + "</body>"), encoding="utf-8")
    return opened(path)


def test_every_chart_and_the_view_are_drawn(found):
    assert found.console == []
    assert found.count("plot") == N_CHARTS + 1
    assert found.count("js-plotly-plot") == N_CHARTS + 1
    assert "WebGL is not supported" not in found.dom
    assert "<canvas" in found.dom
    # Lines, fillings and bars within the frames.
    assert found.count("js-line") + found.count("js-fill") >= 16
    assert found.count("bars") >= 1


def test_the_controls_change_the_view(found, atoms):
    told = found.dom.split("<title>")[1].split("</title>")[0].split()
    n_places = np.count_nonzero(
        (atoms["atom_name"] == " CA ") & (atoms["local_only"] == "")
    )
    n_points = str(42 * n_places)
    assert told[:3] == [n_points, "true", "0"]
    assert told[4] == "1"
    assert told[5:8] == ["0", "true", "0"]
    # The moved trace has a point a residue and a break a chain; no ellipsoids.
    assert told[8:] == [n_points, "false", str(n_places + 2)]


def test_the_camera_sees_the_whole_model_and_is_no_farther_than_need_be(found):
    scene = re.search(r'data-scene="([^"]*)"', found.dom)[1]
    scene = json.loads(html.unescape(scene))
    low, high = np.array(scene["ranges"]).T
    places = np.array(scene["aspect"]) * (
        (np.array(scene["sites"]) - low) / (high - low) - 0.5
    )
    assert scene["eye"][:2] == [0, 0]
    depth = scene["eye"][2] - places[:, 2]
    assert depth.min() > 0
    field = np.tan(np.pi / 8)
    across = np.abs(places[:, 0]) / depth / (field * scene["wide"])
    upright = np.abs(places[:, 1]) / depth / field
    assert 0.5 < max(across.max(), upright.max()) < 1


def test_isotropic_atoms_alone_are_drawn(tmp_path):
    """group_adp=none: no spectrum, no modes, no collective part to choose."""
    run, atoms = example_run(), example_atoms()
    run.update(group_adp="none", groups=[], motions=[])
    del atoms["b_whole_eq"], atoms["b_group_error"]
    atoms["u_group"] = np.zeros_like(atoms["u_group"])
    atoms["b_group_eq"] = np.zeros_like(atoms["b_group_eq"])
    atoms["b_total"], atoms["anisotropy"] = atoms["b_local"], np.ones(166)
    found = opened(write_html(run, atoms, tmp_path / "none.html"))
    assert found.console == []
    assert found.count("js-plotly-plot") == found.count("plot") == N_CHARTS - 1
    for name in ("v-motion", "v-colour", 'value="group"'):
        assert name not in found.dom
