"""Time and peak memory of normal modes by the number of atoms.

    python -m benchmarks.modes
    python -m benchmarks.modes --most-atoms 200000

All-atom elastic network, 5 A, a rigid block a residue, 56 modes with the six of
the rigid body; one BLAS thread. Each size is a process of its own, and its memory
is that of the whole process. Larger systems are the atoms of a P1 entry repeated
along its cell axes, with the contacts that its crystal has.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from pathlib import Path

from benchmarks.conditions import conditions
from benchmarks.entries import add_pdb_dir, find_entry
from benchmarks.processes import Finished, run_all, start

N_MODES = 56
CUTOFF = 5.0

#: Entries, and how often each is repeated along its cell axes.
SIZES = (
    ("3kyi", (1, 1, 1)),
    ("4drw", (1, 1, 1)),
    ("3uj4", (1, 1, 1)),
    ("4fsx", (1, 1, 1)),
    ("3uj4", (2, 1, 1)),
    ("4fsx", (3, 2, 1)),
    ("4fsx", (4, 2, 2)),
)

#: Measured on two cores, on structures of about these sizes: atoms, seconds and
#: MB (None: did not fit).
REFERENCES = {
    "ProDy 2.6.1": (
        (1661, 1.39, 268),
        (5785, 63, 1149),
        (16591, None, None),
        (64310, None, None),
        (164988, None, None),
    ),
    "scipy prototype (SuperLU; largest: sparse Cholesky)": (
        (1661, 0.083, 89),
        (5785, 0.48, 138),
        (16591, 1.7, 288),
        (64310, 13.7, 1290),
        (164988, 11.5, 1368),
    ),
}


def measure(model: Path, repeats: tuple[int, int, int]) -> dict:
    """Compute the modes once, here: sizes and times as a mapping.

    Other work on the machine lengthens the wall time, the processor's hardly.
    """
    import time

    from hnmref.modes import compute_modes
    from threadpoolctl import threadpool_limits

    coordinates, residues = repeated(model, repeats)
    with threadpool_limits(limits=1):
        began, began_wall = time.process_time(), time.perf_counter()
        modes = compute_modes(
            coordinates, n_modes=N_MODES, cutoff=CUTOFF, blocks=residues
        )
        seconds = time.process_time() - began
        wall_seconds = time.perf_counter() - began_wall
    return {
        "n_atoms": len(coordinates),
        "n_residues": len(set(residues.tolist())),
        "n_modes": modes.n_modes,
        "seconds": seconds,
        "wall_seconds": wall_seconds,
    }


def repeated(model: Path, repeats: tuple[int, int, int]):
    """Coordinates (N, 3) in Å and residue numbers (N,) of repeated cells."""
    import numpy as np

    coordinates, residues, axes = read_structure(model)
    shifts = np.stack(
        np.meshgrid(*(np.arange(n) for n in repeats), indexing="ij"), axis=-1
    ).reshape(-1, 3) @ axes
    cells = np.arange(len(shifts))[:, None] * (residues.max() + 1)
    return (
        (shifts[:, None] + coordinates).reshape(-1, 3),
        (cells + residues).ravel(),
    )


def read_structure(model: Path):
    """Coordinates, residue numbers from 0, and cell axes (rows, Å) of a PDB file.

    Of alternate conformers only the first is read.
    """
    import numpy as np

    with open(model, encoding="latin-1") as file:
        lines = list(file)
    atoms = [
        line
        for line in lines
        if line.startswith(("ATOM", "HETATM")) and line[16] in " A"
    ]
    coordinates = np.array(
        [[float(line[i : i + 8]) for i in (30, 38, 46)] for line in atoms]
    )
    names = [line[21:27] for line in atoms]
    _, residues = np.unique(names, return_inverse=True)
    cell = next(line for line in lines if line.startswith("CRYST1"))
    lengths = [float(cell[i : i + 9]) for i in (6, 15, 24)]
    angles = [float(cell[i : i + 7]) for i in (33, 40, 47)]
    return coordinates, residues, _cell_axes(lengths, angles)


def _cell_axes(lengths: list[float], angles: list[float]):
    """(3, 3) axes as rows, a along x and b in the xy plane (PDB convention)."""
    import numpy as np

    a, b, c = lengths
    cos_alpha, cos_beta, cos_gamma = (math.cos(math.radians(x)) for x in angles)
    sin_gamma = math.sin(math.radians(angles[2]))
    cy = (cos_alpha - cos_beta * cos_gamma) / sin_gamma
    cz = math.sqrt(1 - cos_beta**2 - cy**2)
    return np.array(
        [
            [a, 0, 0],
            [b * cos_gamma, b * sin_gamma, 0],
            [c * cos_beta, c * cy, c * cz],
        ]
    )


def report(pdb_dir: Path, most_atoms: int) -> None:
    """Print the table, a line as soon as its process has ended."""
    print(
        f"{N_MODES} modes, {CUTOFF:g} A, a block a residue, one BLAS thread; memory "
        "of the whole process\n"
    )
    print("| system | atoms | residues | modes | processor s | wall s | MB |")
    print("|---" * 7 + "|")
    with tempfile.TemporaryDirectory() as directory:
        jobs = [
            job
            for job in SIZES
            if find_entry(pdb_dir, job[0]).n_atoms() * math.prod(job[1]) <= most_atoms
        ]
        output = Path(directory) / "output.txt"

        def launch(job):
            model = find_entry(pdb_dir, job[0]).model.resolve()
            repeats = [str(n) for n in job[1]]
            command = [sys.executable, "-m", "benchmarks.modes", "--one", str(model)]
            return start([*command, *repeats], output, Path(directory))

        def done(job, finished: Finished) -> None:
            print(_line(job, finished, output.read_text(encoding="utf-8")), flush=True)

        run_all(jobs, launch, done)
    print(f"\n{conditions()}")
    print("\nFor comparison, measured on two cores on other structures (wall time):\n")
    print(f"| atoms | {' | '.join(REFERENCES)} |")
    print("|---" * (len(REFERENCES) + 1) + "|")
    for row in zip(*REFERENCES.values()):
        print(f"| {row[0][0]} | {' | '.join(_reference(*item) for item in row)} |")


def _line(job, finished: Finished, output: str) -> str:
    entry_id, repeats = job
    copies = math.prod(repeats)
    name = entry_id if copies == 1 else f"{entry_id}, {copies} cells"
    if finished.exit_code:
        last = output.strip().splitlines()[-1:] or ["killed"]
        return f"| {name} | failed: {last[0]} | | | | | |"
    figures = json.loads(output)
    return (
        f"| {name} | {figures['n_atoms']} | {figures['n_residues']} "
        f"| {figures['n_modes']} | {figures['seconds']:.2f} "
        f"| {figures['wall_seconds']:.2f} | {finished.peak_mb:.0f} |"
    )


def _reference(n_atoms: int, seconds: float | None, megabytes: int | None) -> str:
    return "does not fit" if seconds is None else f"{seconds:g} s, {megabytes} MB"


def main(args: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_pdb_dir(parser)
    parser.add_argument("--most-atoms", type=int, default=70_000)
    parser.add_argument(
        "--one",
        nargs=4,
        metavar=("MODEL", "NA", "NB", "NC"),
        help="measure one system in this process and print its figures as JSON",
    )
    options = parser.parse_args(args)
    if options.one:
        model, *repeats = options.one
        figures = measure(Path(model), tuple(int(n) for n in repeats))
        print(json.dumps(figures))
    else:
        report(options.pdb_dir, options.most_atoms)


if __name__ == "__main__":
    main()
