"""hnmref.demo: refine a structure whose motion is known, and see it come back.

    hnmref.demo                        a motor domain of 689 residues, at 3 Å
    hnmref.demo --quick                an ATPase domain of 311 residues
    hnmref.demo --output DIR           write there, not into demo_output
    hnmref.demo --resolution 2.5 --seed 7

The structures come with cctbx. Their data are simulated (hnmref.refine.simulate)
from a motion on two levels, and hnmref.refine starts from one B for all atoms.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import hnmref  # noqa: F401  (cctbx's extensions must load before scipy's)

import iotbx
import iotbx.pdb
import numpy as np

from hnmref.adp.metrics import (
    add_isotropic,
    deviatoric_correlation,
    match_mean_u_eq,
    tensor_correlation,
    u_eq_correlation,
)
from hnmref.errors import HnmrefError, InputError
from hnmref.refine.simulate import (
    Simulation,
    simulate,
    substructure_labels,
    write_simulated,
)

#: Fraction of ΣF that the simulated noise makes.
_NOISE = 0.05


@dataclass(frozen=True)
class Example:
    """A bundled structure, and its domains as atom selections."""

    title: str
    file_name: str
    domains: tuple[str, ...]


#: Cut where the fewest contacts join the segments, relative to those within.
FULL = Example(
    title="motor domain of myosin IE (from 4a7h)",
    file_name="4a7h_chainC.pdb",
    domains=(
        "chain C and resseq 9:392",
        "chain C and resseq 393:616",
        "chain C and resseq 617:697",
    ),
)
QUICK = Example(
    title="domain of 1ubf",
    file_name="1ubf_cutted.pdb",
    domains=("chain A and resseq 4:220", "chain A and resseq 221:331"),
)


@dataclass(frozen=True)
class Recovery:
    """How alike refined and true tensors are; 1 is perfect.

    :ivar six_components: correlation over the six Cartesian components.
    :ivar deviatoric: cosine between the parts without U_eq.
    :ivar u_eq: correlation of U_eq.
    """

    six_components: float
    deviatoric: float
    u_eq: float


def run(args: list[str] | None = None) -> int:
    """Run the program with ``args`` (None: the command line's); its exit code."""
    options = _parser().parse_args(args)
    try:
        _demonstrate(options)
    except HnmrefError as error:
        print(f"hnmref.demo: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hnmref.demo",
        description="Refine a bundled structure against simulated data with known "
        "motion, and report how well the motion came back.",
    )
    parser.add_argument(
        "--quick", action="store_true", help="a smaller structure, for a first look"
    )
    parser.add_argument(
        "--output",
        metavar="DIR",
        type=Path,
        default=Path("demo_output"),
        help="where files go; those of an earlier demo are replaced "
        "(default: demo_output)",
    )
    parser.add_argument(
        "--resolution",
        metavar="A",
        type=float,
        default=3.0,
        help="of the simulated data (default: 3.0)",
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="another one, another motion (default: 1)"
    )
    return parser


def _demonstrate(options: argparse.Namespace) -> None:
    example = QUICK if options.quick else FULL
    print(f"Simulating data of the {example.title}", flush=True)
    simulation = simulate_example(example, options.resolution, options.seed)
    paths = write_simulated(simulation, options.output)
    print(
        f"  {len(simulation.u_local)} atoms, {simulation.f_obs.size()} reflections to "
        f"{options.resolution:g} Å, noise {100 * _NOISE:g}%; files in {options.output}"
    )
    refine(paths["model"], paths["data"], example, options.output, options.seed)
    print_summary(simulation, options.output)


def bundled_structure(file_name: str) -> Path:
    """Path of a structure that comes with cctbx.

    :raises InputError: where this installation of cctbx has left it out.
    """
    directory = Path(iotbx.__file__).parent / "regression" / "secondary_structure"
    path = directory / file_name
    if not path.is_file():
        raise InputError(
            f"the demo's structure {path} is missing from this installation of "
            "cctbx: install the cctbx-base wheel, which holds it"
        )
    return path


def simulate_example(example: Example, d_min: float, seed: int) -> Simulation:
    """Data to ``d_min`` Å of a bundled structure; in P 1 where it has no cell."""
    pdb = iotbx.pdb.input(str(bundled_structure(example.file_name)))
    hierarchy = pdb.construct_hierarchy()
    return simulate(
        hierarchy,
        substructure_labels(hierarchy, list(example.domains)),
        np.random.default_rng(seed),
        crystal_symmetry=pdb.crystal_symmetry(),
        d_min=d_min,
        noise=_NOISE,
    )


def refine(
    model: Path, data: Path, example: Example, directory: Path, seed: int
) -> None:
    """Run hnmref.refine as a user would."""
    # Here, not above: the simulator alone needs nothing of it.
    from hnmref.programs.refine import run as run_refine

    arguments = [
        str(model),
        str(data),
        "strategy=adp",
        f"main.random_seed={seed}",
        f"output.prefix={directory / 'demo'}",
        "output.overwrite=True",
        *(f"hnm.substructure={selection}" for selection in example.domains),
    ]
    print("hnmref.refine " + " ".join(repr(a) if " " in a else a for a in arguments))
    run_refine(arguments)


def print_summary(simulation: Simulation, directory: Path) -> None:
    """R-factors, and how well the known motion came back."""
    result = json.loads((directory / "demo_001.json").read_text())
    true_work, true_free = simulation.r_factors()
    print("\nR-factors                      R_work   R_free")
    for title, r_work, r_free in (
        ("start, one B for all", result["start"]["r_work"], result["start"]["r_free"]),
        ("after refinement", result["final"]["r_work"], result["final"]["r_free"]),
        ("the truth (noise alone)", true_work, true_free),
    ):
        print(f"  {title:<27s}  {r_work:7.4f}  {r_free:7.4f}")

    with np.load(directory / "demo_001.hnm.npz") as refined:
        u_group, u_local = refined["u_group"], refined["u_local"]
    total = add_isotropic(u_group, u_local)
    print("\nRefined against true motion    six components   deviatoric   U_eq")
    true = simulation.u_group
    for title, found in (
        ("U_group", compare(u_group, true)),
        ("U_group, mean U_eq matched", compare(match_mean_u_eq(u_group, true), true)),
        ("total U", compare(total, simulation.u_total)),
    ):
        print(
            f"  {title:<29s}{found.six_components:14.3f}"
            f"{found.deviatoric:13.3f}{found.u_eq:7.3f}"
        )
    print(
        "  Data do not tell how an isotropic constant is shared between U_group,\n"
        "  U_local and the overall scale; the second line leaves it out of the\n"
        "  comparison, the others do not."
    )


def compare(u: np.ndarray, truth: np.ndarray) -> Recovery:
    """Measures of likeness of two sets of (N, 6) tensors."""
    return Recovery(
        six_components=tensor_correlation(u, truth),
        deviatoric=deviatoric_correlation(u, truth),
        u_eq=u_eq_correlation(u, truth),
    )


if __name__ == "__main__":
    sys.exit(run())
