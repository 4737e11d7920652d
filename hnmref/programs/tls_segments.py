"""hnmref.tls_segments: the TLS groups that a model's B show, as TLSMD finds them.

    hnmref.tls_segments model.pdb
    hnmref.tls_segments model.pdb n_segments=4                for the two .eff files
    hnmref.tls_segments model.pdb displacements=anisotropic   from ANISOU
    hnmref.refine model.pdb data.mtz model_tls_segments_hnmref.eff

For every chain and k = 1, 2, … the best k contiguous segments. Writes
PREFIX_tls_segments.txt with the selections of all of them, .json, .csv, .log and .png
(residual and segments against k), and PREFIX_tls_segments_hnmref.eff and _phenix.eff:
the groups of the suggested k, for hnmref.refine and phenix.refine.
"""

from __future__ import annotations

import json
from pathlib import Path

import hnmref  # noqa: F401  (cctbx's extensions must load before scipy's)

import numpy as np
from libtbx.program_template import ProgramTemplate
from libtbx.utils import Sorry

from hnmref import __version__
from hnmref.adp.metrics import B_PER_U
from hnmref.adp.segments import Partition
from hnmref.adp.tls import tls_from_pi
from hnmref.adp.tls_fit import ANISOTROPIC_MOTIONS, ISOTROPIC_MOTIONS
from hnmref.errors import InputError
from hnmref.files import write_text, written_whole
from hnmref.programs.command import console_script, run_command, sorry
from hnmref.refine.arrays import to_numpy
from hnmref.refine.displacements import total_u_cart
from hnmref.refine.model import header_tls, read_model
from hnmref.refine.residues import ResidueTable
from hnmref.refine.tls_segments import ChainSegments, find_segments, segment_groups
from hnmref.report.matrix_files import write_csv
from hnmref.report.tls_segments import (
    MAX_PICTURED,
    csv_columns,
    hnmref_parameters,
    phenix_parameters,
    plot_segments,
    selections_text,
    table_lines,
)

#: Within the class below, __doc__ is the class's own.
_DESCRIPTION = __doc__

MASTER_PHIL = """
displacements = *isotropic anisotropic
  .type = choice
  .optional = False
  .help = "Fit TLS to B (ten parameters a segment), or to the U of ANISOU records "
          "(twenty)."
max_segments = 20
  .type = int(value_min=1)
  .help = "Segments of a chain at the most."
min_residues = 3
  .type = int(value_min=1)
  .help = "Residues of a segment at the least."
n_segments = None
  .type = int(value_min=1)
  .help = "Segments of each chain in the .eff files. Default: the suggested number."
output
{
  prefix = None
    .type = str
    .help = "Begin the names of the files with this. Default: the model's stem."
}
"""

_ENDINGS = (".json", ".csv", ".png", ".log", ".txt", "_hnmref.eff", "_phenix.eff")


