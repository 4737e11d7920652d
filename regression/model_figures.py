"""Figures of refined models beside R: backbone, map, and jumps of U between groups.

They are computed from the files that a task leaves in its directory.
"""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import hnmref  # noqa: F401  (cctbx's extensions load first)

import iotbx.pdb
import numpy as np
from iotbx import mtz
from libtbx.utils import Sorry
from mmtbx.maps import correlation
from mmtbx.validation.ramalyze import ramalyze

from hnmref.programs import compare

#: Nothing filled in: filled coefficients are the model's own.
MAP_LABEL = "2FOFCWT_no_fill"
#: Å around an atom, and the step of the map's grid as a part of the resolution.
ATOM_RADIUS = 2.0
GRID_STEP = 0.25
_WATERS = ("HOH", "WAT", "DOD")


def model_figures(directory: Path) -> dict:
    """Figures of one run's model; None where it has none.

    :returns: ``rama_favoured``, percent; ``residue_cc``, real-space correlations by
        residue (:func:`residue_correlations`); ``map_cc``, their mean.
    """
    model = iotbx.pdb.input(str(directory / "run_001.cif"))
    hierarchy = model.construct_hierarchy()
    ccs = residue_correlations(model, directory / "run_001.mtz")
    return {
        "rama_favoured": ramachandran_favoured(hierarchy),
        "map_cc": float(np.mean(list(ccs.values()))),
        "residue_cc": ccs,
    }


def ramachandran_favoured(hierarchy) -> float | None:
    """Percent of the residues, by mmtbx's grids; None without protein."""
    result = ramalyze(hierarchy, outliers_only=False)
    return float(result.percent_favored) if result.n_total else None


def residue_correlations(model, mtz_file: Path) -> dict[str, float]:
    """Correlation of 2mFo−DFc and the model's map around each residue, by its label.

    Waters are left out.

    :param model: iotbx's input object.
    :param mtz_file: as ``hnmref.refine`` writes it.
    """
    hierarchy = model.construct_hierarchy()
    coefficients = next(
        array
        for array in mtz.object(str(mtz_file)).as_miller_arrays()
        if array.info().labels[0].startswith(MAP_LABEL)
    )
    if coefficients.anomalous_flag():
        coefficients = coefficients.average_bijvoet_mates()
    real_map = coefficients.fft_map(resolution_factor=GRID_STEP).real_map_unpadded()
    maps = correlation.from_map_and_xray_structure_or_fmodel(
        xray_structure=hierarchy.extract_xray_structure(
            crystal_symmetry=coefficients.crystal_symmetry()
        ),
        map_data=real_map,
        d_min=coefficients.d_min(),
    )
    residues = [
        group
        for group in hierarchy.residue_groups()
        if not any(name in _WATERS for name in group.unique_resnames())
    ]
    ccs = maps.cc(
        selections=[group.atoms().extract_i_seq() for group in residues],
        atom_radius=ATOM_RADIUS,
    )
    # As a selection has it, so that it can be looked for in a viewer.
    labels = [f"{group.parent().id} {group.resid().strip()}" for group in residues]
    return dict(zip(labels, ccs))


def boundary_figures(
    directories: Mapping[str, Path], selections: Sequence[str]
) -> dict[str, float | None]:
    """B_KL of several runs' models across one partition (thesis, eqs. 19–21).

    By ``hnmref.compare``: neighbours within 5 Å, waters and hydrogens left out.

    :param directories: of two runs or more, by their rows.
    :param selections: of the partition's groups.
    :returns: B_KL by row; None where the partition has no border.
    """
    models = {row: str(path / "run_001.cif") for row, path in directories.items()}
    with tempfile.TemporaryDirectory() as place:
        arguments = [
            *models.values(),
            *(f"group={json.dumps(text)}" for text in selections),
            f"output.prefix={Path(place) / 'models'}",
        ]
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                records = compare.run(arguments)["models"]
        except Sorry as error:
            print(f"No B_KL of {' and '.join(models.values())}: {error}")
            return dict.fromkeys(models)
    by_name = {record["name"]: record["b_kl"] for record in records}
    return {row: by_name[name] for row, name in models.items()}


def partition_of(directory: Path) -> list[str]:
    """Selections of a TLS run's groups, from its report."""
    report = json.loads((directory / "run_001.json").read_text(encoding="utf-8"))
    return [group["selection"] for group in report["groups"]]
