"""The model in three dimensions: trace, ellipsoids and refined motions.

Python gives places, ellipsoid axes and displacements; the page's own script makes
meshes of them and lets the reader choose (``scripts.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hnmref.adp.metrics import B_PER_U, anisotropy, as_matrices, u_eq
from hnmref.report import page
from hnmref.report.chart_style import numbers
from hnmref.report.residues import ChainTrace

#: More ellipsoids than these hide each other, and make the page slow.
MAX_ELLIPSOIDS = 1200
#: Motions that can be chosen; of the whole complex, and in all.
MAX_WHOLE = 3
MAX_MOTIONS = 12
#: Radius of the ellipsoid that holds so much (%) of a normal distribution, in
#: sigmas: the roots of the chi-square distribution of three degrees of freedom.
RADII = {50: 1.5382, 75: 2.0270, 90: 2.5003, 99: 3.3682}
#: U_group below this (Å²) is none.
_LEAST_U = 1e-6


def viewer_data(chains: Sequence[ChainTrace], motions: Sequence) -> dict[str, Any]:
    """What the script needs, with the longest direction along x.

    :param motions: records with ``label``, ``atoms`` (n,), ``displacements``
        (n, 3, k; Å, root mean square), ``variance`` (≥ k,) and ``stage``.
    """
    sites = np.concatenate([chain.sites for chain in chains])
    directions = long_to_short(sites - sites.mean(axis=0))
    placed = (sites - sites.mean(axis=0)) @ directions.T
    u_total = np.concatenate([chain.u_total for chain in chains])
    u_group = np.concatenate([chain.u_group for chain in chains])
    stride = -(-len(sites) // MAX_ELLIPSOIDS)
    shown = np.arange(0, len(sites), stride)
    kinds = {"total": ellipsoids(u_total[shown], directions)}
    if (u_eq(u_group) > _LEAST_U).any():
        kinds["group"] = ellipsoids(u_group[shown], directions)
    return {
        "sites": _rows(placed),
        "pieces": _piece_ends(chains),
        "labels": [
            f"{name} {chain.name.strip()} {residue}"
            for chain in chains
            for name, residue in zip(chain.names, chain.residues)
        ],
        "stride": stride,
        "ellipsoids": kinds,
        "radii": RADII,
        "motions": _motions(chains, motions, directions),
    }


def ellipsoids(u: np.ndarray, directions: np.ndarray) -> dict[str, list]:
    """For each U: axes that take a unit sphere to one sigma; B; anisotropy.

    :param u: (M, 6) Å².
    :param directions: (3, 3) rows are the axes of the view.
    """
    turned = directions @ as_matrices(u) @ directions.T
    squares, vectors = np.linalg.eigh(turned)
    axes = vectors * np.sqrt(squares.clip(min=0.0))[:, None, :]
    return {
        "axes": _rows(axes.reshape(-1, 9)),
        "b": numbers(B_PER_U * u_eq(u)),
        "anisotropy": numbers(np.nan_to_num(anisotropy(u), nan=1.0).clip(min=0.0)),
    }


def long_to_short(centred: np.ndarray) -> np.ndarray:
    """(3, 3) right-handed directions in rows, from the longest extent."""
    directions = np.linalg.eigh(centred.T @ centred)[1].T[::-1].copy()
    largest = np.abs(directions).argmax(axis=1)
    directions *= np.sign(directions[np.arange(3), largest])[:, None]
    directions[2] *= np.linalg.det(directions)
    return directions


def _piece_ends(chains: Sequence[ChainTrace]) -> list[list[int]]:
    """First and past-the-last place of each gapless piece of the joined trace."""
    ends, start = [], 0
    for chain in chains:
        ends += [[start + piece.start, start + piece.stop] for piece in chain.pieces]
        start += len(chain.residues)
    return ends


def _motions(
    chains: Sequence[ChainTrace], motions: Sequence, directions: np.ndarray
) -> list[dict]:
    """The largest motions, with the displacement of each place of the trace."""
    atoms = np.concatenate([chain.atoms for chain in chains])
    choices = [
        (number, group)
        for group in motions
        for number in range(group.displacements.shape[2])
    ]
    # By what a motion adds to the whole model; the whole complex's come first.
    choices.sort(key=lambda c: -c[1].variance[c[0]] * len(c[1].atoms))
    whole = [c for c in choices if c[1].stage == "stage_one"][:MAX_WHOLE]
    parts = [c for c in choices if c[1].stage != "stage_one"]
    records = []
    for number, group in whole + parts[: MAX_MOTIONS - len(whole)]:
        place = np.full(max(atoms.max(), group.atoms.max()) + 1, -1)
        place[group.atoms] = np.arange(len(group.atoms))
        moved = np.zeros((len(atoms), 3))
        rows = place[atoms]
        moved[rows >= 0] = group.displacements[rows[rows >= 0], :, number]
        share = group.variance[number] / group.variance.sum()
        kind = "" if group.stage == "stage_one" else "substructure "
        records.append(
            {
                "label": f"{kind}{group.label}, motion {number + 1}: "
                f"{100 * share:.0f}% of ⟨u²⟩",
                "rms": float(f"{np.sqrt(group.variance[number]):.3g}"),
                "displacements": _rows(moved @ directions.T),
            }
        )
    return records


def _rows(values: np.ndarray) -> list[list]:
    """Rows with three decimals: far below what can be seen."""
    return np.round(values, 3).tolist()


def controls(data: dict[str, Any]) -> str:
    """The controls above the view, as HTML; those that apply."""
    has_group = "group" in data["ellipsoids"]
    shown = [("total", "total U")]
    if has_group:
        shown.append(("group", "collective part"))
    shown.append(("none", "none"))
    parts = [_select("v-kind", "Ellipsoids", shown)]
    parts.append(
        _select("v-radius", "holding", [(f"{p}", f"{p}%") for p in data["radii"]])
    )
    if has_group:
        colours = [("b", "B"), ("anisotropy", "anisotropy")]
        parts.append(_select("v-colour", "coloured by", colours))
    if data["motions"]:
        motions = [(str(i), m["label"]) for i, m in enumerate(data["motions"])]
        parts.append(_select("v-motion", "Motion", [("", "none"), *motions]))
        parts.append(
            '<label>enlarged <input id="v-size" type="range" min="1" max="20" '
            'value="4"> <output id="v-times">4×</output></label>'
        )
        parts.append('<button id="v-play" type="button">Pause</button>')
    return f'<div class="controls">{"".join(parts)}</div>'


def _select(name: str, label: str, options: Sequence[tuple[str, str]]) -> str:
    choices = "".join(
        f'<option value="{page.escape(value)}">{page.escape(text)}</option>'
        for value, text in options
    )
    return f'<label>{label} <select id="{name}">{choices}</select></label>'
