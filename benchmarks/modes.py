"""Time and peak memory of normal modes by the number of atoms, beside peers.

    make peers
    python -m benchmarks.modes
    python -m benchmarks.modes --most-atoms 200000 --peers none
    python -m benchmarks.modes --factorisation cholmod --models large.pdb larger.pdb

All-atom elastic network, 5 A, 56 modes with the six of the rigid body; one BLAS
thread. A rigid block a residue (ProDy: RTB), and for the smallest model also free
atoms (ProDy and springcraft: ANM). Each run is a process of its own, and its memory
is that of the whole process; times are the processor's. Larger systems are the atoms
of a P1 entry repeated along its cell axes, with the contacts that its crystal has.
--models takes PDB files in their place, as they are.
Peers run in the environment that `make peers` makes, up to --peer-atoms; with blocks
the relative difference of the largest eigenvalue says that the work is the same (free
atoms that hang loose are held by hnmref alone).
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from pathlib import Path

from benchmarks.conditions import conditions
from benchmarks.entries import CHECKOUT, Entry, add_pdb_dir, find_entry
from benchmarks.processes import last_json

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

#: What the peers' interpreter runs on a file of coordinates and residues: one JSON line
#: with the seconds and the eigenvalues beyond zero.
_PEERS = {
    "ProDy": """
import json, sys, time
import numpy as np, prody
prody.confProDy(verbosity="none")
stored, n = np.load(sys.argv[1]), int(sys.argv[2])
began = time.process_time()
if sys.argv[3] == "blocks":
    model = prody.RTB("modes")
    model.buildHessian(stored["x"], stored["blocks"], cutoff=5.0, gamma=1.0)
    model.calcModes(n_modes=n - 6)
else:
    model = prody.ANM("modes")
    model.buildHessian(stored["x"], cutoff=5.0, gamma=1.0, sparse=True)
    model.calcModes(n_modes=n - 6, turbo=False)
seconds = time.process_time() - began
print(json.dumps({"seconds": seconds, "values": model.getEigvals().tolist()}))
""",
    "springcraft": """
import json, sys, time
import numpy as np, biotite.structure as struc, springcraft
stored, n = np.load(sys.argv[1]), int(sys.argv[2])
atoms = struc.AtomArray(len(stored["x"]))
atoms.coord = stored["x"]
began = time.process_time()
model = springcraft.ANM(atoms, springcraft.InvariantForceField(5.0))
values, _ = model.eigen()
seconds = time.process_time() - began
print(json.dumps({"seconds": seconds, "values": values[6:n].tolist()}))
""",
}
#: Who does what: springcraft has no rigid blocks.
_ABLE = {"blocks": ("ProDy",), "free atoms": ("ProDy", "springcraft")}

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


def measure(
    model: Path, repeats: tuple[int, int, int], kind: str, factorisation: str
) -> dict:
    """Compute the modes once, here: sizes, seconds and eigenvalues beyond zero."""
    import time

    from hnmref.modes import compute_modes
    from threadpoolctl import threadpool_limits

    coordinates, residues = repeated(model, repeats)
    blocks = residues if kind == "blocks" else None
    with threadpool_limits(limits=1):
        began, began_wall = time.process_time(), time.perf_counter()
        modes = compute_modes(
            coordinates,
            n_modes=N_MODES,
            cutoff=CUTOFF,
            blocks=blocks,
            factorisation=factorisation,
        )
        seconds = time.process_time() - began
        wall_seconds = time.perf_counter() - began_wall
    return {
        "n_atoms": len(coordinates),
        "seconds": seconds,
        "wall_seconds": wall_seconds,
        "values": modes.eigenvalues[modes.n_zero :].tolist(),
    }


def repeated(model: Path, repeats: tuple[int, int, int]):
    """Coordinates (N, 3) in Å and residue numbers (N,) of repeated cells."""
    import numpy as np

    coordinates, residues, axes = read_structure(model)
    if math.prod(repeats) == 1:
        return coordinates, residues
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

    Of alternate conformers only the first is read; without a cell the axes are None.
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
    names = [line[20:27] for line in atoms]
    _, residues = np.unique(names, return_inverse=True)
    cell = next((line for line in lines if line.startswith("CRYST1")), None)
    if cell is None:
        return coordinates, residues, None
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


def systems(options: argparse.Namespace) -> list[tuple[Entry, tuple[int, int, int]]]:
    """Models and how often each is repeated, by the command's options."""
    if options.models:
        return [(Entry(m.stem, m, m), (1, 1, 1)) for m in options.models]
    return [(find_entry(options.pdb_dir, name), cells) for name, cells in SIZES]


