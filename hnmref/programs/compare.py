"""hnmref.compare: the displacements of two or more models of the same atoms.

    hnmref.compare hnm_001.pdb tls_001.pdb
    hnmref.compare a.pdb b.cif c.pdb data.mtz               R-factors, by f_model
    hnmref.compare a.pdb b.pdb group="chain A and resseq 1:80" group="chain B"

Of each model: mean B, anisotropy, P_KL of bonded and of near atoms, B_KL across the
borders of the groups, and the difference of U along bonds; of each against the first:
divergence and correlations. R-factors come from the data, or from a model's own
run_001.json beside it. Writes PREFIX_compare.json, .csv (by residue) and .html.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path

import hnmref  # noqa: F401  (cctbx's extensions must load before scipy's)

import iotbx.phil
import numpy as np
from libtbx.program_template import ProgramTemplate
from libtbx.utils import Sorry
from scipy.spatial import cKDTree

from hnmref.adp.comparison import (
    figures,
    likeness,
    positive_definite,
    residue_means,
)
from hnmref.adp.metrics import (
    B_PER_U,
    NEIGHBOUR_DISTANCE,
    anisotropy,
    symmetric_kl,
    u_eq,
)
from hnmref.errors import InputError
from hnmref.files import write_text
from hnmref.params import REFINE
from hnmref.programs.command import console_script, run_command, sorry
from hnmref.programs.nodes import Nodes, network_nodes, selected
from hnmref.refine.inputs import read_inputs
from hnmref.refine.scaling import scaled_fmodel
from hnmref.refine.topology import distance_bonds
from hnmref.report.comparison_page import write_comparison

#: Within the class below, __doc__ is the class's own.
_DESCRIPTION = __doc__

MASTER_PHIL = """
selection = "not water and not (element H or element D)"
  .type = atom_selection
  .help = "Atoms that are compared: those of them that all models have. Of alternate "
          "conformers only the one with the highest occupancy is taken."
group = None
  .type = atom_selection
  .multiple = True
  .help = "One group of a partition, for B_KL."
data_labels = None
  .type = str
  .help = "Column label of the amplitudes or intensities, where the data file has "
          "several."
