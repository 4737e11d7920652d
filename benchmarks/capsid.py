"""fSUB on a model of the size of a virus capsid: time and memory.

    python -m benchmarks.capsid
    python -m benchmarks.capsid --entry 3kyi

Sixty copies of an entry's model, taken twice along its first cell axis, stand on an
icosahedron, as near to each other as they come without an atom of one within 3 A of
another's: 1.3 million atoms for 4fsx. Modes of each copy, then of all in their space
(all-atom elastic network, 5 A, a rigid block a residue; one BLAS thread), in a process
of its own. Times are the processor's.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.conditions import conditions
from benchmarks.entries import add_pdb_dir, find_entry
from benchmarks.modes import repeated
from benchmarks.processes import Finished, run_all, start

ENTRY, REPEATS = "4fsx", (2, 1, 1)
N_SUBSTRUCTURE = 26
N_MODES = 56
CUTOFF = 5.0
NEAREST = 3.0
#: What the model must fit into.
MOST_GIB = 20.0


def icosahedral_rotations():
    """(60, 3, 3) rotations of an icosahedron, the identity first."""
    import numpy as np
    from scipy.spatial.transform import Rotation

    return np.array(sorted(
        Rotation.create_group("I").as_matrix().tolist(),
        key=lambda matrix: -np.trace(matrix),
    ))


def capsid(subunit, rotations):
    """(60 N, 3) copies of a subunit (N, 3), moved outwards until they only touch."""
    import numpy as np
    from scipy.spatial import cKDTree

    centred = subunit - subunit.mean(axis=0)
    # Away from every axis of the icosahedron.
    direction = np.array([0.23, 0.31, 0.92])
    direction /= np.linalg.norm(direction)
    tree = cKDTree(centred)

    def clash(radius: float) -> bool:
        placed = centred + radius * direction
        for rotation in rotations[1:]:
            other = placed @ rotation.T - radius * direction
            if np.isfinite(tree.query(other, distance_upper_bound=NEAREST)[0]).any():
                return True
        return False

    low, high = 0.0, 20.0 * np.abs(centred).max()
    while high - low > 0.1:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if clash(middle) else (low, middle)
    placed = centred + high * direction
    return (placed @ np.swapaxes(rotations, 1, 2)).reshape(-1, 3)


def measure(model: Path) -> dict:
    """Compute the modes here: sizes and times."""
    import numpy as np
    from hnmref.modes import compute_fsub_modes
    from threadpoolctl import threadpool_limits

    subunit, residues = repeated(model, REPEATS)
    rotations = icosahedral_rotations()
    coordinates = capsid(subunit, rotations)
    copies = np.repeat(np.arange(len(rotations)), len(subunit))
    blocks = copies * (residues.max() + 1) + np.tile(residues, len(rotations))
    with threadpool_limits(limits=1):
        began = time.process_time()
        modes = compute_fsub_modes(
            coordinates,
            n_modes=N_MODES,
            substructures=copies,
            n_substructure=N_SUBSTRUCTURE,
            cutoff=CUTOFF,
            blocks=blocks,
            progress=lambda text: print(text, file=sys.stderr, flush=True),
        )
        seconds = time.process_time() - began
    return {
        "n_atoms": len(coordinates),
        "n_residues": int(len(np.unique(blocks))),
        "seconds": seconds,
        "radius": float(np.linalg.norm(coordinates, axis=1).max()),
        "eigenvalues": modes.eigenvalues[6:12].tolist(),
    }


def main(args: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_pdb_dir(parser)
    parser.add_argument("--entry", default=ENTRY)
    parser.add_argument("--one", metavar="MODEL", help="measure here, print JSON")
    options = parser.parse_args(args)
    if options.one:
        print(json.dumps(measure(Path(options.one))))
        return
    model = find_entry(options.pdb_dir, options.entry).model.resolve()
    with tempfile.TemporaryDirectory() as directory:
        output = Path(directory) / "output.txt"
        command = [sys.executable, "-m", "benchmarks.capsid", "--one", str(model)]

        def done(_, finished: Finished) -> None:
            lines = output.read_text(encoding="utf-8").strip().splitlines()
            if finished.exit_code:
                raise SystemExit("\n".join(["it failed:", *lines[-5:]]))
            found = json.loads(lines[-1])
            print(
                f"{found['n_atoms']} atoms, {found['n_residues']} residues, radius "
                f"{found['radius']:.0f} A: {N_MODES} modes from {N_SUBSTRUCTURE} of "
                f"each of 60 copies in {found['seconds']:.0f} s of the processor, "
                f"{finished.peak_mb * 1e6 / 2**30:.1f} GiB (goal: under {MOST_GIB:g})"
            )
            values = ", ".join(f"{value:.3g}" for value in found["eigenvalues"])
            print(f"Lowest eigenvalues beyond the rigid body: {values}")

        run_all([model], lambda _: start(command, output, Path(directory)), done)
    print(f"\n{conditions()}")


if __name__ == "__main__":
    main()
