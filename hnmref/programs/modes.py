"""hnmref.modes: normal modes of a model.

    hnmref.modes model.pdb                             56 modes, a residue a block
    hnmref.modes model.cif forcefield=constant cutoff=5 n_modes=26
    hnmref.modes model.pdb selection="chain A and name CA" blocks=none \\
        forcefield=hinsen_fitted cutoff=12 output.prefix=m

Writes PREFIX_modes.npz, which hnmref.refine reads, and PREFIX_modes.nmd, which
VMD (NMWiz) and ProDy show.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import hnmref  # noqa: F401  (cctbx's extensions must load before scipy's)

import numpy as np
from cctbx.eltbx import tiny_pse
from iotbx.cli_parser import run_program
from libtbx.program_template import ProgramTemplate
from libtbx.utils import Sorry

from hnmref.errors import HnmrefError, InputError
from hnmref.modes import AtomNames, ModeSet, collectivity, compute_modes, write_nmd

MASTER_PHIL = """
forcefield = constant *distance_power hinsen hinsen_fitted
  .type = choice
  .help = "Stiffness of the springs: one for all, r^-2, Gaussian (Hinsen 1998), "
          "or fitted for C-alpha atoms (Hinsen et al. 2000)."
cutoff = 8.0
  .type = float(value_min=1)
  .help = "Springs join atoms nearer than this (A)."
blocks = *residue none
  .type = choice
  .help = "Rigid blocks (RTB): each residue, or none, every atom free."
masses = *unit element
  .type = choice
  .help = "Mass of an atom: 1, or its element's."
n_modes = 56
  .type = int(value_min=6)
  .help = "Modes, the six rigid-body ones counted. One more comes where the cut "
          "would part equal eigenvalues."
selection = "not water"
  .type = atom_selection
  .help = "Atoms of the network. Of alternate conformers only the one with the "
          "highest occupancy is taken, the first of equals."
repair = True
  .type = bool
  .help = "Hold loose atoms and parts that touch nothing by longer springs."