output
{
  prefix = None
    .type = str
    .help = "Begin the names of the files with this. Default: the first model's stem."
}
"""

#: A model file without anisotropic U has this in its place.
_NO_ANISO = -1.0


@dataclass
class Displaced:
    """The atoms of one model that are compared, with their U (N, 6), Å²."""

    name: str
    nodes: Nodes
    sites: np.ndarray
    u: np.ndarray

    def take(self, rows: list[int]) -> Displaced:
        """Only these atoms, in this order."""
        nodes = self.nodes
        kept = Nodes(
            atoms=[nodes.atoms[i] for i in rows],
            indices=nodes.indices[rows],
            residues=nodes.residues[rows],
            chains=nodes.chains[rows],
            residue_masses=nodes.residue_masses[rows],
            notes=nodes.notes,
        )
        return Displaced(self.name, kept, self.sites[rows], self.u[rows])


class Program(ProgramTemplate):
    """The command, as libtbx runs it."""

    program_name = "hnmref.compare"
    description = _DESCRIPTION
    epilog = ""
    datatypes = ["model", "miller_array", "phil"]
    master_phil_str = MASTER_PHIL

    def validate(self) -> None:
        """Two models at least, one data file at most, no file in the way."""
        self.names = list(self.data_manager.get_model_names())
        if len(self.names) < 2:
            raise Sorry(
                f"hnmref.compare takes two models or more and got {len(self.names)}: "
                "give different PDB or mmCIF files"
            )
        data = self.data_manager.get_miller_array_names()
        if len(data) > 1:
            raise Sorry(
                "hnmref.compare takes one reflection file at most and got "
                f"{len(data)}: {', '.join(data)}"
            )
        self.data_name = data[0] if data else None
        prefix = self.params.output.prefix or Path(self.names[0]).stem
        self.paths = {
            kind: Path(f"{prefix}_compare.{kind}") for kind in ("json", "csv", "html")
        }
        for path in self.paths.values():
            if path.exists() and not self.params.output.overwrite:
                raise Sorry(
                    f"{path} exists: choose another output.prefix or give "
                    "output.overwrite=True"
                )

    def run(self) -> None:
        """Compare, write, tell."""
        with sorry():
            self.notes: list[str] = []
            models = self._common([self._read(name) for name in self.names])
            self.comparison = self._compare(models)
            by_residue = _by_residue(models)
            write_text(
                self.paths["json"],
                json.dumps(self.comparison, indent=1, allow_nan=False) + "\n",
            )
            write_text(self.paths["csv"], _csv(self.names, by_residue))
            write_comparison(self.comparison, by_residue, self.paths["html"])
        self._tell()

    def get_results(self) -> dict:
        """What the JSON file holds."""
        return self.comparison

    def _read(self, name: str) -> Displaced:
        """The chosen atoms of one file."""
        hierarchy = self.data_manager.get_model(name).get_hierarchy()
        nodes = network_nodes(hierarchy, self.params.selection, "all", name)
        self.notes += [f"{name}: {note}" for note in nodes.notes]
        return Displaced(name, nodes, nodes.coordinates(), _displacements(nodes))

    def _common(self, models: list[Displaced]) -> list[Displaced]:
        """The atoms that all models have, with a U that is a Gaussian's."""
        places = [
            {label: i for i, label in enumerate(m.nodes.labels())} for m in models
        ]
        shared = [
            label for label in places[0] if all(label in place for place in places)
        ]
        for model, place in zip(models, places):
            if len(place) > len(shared):
                self.notes.append(
                    f"{model.name}: {len(place) - len(shared)} atoms that another "
                    "model lacks are left out"
                )
        rows = [[place[label] for label in shared] for place in places]
        good = np.ones(len(shared), bool)
        for model, row in zip(models, rows):
            positive = positive_definite(model.u[row])
            if not positive.all():
                self.notes.append(
                    f"{model.name}: {np.count_nonzero(~positive)} atoms whose U is not "
                    f"positive definite (the first: {shared[np.argmin(positive)]}) are "
                    "left out of all models"
                )
            good &= positive
        if np.count_nonzero(good) < 2:
            raise InputError(
                f"{' and '.join(self.names)} have fewer than two comparable atoms in "
                f"common (of the selection {self.params.selection!r}): are they models "
                "of the same structure, with the same chains and numbers?"
            )
        kept = np.flatnonzero(good)
        return [model.take([row[i] for i in kept]) for model, row in zip(models, rows)]

    def _compare(self, models: list[Displaced]) -> dict:
        """All figures, as the JSON file has them."""
        first = models[0]
        groups = self._groups(first)
        rows = first.nodes.indices
        hierarchy = self.data_manager.get_model(first.name).get_hierarchy()
        # Numbered by place among the atoms that are compared.
        bonds = np.searchsorted(np.sort(rows), distance_bonds(hierarchy, np.sort(rows)))
        bonds = np.argsort(rows)[bonds]
        records, alike = [], []
        for model in models:
            near = cKDTree(model.sites).query_pairs(
                NEIGHBOUR_DISTANCE, output_type="ndarray"
            )
            record = figures(model.u, model.sites, bonds, near, groups).as_dict()
            records.append(
                {"name": model.name, **self._r_factors(model.name), **record}
            )
            if model is not first:
                record = likeness(model.u, first.u).as_dict()
                alike.append({"name": model.name, **record})
        return {"models": records, "likeness": alike, "notes": self.notes}

    def _groups(self, model: Displaced) -> np.ndarray | None:
        """(N,) the partition, or None where none was given."""
        selections = [text for text in self.params.group if text is not None]
        if not selections:
            return None
        hierarchy = self.data_manager.get_model(model.name).get_hierarchy()
        groups = np.full(len(model.u), -1)
        for number, selection in enumerate(selections):
            chosen = selected(hierarchy, selection, model.name)[model.nodes.indices]
            if not chosen.any():
                raise InputError(
                    f"group={selection!r} has none of the atoms that are compared"
                )
            groups[chosen] = number
        return groups

    def _r_factors(self, name: str) -> dict[str, float]:
        """Against the data, else those of the run that wrote the model."""
        if self.data_name is not None:
            params = iotbx.phil.parse(REFINE).extract()
            params.data.labels = self.params.data_labels
            inputs = read_inputs(name, self.data_name, [], params)
            structure = inputs.model.get_xray_structure()
            fmodel = scaled_fmodel(structure, inputs.data, params)
            return {"r_work": fmodel.r_work(), "r_free": fmodel.r_free()}
        summary = Path(name).with_suffix(".json")
        if not summary.is_file():
            return {}
        try:
            final = json.loads(summary.read_text(encoding="utf-8"))["final"]
            return {key: float(final[key]) for key in ("r_work", "r_free")}
        except (ValueError, KeyError, TypeError):
            self.notes.append(f"{summary} is not the report of a run: no R-factors")
            return {}

    def _tell(self) -> None:
        """The table of models, and where the rest is."""
        for note in self.notes:
            print(f"Note: {note}", file=self.logger)
        for part in ("models", "likeness"):
            for record in self.comparison[part]:
                print(record["name"], file=self.logger)
                for key, value in record.items():
                    if key != "name" and value is not None:
                        print(f"  {key:24s} {value:.5g}", file=self.logger)
        print("Wrote " + ", ".join(map(str, self.paths.values())), file=self.logger)


@console_script
def run(args: list[str] | None = None) -> dict | None:
    """Run the command with these arguments (None: the command line's)."""
    return run_command(Program, args)


def _displacements(nodes: Nodes) -> np.ndarray:
    """(N, 6) U of each atom: its ANISOU, or the isotropic U of its B."""
    u = np.array([atom.uij for atom in nodes.atoms]).reshape(-1, 6)
    isotropic = (u == _NO_ANISO).all(axis=1)
    b = np.array([atom.b for atom in nodes.atoms])
    u[isotropic] = 0.0
    u[isotropic, :3] = b[isotropic, None] / B_PER_U
    return u


def _by_residue(models: list[Displaced]) -> dict[str, np.ndarray]:
    """Means over residues: of all models together, an array a quantity."""
    first = models[0].nodes
    _, start, residue = np.unique(
        first.residues, return_index=True, return_inverse=True
    )
    chains, numbers = first.molecules(), [a.resid().strip() for a in first.atoms]

    def means(quantity) -> np.ndarray:
        return np.array([residue_means(quantity(model), residue) for model in models])

    return {
        "chain": chains[start],
        "residue": np.array(numbers)[start],
        "b": means(lambda model: B_PER_U * u_eq(model.u)),
        "anisotropy": means(lambda model: anisotropy(model.u)),
        "kl": means(lambda model: symmetric_kl(model.u, models[0].u)),
    }


def _csv(names: list[str], residues: dict[str, np.ndarray]) -> str:
    """A row a residue, a column a quantity and model."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    quantities = ("b", "anisotropy", "kl")
    titles = [f"{quantity} {name}" for quantity in quantities for name in names]
    writer.writerow(["chain", "residue", *titles])
    table = np.concatenate([residues[quantity] for quantity in quantities]).T
    for chain, residue, row in zip(residues["chain"], residues["residue"], table):
        writer.writerow([chain, residue, *(f"{value:.6g}" for value in row)])
    return text.getvalue()


if __name__ == "__main__":
    run()
