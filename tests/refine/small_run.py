"""A run small enough for a test: two domains of 57 residues, and few iterations."""

from __future__ import annotations

from pathlib import Path

import hnmref  # noqa: F401  (cctbx's extensions load first)

import iotbx
import iotbx.pdb
import iotbx.phil
import numpy as np

from hnmref.params import REFINE
from hnmref.refine.inputs import Inputs, read_inputs
from hnmref.refine.macro_cycle import Refinement
from hnmref.refine.simulate import Simulation, simulate, substructure_labels

DOMAINS = ("resseq 4:30", "resseq 31:60")
#: Parameters that make a macro-cycle cheap, as a user would type them.
QUICK = (
    "strategy=adp",
    *(f"hnm.substructure='{domain}'" for domain in DOMAINS),
    "hnm.n_whole=8",
    "hnm.n_substructure=7",
    "hnm.max_iterations=3",
    "hnm.prior_weight=0",
    "u_local.optimize_weight=False",
    "u_local.max_iterations=3",
    "main.number_of_macro_cycles=1",
)
#: The same as a program gets them, without the shell's quotes.
QUICK_ARGUMENTS = tuple(text.replace("'", "") for text in QUICK)
BUNDLED = Path(iotbx.__file__).parent / "regression" / "secondary_structure"


def small_simulation(seed: int = 1) -> Simulation:
    """Data to 3 Å of the first residues of a bundled structure, in P 1."""
    pdb = iotbx.pdb.input(str(BUNDLED / "1ubf_cutted.pdb"))
    hierarchy = pdb.construct_hierarchy()
    cache = hierarchy.atom_selection_cache()
    hierarchy = hierarchy.select(cache.selection("resseq 4:60"))
    labels = substructure_labels(hierarchy, list(DOMAINS))
    return simulate(hierarchy, labels, np.random.default_rng(seed))


def refine_params(*assignments: str):
    """Every parameter of the program, extracted: QUICK's and these values."""
    master = iotbx.phil.parse(REFINE)
    sources = [iotbx.phil.parse(text) for text in (*QUICK, *assignments)]
    return master.fetch(sources=sources).extract()


def small_inputs(files: dict[str, Path], params) -> Inputs:
    """Fresh inputs from a simulation's files: a refinement changes its model."""
    return read_inputs(str(files["model"]), str(files["data"]), [], params)


def small_refinement(files: dict[str, Path], *assignments: str, **how) -> Refinement:
    """A refinement that has not run yet; ``how``: what it calls back."""
    params = refine_params(*assignments)
    return Refinement(small_inputs(files, params), params, **how)