output
{
  prefix = None
    .type = str
    .help = "Begin the names of the files with this. Default: the model's stem "
            "and _hnmref."
}
"""

#: Modes beyond the zero ones that the log shows.
_SHOWN = 20


class Program(ProgramTemplate):
    """The command, as libtbx runs it."""

    program_name = "hnmref.modes"
    description = __doc__
    epilog = ""
    datatypes = ["model", "phil"]
    master_phil_str = MASTER_PHIL

    def validate(self) -> None:
        """One model, no file in the way, atoms to work on; tell how many."""
        names = self.data_manager.get_model_names()
        if len(names) != 1:
            raise Sorry(
                f"hnmref.modes takes one model and got {len(names)}: give one PDB or "
                f"mmCIF file"
            )
        if not self.params.output.overwrite:
            for path in self._paths():
                if path.exists():
                    raise Sorry(
                        f"{path} exists: choose another output.prefix or give "
                        f"output.overwrite=True"
                    )
        hierarchy = self.data_manager.get_model(names[0]).get_hierarchy()
        with _sorry():
            self.nodes = network_nodes(hierarchy, self.params.selection, names[0])
        for note in self.nodes.notes:
            self._print(note)
        self._print(
            f"{len(self.nodes.atoms)} atoms in "
            f"{len(np.unique(self.nodes.residues))} residues of {names[0]}, "
            f"{self.params.n_modes} modes"
        )

    def run(self) -> None:
        """Compute, write, tell."""
        with _sorry():
            self.modes = _modes_of(self.nodes, self.params)
        for note in self.modes.notes:
            self._print(f"Note: {note}")
        self._show(self.modes)
        npz, nmd = self._paths()
        title = Path(self.data_manager.get_model_names()[0]).stem
        npz.parent.mkdir(parents=True, exist_ok=True)
        self.modes.save(npz)
        write_nmd(nmd, self.modes, _names(self.nodes.atoms), title)
        self._print(f"Wrote {npz}\nWrote {nmd}")

    def get_results(self) -> ModeSet:
        """The modes."""
        return self.modes

    def _paths(self) -> tuple[Path, Path]:
        prefix = self.params.output.prefix
        if prefix is None:
            prefix = f"{Path(self.data_manager.get_model_names()[0]).stem}_hnmref"
        return Path(f"{prefix}_modes.npz"), Path(f"{prefix}_modes.nmd")

    def _show(self, modes: ModeSet) -> None:
        """A line a mode: eigenvalue, frequency relative to the lowest, collectivity."""
        self._print(f"{modes.n_modes} modes, {modes.n_zero} of them zero")
        if modes.n_modes == modes.n_zero:
            return
        self._print("  mode   eigenvalue   rel. frequency   collectivity")
        share = collectivity(modes)
        lowest = modes.eigenvalues[modes.n_zero]
        for mode in range(modes.n_zero, min(modes.n_modes, modes.n_zero + _SHOWN)):
            value = modes.eigenvalues[mode]
            self._print(
                f"  {mode + 1:4d} {value:12.4e} {np.sqrt(value / lowest):16.3f} "
                f"{share[mode]:14.3f}"
            )


def run(args: list[str] | None = None) -> None:
    """Run the command with these arguments (None: the command line's)."""
    run_program(program_class=Program, args=args)


@dataclass
class Nodes:
    """Atoms (with labels) of the network, their residues' numbers, and notes."""

    atoms: list
    residues: np.ndarray
    notes: list[str]


def network_nodes(hierarchy, selection: str, file_name: str) -> Nodes:
    """The selected atoms of the first model, one conformer a residue.

    That is the conformer of the highest mean occupancy, the first of equals.
    Residues are numbered as they come, since chain names may repeat.

    Raises
    ------
    InputError : the selection cannot be read or selects nothing.
    """
    notes = []
    models = hierarchy.models()
    if len(models) > 1:
        notes.append(f"{file_name} has {len(models)} models: only the first is used")
    chosen = _selected(hierarchy, selection, file_name)
    kept: list[int] = []
    residues: list[int] = []
    n_left_out = 0
    groups = [group for chain in models[0].chains() for group in chain.residue_groups()]
    for number, residue in enumerate(groups):
        main, others = _main_conformer(residue, chosen)
        kept.extend(main)
        residues.extend([number] * len(main))
        n_left_out += len(others)
    if not kept:
        raise InputError(
            f"the selection {selection!r} has no atom in {file_name}: change selection"
        )
    if n_left_out:
        notes.append(
            f"{n_left_out} atoms of alternate conformers are left out: each residue "
            f"keeps the conformer of the highest occupancy, the first of equals"
        )
    labelled = list(hierarchy.atoms_with_labels())
    return Nodes([labelled[i] for i in kept], np.array(residues), notes)


def _modes_of(nodes: Nodes, params) -> ModeSet:
    """Modes of the nodes, by the command's parameters."""
    return compute_modes(
        np.array([atom.xyz for atom in nodes.atoms]),
        n_modes=params.n_modes,
        cutoff=params.cutoff,
        spring_law=params.forcefield,
        masses=_masses(nodes.atoms) if params.masses == "element" else None,
        blocks=nodes.residues if params.blocks == "residue" else None,
        repair=params.repair,
        atom_labels=[_label(atom) for atom in nodes.atoms],
    )


@contextmanager
def _sorry() -> Iterator[None]:
    """What a user can act on ends the command with one sentence."""
    try:
        yield
    except HnmrefError as error:
        raise Sorry(str(error)) from None


def _selected(hierarchy, selection: str, file_name: str) -> np.ndarray:
    """Mask of the selected atoms."""
    cache = hierarchy.atom_selection_cache()
    try:
        return cache.selection(selection).as_numpy_array()
    except (Sorry, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"the selection {selection!r} for {file_name} cannot be read: {reason}"
        ) from None


def _main_conformer(residue, chosen: np.ndarray) -> tuple[list[int], list[int]]:
    """Chosen atoms of a residue (i_seq): in its main conformer, and the others."""
    by_altloc: dict[str, list] = {}
    for atom_group in residue.atom_groups():
        atoms = [atom for atom in atom_group.atoms() if chosen[atom.i_seq]]
        if atoms:
            by_altloc.setdefault(atom_group.altloc.strip(), []).extend(atoms)
    main = by_altloc.pop("", [])
    if by_altloc:
        best = max(
            by_altloc, key=lambda a: np.mean([atom.occ for atom in by_altloc[a]])
        )
        main = main + by_altloc.pop(best)
    others = [atom for atoms in by_altloc.values() for atom in atoms]
    return sorted(atom.i_seq for atom in main), [atom.i_seq for atom in others]


def _label(atom) -> str:
    """A name a reader finds the atom by."""
    words = (atom.segid, atom.chain_id, atom.resname, atom.resid(), atom.name)
    return " ".join(word.strip() for word in words if word.strip())


def _masses(atoms: list) -> np.ndarray:
    """Masses of the elements, in daltons."""
    masses = []
    for atom in atoms:
        element = atom.element.strip()
        try:
            masses.append(tiny_pse.table(element).weight())
        except (RuntimeError, ValueError):
            raise InputError(
                f"atom {_label(atom)} has no known element ({element!r}): correct the "
                f"model or use masses=unit"
            ) from None
    return np.array(masses)


def _names(atoms: list) -> AtomNames:
    """What the NMD file says of the atoms."""
    return AtomNames(
        atoms=np.array([atom.name.strip() for atom in atoms]),
        residues=np.array([atom.resname.strip() for atom in atoms]),
        residue_numbers=np.array([atom.resseq_as_int() for atom in atoms]),
        chains=np.array([atom.chain_id.strip() for atom in atoms]),
        b_factors=np.array([atom.b for atom in atoms]),
    )


if __name__ == "__main__":
    run()