class Program(ProgramTemplate):
    """The command, as libtbx runs it."""

    program_name = "hnmref.tls_segments"
    description = _DESCRIPTION
    epilog = ""
    datatypes = ["model", "phil"]
    master_phil_str = MASTER_PHIL

    def validate(self) -> None:
        """One model, no file in the way."""
        names = self.data_manager.get_model_names()
        if len(names) != 1:
            raise Sorry(
                f"hnmref.tls_segments takes one model and got {len(names)}: give a PDB "
                "or mmCIF file"
            )
        self.name = names[0]
        prefix = self.params.output.prefix or Path(self.name).stem
        self.paths = {
            ending: Path(f"{prefix}_tls_segments{ending}") for ending in _ENDINGS
        }
        for path in self.paths.values():
            if path.exists() and not self.params.output.overwrite:
                raise Sorry(
                    f"{path} exists: choose another output.prefix or give "
                    "output.overwrite=True"
                )

    def run(self) -> None:
        """Find, write, tell."""
        with sorry():
            table, chains = self._find()
        records = [chain_record(table, chain) for chain in chains]
        self.result = {
            "model": str(self.name),
            "displacements": self.params.displacements,
            "min_residues": self.params.min_residues,
            "chains": records,
            "notes": self.notes,
            "versions": {"hnmref": __version__, "numpy": np.__version__},
        }
        self._write()

    def get_results(self) -> dict:
        """What the JSON file holds."""
        return self.result

    def _find(self) -> tuple[ResidueTable, list[ChainSegments]]:
        """Read the model, and cut its chains."""
        params = self.params
        model, self.notes = read_model(self.name)
        structure = model.get_xray_structure()
        has_aniso = bool(to_numpy(structure.use_u_aniso()).any())
        anisotropic = params.displacements == "anisotropic"
        if anisotropic and not has_aniso:
            raise InputError(
                f"{self.name} has no ANISOU records, which displacements=anisotropic "
                "fits: use displacements=isotropic"
            )
        if not has_aniso and header_tls(self.name, model):
            self.notes.append(
                f"{self.name} has TLS tensors in its header and no ANISOU: if its B "
                "are what TLS leaves, and not the total, they say nothing of TLS"
            )
        table, chains = find_segments(
            model,
            total_u_cart(structure),
            anisotropic=anisotropic,
            max_segments=params.max_segments,
            min_residues=params.min_residues,
        )
        if not chains:
            raise InputError(
                f"{self.name} has no polymer chain that could be cut into segments"
            )
        if len(chains) > MAX_PICTURED:
            self.notes.append(f"The picture has the first {MAX_PICTURED} chains")
        return table, chains

    def _write(self) -> None:
        """All files; the log on the screen too."""
        paths, chains = self.paths, self.result["chains"]
        text = json.dumps(self.result, indent=1, allow_nan=False)
        write_text(paths[".json"], text + "\n")
        write_csv(paths[".csv"], csv_columns(chains))
        with written_whole(paths[".png"]) as partial:
            partial.write_bytes(plot_segments(chains))
        write_text(paths[".txt"], selections_text(chains))
        selections = self._chosen_selections()
        write_text(paths["_hnmref.eff"], hnmref_parameters(selections) + "\n")
        write_text(paths["_phenix.eff"], phenix_parameters(selections) + "\n")
        lines = [f"Note: {note}" for note in self.notes]
        for chain in chains:
            lines += ["", *table_lines(chain)]
        lines += ["", "* suggested: the least BIC", ""]
        lines += [f"Wrote {path}" for path in paths.values()]
        log = "\n".join(lines) + "\n"
        write_text(paths[".log"], log)
        print(log, end="", file=self.logger, flush=True)

    def _chosen_selections(self) -> list[str]:
        """The groups of all chains, for the number asked for or suggested."""
        selections = []
        for chain in self.result["chains"]:
            number = self.params.n_segments or chain["suggested"]
            partitions = chain["partitions"]
            partition = partitions[min(number, len(partitions)) - 1]
            selections += [segment["selection"] for segment in partition["segments"]]
        return selections


def chain_record(table: ResidueTable, chain: ChainSegments) -> dict:
    """What the JSON file holds of a chain."""
    number = chain.number
    names = [table.residues[i].resid for i in chain.chain.residues]
    return {
        "label": chain.chain.label,
        "n_residues": len(names),
        "residues": names,
        "n_atoms": len(chain.atoms),
        "n_data": number.n_data,
        "n_effective": number.n_effective,
        "suggested": number.suggested,
        "partitions": [
            {**_partition_record(table, chain, partition), "bic": float(bic)}
            for partition, bic in zip(chain.partitions, number.bic)
        ],
    }


def _partition_record(
    table: ResidueTable, chain: ChainSegments, partition: Partition
) -> dict:
    """Figures of a partition and its segments; residuals in Å⁴, B and U in Å²."""
    isotropic = chain.number.n_data == len(chain.atoms)
    motions = ISOTROPIC_MOTIONS if isotropic else ANISOTROPIC_MOTIONS
    k = partition.n_segments
    return {
        "n_segments": k,
        "n_parameters": k * len(motions),
        "residual": partition.residual,
        "rms_b": B_PER_U * partition.rms,
        "segments": _segment_records(table, chain, partition),
    }


def _segment_records(
    table: ResidueTable, chain: ChainSegments, partition: Partition
) -> list[dict]:
    """Residues, selection (with ligands) and TLS tensors of each segment."""
    groups = segment_groups(table, chain, partition.n_segments)
    residues = chain.chain.residues
    pieces = np.split(residues, np.searchsorted(residues, partition.starts[1:]))
    records = []
    for piece, group, fit in zip(pieces, groups, partition.fits):
        t, libration, screw = tls_from_pi(fit.pi)
        records.append(
            {
                "first": table.residues[piece[0]].resid,
                "last": table.residues[piece[-1]].resid,
                "n_residues": len(piece),
                "selection": group.selection,
                "n_atoms": len(group.atoms),
                "residual": fit.residual,
                "origin": fit.origin.tolist(),
                "t": t.tolist(),
                "l": libration.tolist(),
                "s": screw.tolist(),
            }
        )
    return records


@console_script
def run(args: list[str] | None = None) -> dict | None:
    """Run the command with these arguments (None: the command line's)."""
    return run_command(Program, args)


if __name__ == "__main__":
    run()
