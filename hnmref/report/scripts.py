"""JavaScript of the page: plotly.js, and the little that is the page's own."""

from __future__ import annotations

import json
from collections.abc import Mapping

from plotly.offline import get_plotlyjs

#: Draws every chart, and makes them fit the paper while the page is printed. No
#: button sends a chart anywhere.
_CHARTS = """
const CONFIG = {responsive: true, displaylogo: false,
  showSendToCloud: false, plotlyServerURL: "",
  modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"]};
const given = id => JSON.parse(document.getElementById(id).textContent);
for (const [id, figure] of Object.entries(given("charts")))
  Plotly.newPlot(id, figure.data, figure.layout, CONFIG);
// The view keeps its shape, so that nothing is cut off at its sides.
const resized = (layout, height) =>
  document.querySelectorAll(".js-plotly-plot").forEach(plot =>
    Plotly.relayout(plot, plot.id === "view" ? {...layout, height} : layout));
addEventListener("beforeprint", () => resized({autosize: false, width: 680}, 380));
addEventListener("afterprint", () => resized({autosize: true, width: null}, 560));
"""

#: The view in three dimensions. Traces: trace of the chains, places to point at,
#: ellipsoids, displacements of a motion, and the moved trace.
_VIEWER = """
(() => {
  const v = given("viewer"), view = document.getElementById("view");
  const [CHAINS, PLACES, MESH, ARROWS, MOVED] = [0, 1, 2, 3, 4];
  const GREY = "#8f98a4", ORANGE = "#d55e00";
  const control = name => document.getElementById("v-" + name);
  const chosen = (name, other) => control(name) ? control(name).value : other;

  // An icosahedron, each face divided into four, on the unit sphere.
  function sphere() {
    const g = (1 + Math.sqrt(5)) / 2, points = [];
    const unit = p => { const n = Math.hypot(...p); return p.map(c => c / n); };
    for (const a of [-1, 1]) for (const b of [-g, g])
      points.push([0, a, b], [a, b, 0], [b, 0, a]);
    const near = (p, q) => Math.hypot(...p.map((c, i) => c - q[i])) < 2.01;
    const faces = [];
    for (let i = 0; i < 12; i++) for (let j = i + 1; j < 12; j++)
      for (let k = j + 1; k < 12; k++)
        if (near(points[i], points[j]) && near(points[j], points[k]) &&
            near(points[i], points[k])) faces.push([i, j, k]);
    const all = points.map(unit), known = {}, fine = [];
    const middle = (i, j) => {
      const key = i < j ? i + "," + j : j + "," + i;
      if (!(key in known)) {
        known[key] = all.length;
        all.push(unit(all[i].map((c, a) => c + all[j][a])));
      }
      return known[key];
    };
    for (const [i, j, k] of faces) {
      const a = middle(i, j), b = middle(j, k), c = middle(i, k);
      fine.push([i, a, c], [j, a, b], [k, b, c], [a, b, c]);
    }
    // Every face with its normal outwards.
    const outward = ([i, j, k]) => {
      const [p, q, r] = [all[i], all[j], all[k]];
      const e = q.map((c, a) => c - p[a]), f = r.map((c, a) => c - p[a]);
      const n = [e[1]*f[2] - e[2]*f[1], e[2]*f[0] - e[0]*f[2], e[0]*f[1] - e[1]*f[0]];
      return n[0]*p[0] + n[1]*p[1] + n[2]*p[2] > 0 ? [i, j, k] : [i, k, j];
    };
    return {points: all, faces: fine.map(outward)};
  }
  const BALL = sphere();

  function mesh(kind, radius) {
    const m = {x: [], y: [], z: [], i: [], j: [], k: []};
    if (kind === "none") return m;
    v.ellipsoids[kind].axes.forEach((a, n) => {
      const at = v.sites[n * v.stride], first = m.x.length;
      for (const [p, q, r] of BALL.points) {
        m.x.push(at[0] + radius * (a[0] * p + a[1] * q + a[2] * r));
        m.y.push(at[1] + radius * (a[3] * p + a[4] * q + a[5] * r));
        m.z.push(at[2] + radius * (a[6] * p + a[7] * q + a[8] * r));
      }
      for (const [p, q, r] of BALL.faces) {
        m.i.push(first + p); m.j.push(first + q); m.k.push(first + r);
      }
    });
    return m;
  }

  // All pieces of the trace as one line with gaps.
  function line(sites) {
    const out = {x: [], y: [], z: []};
    for (const [from, to] of v.pieces) {
      for (const s of sites.slice(from, to)) {
        out.x.push(s[0]); out.y.push(s[1]); out.z.push(s[2]);
      }
      out.x.push(null); out.y.push(null); out.z.push(null);
    }
    return out;
  }

  function arrows(displacements, size) {
    const out = {x: [], y: [], z: []};
    v.sites.forEach((s, n) => {
      const d = displacements[n].map(c => c * size);
      if (Math.hypot(...d) < 0.05) return;
      ["x", "y", "z"].forEach((axis, a) =>
        out[axis].push(s[a] - d[a], s[a] + d[a], null));
    });
    return out;
  }

  function quantile(values, q) {
    const sorted = [...values].sort((a, b) => a - b);
    return sorted[Math.round(q * (sorted.length - 1))];
  }

  function colouring(kind, by) {
    if (kind === "none") return {intensity: [], showscale: false};
    const values = v.ellipsoids[kind][by];
    const range = by === "anisotropy" ? [0, 1]
      : [quantile(values, 0.02), quantile(values, 0.98)];
    if (range[0] === range[1]) range[1] += 1;
    return {intensity: values.flatMap(value => BALL.points.map(() => value)),
      cmin: range[0], cmax: range[1], showscale: true,
      colorbar: {title: {text: by === "b" ? "B (Å²)" : "anisotropy"},
                 thickness: 14, len: 0.6}};
  }

  function hover(kind) {
    const e = v.ellipsoids[kind === "none" ? "total" : kind];
    return e.b.map((b, n) => `${v.labels[n * v.stride]}<br>B ${b.toFixed(1)} Å²` +
      `<br>anisotropy ${e.anisotropy[n].toFixed(2)}`);
  }

  // One range for all axes' lengths, so that nothing jumps while it moves.
  function range(axis) {
    const all = v.sites.map(s => s[axis]);
    return [Math.min(...all) - 6, Math.max(...all) + 6];
  }
  const shownPlaces = v.sites.filter((_, n) => n % v.stride === 0);
  const hidden = {showgrid: false, zeroline: false, showticklabels: false,
                  title: {text: ""}, showbackground: false, showspikes: false};
  const axes = ["x", "y", "z"].map((_, a) => ({...hidden, range: range(a)}));
  const extents = axes.map(a => a.range[1] - a.range[0]);
  const ratio = extents.map(e => e / extents[0]);
  // As near as everything still is in the camera's field, 45 degrees high; on paper
  // the view is 680 by 380.
  function distance() {
    const middle = axes.map(a => (a.range[0] + a.range[1]) / 2);
    const scale = 1.7 / extents[0], pad = 6 * scale, slope = Math.tan(Math.PI / 8);
    const wide = Math.min(view.clientWidth / 560, 680 / 380);
    return Math.max(...v.sites.map(site => {
      const [x, y, z] = site.map((c, a) => scale * (c - middle[a]));
      return z + Math.max(Math.abs(y) + pad, (Math.abs(x) + pad) / wide) / slope;
    }));
  }
  const start = line(v.sites), still = {hoverinfo: "skip", showlegend: false};
  const kind = () => chosen("kind", "total");
  const radius = () => v.radii[chosen("radius", "50")];
  const by = () => chosen("colour", "b");

  Plotly.newPlot(view, [
    {type: "scatter3d", mode: "lines", ...start, ...still,
     line: {color: GREY, width: 4}},
    {type: "scatter3d", mode: "markers", x: shownPlaces.map(s => s[0]),
     y: shownPlaces.map(s => s[1]), z: shownPlaces.map(s => s[2]),
     marker: {size: 6, opacity: 0.01, color: GREY}, text: hover(kind()),
     hovertemplate: "%{text}<extra></extra>", showlegend: false},
    {type: "mesh3d", ...mesh(kind(), radius()), ...colouring(kind(), by()),
     colorscale: "Cividis", flatshading: false, ...still,
     lighting: {ambient: 0.55, diffuse: 0.6, specular: 0.15, roughness: 0.7}},
    {type: "scatter3d", mode: "lines", x: [], y: [], z: [], ...still,
     line: {color: ORANGE, width: 2}, visible: false},
    {type: "scatter3d", mode: "lines", x: [], y: [], z: [], ...still,
     line: {color: ORANGE, width: 6}, visible: false},
  ], {
    height: 560, margin: {l: 0, r: 0, t: 0, b: 0}, paper_bgcolor: "#fff",
    font: {family: "system-ui, sans-serif", size: 13, color: "#20262e"},
    scene: {xaxis: axes[0], yaxis: axes[1], zaxis: axes[2], aspectmode: "manual",
      aspectratio: {x: 1.7, y: 1.7 * ratio[1], z: 1.7 * ratio[2]}, dragmode: "orbit",
      camera: {eye: {x: 0, y: 0, z: distance()}, up: {x: 0, y: 1, z: 0}}},
  }, CONFIG);

  // One drawing for all that changes at once.
  function show(changes) {
    for (const [trace, values] of changes) Object.assign(view.data[trace], values);
    return Plotly.redraw(view);
  }

  const redraw = () => show([
    [MESH, {...mesh(kind(), radius()), ...colouring(kind(), by())}],
    [PLACES, {text: hover(kind())}],
  ]);

  let playing = false, phase = 0, turn = 0;
  const motion = () => v.motions[chosen("motion", "")];
  const size = () => Number(chosen("size", 1));

  function moved() {
    const factor = size() * Math.sin(phase), d = motion().displacements;
    return line(v.sites.map((s, n) => s.map((c, a) => c + factor * d[n][a])));
  }

  // A slow machine shows fewer frames, but none are in the queue.
  async function frames() {
    const mine = ++turn;
    while (playing && mine === turn) {
      phase += 0.21;
      await show([[MOVED, moved()]]);
      await new Promise(done => setTimeout(done, 60));
    }
  }

  function play(on) {
    control("play").textContent = on ? "Pause" : "Play";
    if (on && !playing) { playing = true; frames(); }
    playing = on;
  }

  function move() {
    control("times").textContent = size() + "×";
    const m = motion();
    control("play").disabled = control("size").disabled = !m;
    for (const name of ["kind", "radius", "colour"])
      if (control(name)) control(name).disabled = !!m;
    const shown = {visible: !!m};
    phase = Math.PI / 2;
    show([
      [MESH, {visible: !m}],
      [ARROWS, m ? {...shown, ...arrows(m.displacements, size())} : shown],
      [MOVED, m ? {...shown, ...moved()} : shown],
    ]);
    play(!!m && !matchMedia("(prefers-reduced-motion: reduce)").matches);
  }

  for (const name of ["kind", "radius", "colour"])
    if (control(name)) control(name).addEventListener("change", redraw);
  if (v.motions.length) {
    control("motion").addEventListener("change", move);
    control("size").addEventListener("input", move);
    control("play").addEventListener("click", () => play(!playing));
    control("play").disabled = control("size").disabled = true;
  }
})();
"""


def scripts(charts: Mapping[str, Mapping], viewer: Mapping | None) -> str:
    """All scripts of a page, to stand at its end.

    :param charts: plotly figures by the identifier of the element to draw in.
    :param viewer: data of the view in three dimensions, or None without one.
    """
    parts = [
        "<noscript><p>The charts of this page need JavaScript.</p></noscript>",
        f"<script>{get_plotlyjs()}</script>",
        data_script("charts", charts),
    ]
    if viewer is not None:
        parts.append(data_script("viewer", viewer))
    own = _CHARTS + (_VIEWER if viewer is not None else "")
    parts.append(f"<script>{own}</script>")
    return "\n".join(parts)


def data_script(name: str, data: Mapping) -> str:
    """Data for scripts, as JSON that cannot end its element."""
    text = json.dumps(data, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    text = text.replace("<", "\\u003c")
    return f'<script type="application/json" id="{name}">{text}</script>'