def report(options: argparse.Namespace) -> None:
    """Print the table, a line as soon as its processes have ended."""
    print(f"{N_MODES} modes, {CUTOFF:g} A, one BLAS thread, {options.factorisation};")
    print("memory of the process\n")
    print("| system | atoms | motion | hnmref s (wall) | MB ", end="")
    print("".join(f"| {name} s | MB | ratio | difference " for name in _PEERS) + "|")
    print("|---" * (5 + 4 * len(_PEERS)) + "|")
    with tempfile.TemporaryDirectory() as directory:
        for number, (entry, repeats) in enumerate(systems(options)):
            n_atoms = entry.n_atoms() * math.prod(repeats)
            if n_atoms > options.most_atoms:
                continue
            for kind in ("blocks", "free atoms") if number == 0 else ("blocks",):
                has_peers = options.peers != "none" and n_atoms <= options.peer_atoms
                able = _ABLE[kind] if has_peers else ()
                print(_row(entry, repeats, kind, options, able, Path(directory)))
                sys.stdout.flush()
    print(f"\n{conditions()}")
    print("\nFor comparison, measured on two cores on other structures (wall time):\n")
    print(f"| atoms | {' | '.join(REFERENCES)} |")
    print("|---" * (len(REFERENCES) + 1) + "|")
    for row in zip(*REFERENCES.values()):
        print(f"| {row[0][0]} | {' | '.join(_reference(*item) for item in row)} |")


def _row(entry, repeats, kind: str, options, able, directory: Path) -> str:
    """One system: hnmref's figures and those of the peers that can do it."""
    model = str(entry.model.resolve())
    own = [sys.executable, "-m", "benchmarks.modes"]
    solver = ["--factorisation", options.factorisation]
    sizes = [str(n) for n in repeats]
    ours, our_mb = last_json([*own, *solver, "--one", model, *sizes, kind], directory)
    copies = math.prod(repeats)
    name = entry.id if copies == 1 else f"{entry.id}, {copies} cells"
    if ours is None:
        return f"| {name} | failed |"
    row = (
        f"| {name} | {ours['n_atoms']} | {kind} | {ours['seconds']:.2f} "
        f"({ours['wall_seconds']:.2f}) | {our_mb:.0f} |"
    )
    for peer, script in _PEERS.items():
        if peer not in able:
            row += "  |" * 4
            continue
        stored = str(directory / "network.npz")
        last_json([*own, "--store", model, *sizes, stored], directory)
        command = [options.peers, "-c", script, stored, str(N_MODES), kind]
        theirs, their_mb = last_json(command, directory)
        if theirs is None:
            row += " failed |  |  |  |"
            continue
        ratio = theirs["seconds"] / ours["seconds"]
        difference = abs(theirs["values"][-1] / ours["values"][-1] - 1)
        same = f"{difference:.0e}" if kind == "blocks" else ""
        row += f" {theirs['seconds']:.2f} | {their_mb:.0f} | {ratio:.1f} | {same} |"
    return row


def store(model: Path, repeats: tuple[int, int, int], path: Path) -> None:
    """Coordinates and residues in a file, for the peers."""
    import numpy as np

    coordinates, residues = repeated(model, repeats)
    np.savez(path, x=coordinates, blocks=residues)


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
        "--peers",
        default=str(CHECKOUT / ".venv-peers" / "bin" / "python"),
        help="Python that has ProDy and springcraft, or none (default: that of "
        "`make peers`)",
    )
    parser.add_argument("--peer-atoms", type=int, default=4_000)
    parser.add_argument("--factorisation", default="superlu", help="of hnmref.modes")
    parser.add_argument("--models", nargs="+", type=Path, help="PDB files")
    parser.add_argument("--one", nargs=5, help=argparse.SUPPRESS)
    parser.add_argument("--store", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args(args)
    if options.one:
        model, *repeats, kind = options.one
        cells = tuple(map(int, repeats))
        print(json.dumps(measure(Path(model), cells, kind, options.factorisation)))
    elif options.store:
        model, *repeats, path = options.store
        store(Path(model), tuple(map(int, repeats)), Path(path))
    else:
        report(options)


if __name__ == "__main__":
    main()
