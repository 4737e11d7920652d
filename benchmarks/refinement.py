"""How fast the stages converge, beside plain L-BFGS and mmtbx's TLS.

    python -m benchmarks.refinement
    python -m benchmarks.refinement --entries 1il5 --parts convergence

From a flat B, sites fixed, first macro-cycle. U_group of an entry is refined in three
ways, each in a process of its own with one BLAS thread (benchmarks/convergence.py):

* hnmref's stages (over the covariance, with a model of the curvature);
* scipy's L-BFGS over its triangular factor, from the same start, perturbed as it must
  be, to its end, for 150 processor seconds a stage, or until it tries a U beyond 1000
  A**2; its stage two is held to the same result of stage one;
* mmtbx's TLS refinement with three segments a chain, as hnmref.refine runs it.

Told are evaluations of the target and processor seconds until it is within 1e-4 of the
lowest value that was found for it (for TLS: its own lowest), R_free at the end, the
seconds of the default stages, and the share of them outside the target. Then how the
stages' time and memory grow with atoms, modes and reflections.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from benchmarks.conditions import conditions
from benchmarks.convergence import METHODS
from benchmarks.entries import Entry, add_pdb_dir, find_entry
from benchmarks.processes import Finished, run_all, start

ENTRIES = ("1il5", "4ctd", "2r4r", "4fsx")
#: Four copies of this one in P1 have 19,700 atoms.
EXPANDED = "2r4r"
SHARE_ENTRY, SHARE_MODES, MOST_OUTSIDE = "4fsx", 50, 0.05
GROWTH_ENTRY = "4ctd"
GROWTH_MODES = (10, 20, 30, 50)
GROWTH_D_MIN = (3.5, 3.0)
NEAR = 1e-4
PARTS = ("convergence", "share", "growth")


def measure(entry: Entry, method: str, *options: str) -> dict:
    """One method on one entry, in a process of its own.

    :raises SystemExit: it failed; its last words are shown.
    """
    with tempfile.TemporaryDirectory() as directory:
        output = Path(directory) / "output.txt"
        files = [str(path.resolve()) for path in (entry.model, entry.data)]
        command = [sys.executable, "-m", "benchmarks.convergence", method, *files]
        ended: list[Finished] = []
        run_all(
            [entry],
            lambda _: start([*command, *options], output, Path(directory)),
            lambda _, finished: ended.append(finished),
        )
        lines = output.read_text(encoding="utf-8").strip().splitlines()
    if ended[0].exit_code:
        raise SystemExit(f"{entry.id} {method} failed:\n" + "\n".join(lines[-5:]))
    return {**json.loads(lines[-1]), "peak_mb": ended[0].peak_mb}


def reached(trace: dict, least: float) -> tuple[int, float] | None:
    """Evaluations and seconds until a target is near its least; None: never."""
    for number, (value, seconds) in enumerate(zip(trace["values"], trace["at"]), 1):
        if value <= least * (1 + NEAR):
            return number, seconds
    return None


def convergence(entry: Entry) -> None:
    """Rows of the first table: a stage each, then TLS."""
    records = {method: measure(entry, method) for method in METHODS}
    ours, plain, tls = (records[method] for method in METHODS)
    name = f"{entry.id} | {ours['n_atoms']}"
    for number, stage in enumerate(("stage_one", "stage_two")):
        least = min(ours["least"][number], plain["least"][number])
        print(
            f"| {name} | {stage} | {_told(reached(ours[stage], least))} "
            f"| {_told(reached(plain[stage], least))} of {len(plain[stage]['values'])} "
            f"| {ours['least'][number] / least - 1:.1e} "
            f"| {plain['least'][number] / least - 1:.1e} | |",
            flush=True,
        )
    end = tls["tls"]
    print(
        f"| {name} | tls, 3 segments a chain | | | | "
        f"| {_told(reached(end, min(end['values'])))} of {len(end['values'])} |"
    )
    seconds = [ours[stage]["seconds"] for stage in ("stage_one", "stage_two")]
    print(
        f"| {name} | R_free (%), seconds | {100 * ours['r_free']:.2f}, "
        f"**{sum(seconds):.0f} s** | {100 * plain['r_free']:.2f} | | "
        f"| {100 * tls['r_free']:.2f}, **{end['seconds']:.0f} s** |",
        flush=True,
    )


def share(entry: Entry, n_modes: int) -> None:
    """A row of the second table: time outside the target."""
    record = measure(entry, "stages", "--modes", str(n_modes))
    for stage in ("stage_one", "stage_two"):
        trace = record[stage]
        outside = 1 - trace["inside"] / trace["seconds"]
        print(
            f"| {entry.id} | {record['n_atoms']} | {n_modes} | {stage} "
            f"| {len(trace['values'])} | {trace['seconds']:.0f} s | {outside:.1%} |",
            flush=True,
        )


def growth(entry: Entry, n_modes: int, d_min: float | None) -> None:
    """A row of the third table."""
    options = ["--modes", str(n_modes)]
    if d_min is not None:
        options += ["--d-min", str(d_min)]
    record = measure(entry, "stages", *options)
    traces = [record["stage_one"], record["stage_two"]]
    evaluations = sum(len(trace["values"]) for trace in traces)
    inside = sum(trace["inside"] for trace in traces)
    print(
        f"| {entry.id} | {record['n_atoms']} | {record['n_reflections']} | {n_modes} "
        f"| {evaluations} | {sum(trace['seconds'] for trace in traces):.0f} s "
        f"| {1e3 * inside / evaluations:.0f} ms | {record['peak_mb']:.0f} MB |",
        flush=True,
    )


def _told(found: tuple[int, float] | None) -> str:
    return "never" if found is None else f"{found[0]} ({found[1]:.1f} s)"


def main(args: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_pdb_dir(parser)
    parser.add_argument("--entries", nargs="*", default=ENTRIES)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    options = parser.parse_args(args)
    entries = [find_entry(options.pdb_dir, name) for name in options.entries]
    with tempfile.TemporaryDirectory() as directory:
        larger = _expanded_entry(find_entry(options.pdb_dir, EXPANDED), directory)
        if "convergence" in options.parts:
            print(f"Evaluations (seconds) to within {NEAR:g} of the least target\n")
            print("| entry | atoms | stage | hnmref | L-BFGS on the factor ", end="")
            print("| hnmref's end, above the least | L-BFGS's | TLS |")
            print("|---|---|---|---|---|---|---|---|")
            for entry in [*entries, larger]:
                convergence(entry)
        if "share" in options.parts:
            print(f"\nShare outside the target (goal: at most {MOST_OUTSIDE:.0%})\n")
            print("| entry | atoms | modes | stage | evaluations | time | outside |")
            print("|---|---|---|---|---|---|---|")
            for n_modes in (20, SHARE_MODES):
                share(find_entry(options.pdb_dir, SHARE_ENTRY), n_modes)
        if "growth" in options.parts:
            print("\nGrowth of both stages together\n")
            print("| entry | atoms | reflections | modes | evaluations | time ", end="")
            print("| an evaluation | peak memory |\n|---|---|---|---|---|---|---|---|")
            for entry in [*entries, larger]:
                growth(entry, 20, None)
            same = find_entry(options.pdb_dir, GROWTH_ENTRY)
            for n_modes in GROWTH_MODES:
                growth(same, n_modes, None)
            for d_min in GROWTH_D_MIN:
                growth(same, 20, d_min)
    print(f"\n{conditions()}")


def _expanded_entry(entry: Entry, directory: str) -> Entry:
    """Made in a process of its own, so that this one stays small (see run_all)."""
    output = Path(directory) / "expansion.txt"
    files = [str(path.resolve()) for path in (entry.model, entry.data)]
    command = [sys.executable, "-m", "benchmarks.symmetry", *files, directory]
    ended: list[Finished] = []
    run_all(
        [entry],
        lambda _: start(command, output, Path(directory)),
        lambda _, finished: ended.append(finished),
    )
    if ended[0].exit_code:
        raise SystemExit(output.read_text(encoding="utf-8"))
    paths = [Path(directory) / f"expanded.{ending}" for ending in ("cif", "mtz")]
    return Entry(f"{entry.id} in P1", *paths)


if __name__ == "__main__":
    main()
