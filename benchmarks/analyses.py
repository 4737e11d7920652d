"""Time and peak memory of analyses of modes, side by side with ProDy.

    make peers
    python -m benchmarks.analyses
    python -m benchmarks.analyses --most-atoms 2000 --prody none

Cross-correlation (all N × N of it), overlap of two sets of modes, and collectivity,
from the same 50 modes beyond the six zero ones (all atoms, a rigid block a residue;
the second set of another cut-off). ProDy runs in the environment that `make peers`
makes. Each size is a process of its own for each program, on one BLAS thread; the
memory is that of the whole process. For hnmref the correlation is also taken by
blocks of rows, which is all that a picture or a file needs. Times are the
processor's, the best of three.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from pathlib import Path

from benchmarks.conditions import conditions
from benchmarks.entries import CHECKOUT, add_pdb_dir, find_entry
from benchmarks.processes import last_json

N_MODES = 56
CUTOFFS = (5.0, 6.0)

#: Entries, and how often each is repeated along its cell axes: about 2,000, 7,000 and
#: 17,000 atoms.
ENTRIES = (("3kyi", (1, 1, 1)), ("3oe9", (1, 1, 1)), ("1il5", (2, 2, 1)))

#: Turns of each, of which the quickest counts.
N_TURNS = 3

TASKS = ("correlation", "rows", "overlap", "collectivity")

#: What ProDy's interpreter runs: modes of a file, figures as JSON. It takes the
#: eigenvalues and vectors as they are, and nothing else is timed.
_PRODY = """
import json, sys, time
import numpy as np, prody
prody.confProDy(verbosity="none")
stored, task = np.load(sys.argv[1]), sys.argv[2]
def nma(n):
    model = prody.NMA("modes")
    vectors = stored[f"vectors_{n}"]
    model.setEigens(vectors.reshape(-1, vectors.shape[2]), stored[f"values_{n}"])
    return model
first, second = nma(0), nma(1)
times = []
for turn in range(int(sys.argv[3])):
    began = time.process_time()
    if task == "correlation":
        result = prody.calcCrossCorr(first)
        check = float(result[0, -1])
        del result
    elif task == "overlap":
        check = float(abs(prody.calcOverlap(first, second)).sum())
    else:
        check = float(prody.calcCollectivity(first).sum())
    times.append(time.process_time() - began)
print(json.dumps({"seconds": min(times), "check": check}))
"""


def measure(modes_file: str, task: str) -> dict:
    """Do one task here, a few times: least seconds, and a figure to compare."""
    import time

    import hnmref  # noqa: F401  (cctbx's extensions must load before scipy's)

    import numpy as np
    from hnmref.modes import collectivity
    from hnmref.modes.correlation import correlation_rows, cross_correlation
    from hnmref.modes.fluctuations import Motion
    from hnmref.modes.overlap import overlaps
    from threadpoolctl import threadpool_limits

    with np.load(modes_file) as stored:
        first, second = (
            Motion(stored[f"vectors_{n}"], 1 / stored[f"values_{n}"], stored["sites"])
            for n in (0, 1)
        )
    def once() -> float:
        if task == "correlation":
            return cross_correlation(first)[0, -1]
        if task == "rows":
            return [block[0, -1] for _, block in correlation_rows(first)][0]
        if task == "overlap":
            return abs(overlaps(first.vectors, second.vectors)).sum()
        return collectivity(first).sum()

    times = []
    with threadpool_limits(limits=1):
        for _ in range(N_TURNS):
            began = time.process_time()
            check = once()
            times.append(time.process_time() - began)
    return {"seconds": min(times), "check": float(check)}


def prepare(model: Path, repeats: tuple[int, int, int], modes_file: Path) -> None:
    """Compute both sets of modes and leave them in a file."""
    import hnmref  # noqa: F401

    import numpy as np
    from hnmref.modes import compute_modes

    from benchmarks.modes import repeated

    sites, residues = repeated(model, repeats)
    content = {"sites": sites}
    for n, cutoff in enumerate(CUTOFFS):
        modes = compute_modes(sites, n_modes=N_MODES, cutoff=cutoff, blocks=residues)
        content[f"values_{n}"] = modes.eigenvalues[modes.n_zero :]
        content[f"vectors_{n}"] = modes.vectors[:, :, modes.n_zero :]
    np.savez(modes_file, **content)


def report(pdb_dir: Path, most_atoms: int, prody: str) -> None:
    """Print the table, a size after the other."""
    print(f"{N_MODES} modes, the zero ones not analysed; one BLAS thread\n")
    print("| atoms | analysis | hnmref s | MB | ProDy s | MB | largest difference |")
    print("|---" * 7 + "|")
    with tempfile.TemporaryDirectory() as directory:
        for entry_id, repeats in ENTRIES:
            entry = find_entry(pdb_dir, entry_id)
            if entry.n_atoms() * math.prod(repeats) <= most_atoms:
                model = entry.model.resolve()
                _report_entry(model, repeats, Path(directory), prody)
    print(f"\n{conditions()}")


def _report_entry(
    model: Path, repeats: tuple[int, int, int], directory: Path, prody: str
) -> None:
    modes_file = directory / "modes.npz"
    own = [sys.executable, "-m", "benchmarks.analyses"]
    times = [str(n) for n in repeats]
    last_json([*own, "--prepare", str(model), str(modes_file), *times], directory)
    n_atoms = last_json([*own, "--count", str(modes_file)], directory)[0]["n_atoms"]
    for task in TASKS:
        ours, our_mb = last_json([*own, "--one", str(modes_file), task], directory)
        theirs, their_mb = None, 0.0
        if prody != "none" and task != "rows":
            theirs, their_mb = last_json(
                [prody, "-c", _PRODY, str(modes_file), task, str(N_TURNS)], directory
            )
        print(_line(n_atoms, task, ours, our_mb, theirs, their_mb), flush=True)


def _line(n_atoms, task, ours, our_mb, theirs, their_mb) -> str:
    cells = [str(n_atoms), "correlation by rows" if task == "rows" else task]
    for figures, mb in ((ours, our_mb), (theirs, their_mb)):
        cells += [f"{figures['seconds']:.3f}", f"{mb:.0f}"] if figures else ["", ""]
    same = abs(ours["check"] - theirs["check"]) if ours and theirs else None
    cells.append("" if same is None else f"{same:.1e}")
    return f"| {' | '.join(cells)} |"


def main(args: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_pdb_dir(parser)
    parser.add_argument("--most-atoms", type=int, default=20_000)
    parser.add_argument(
        "--prody",
        default=str(CHECKOUT / ".venv-peers" / "bin" / "python"),
        help="Python that has ProDy, or none (default: that of `make peers`)",
    )
    hidden = dict(help=argparse.SUPPRESS)
    parser.add_argument("--prepare", nargs=5, **hidden)
    parser.add_argument("--count", **hidden)
    parser.add_argument("--one", nargs=2, **hidden)
    options = parser.parse_args(args)
    if options.prepare:
        model, modes_file, *repeats = options.prepare
        prepare(Path(model), tuple(int(n) for n in repeats), Path(modes_file))
    elif options.count:
        import numpy as np

        with np.load(options.count) as stored:
            print(json.dumps({"n_atoms": len(stored["sites"])}))
    elif options.one:
        print(json.dumps(measure(*options.one)))
    else:
        if options.prody != "none" and not Path(options.prody).is_file():
            parser.error(
                f"there is no {options.prody}: run `make peers`, or give --prody none"
            )
        report(options.pdb_dir, options.most_atoms, options.prody)


if __name__ == "__main__":
    main()
