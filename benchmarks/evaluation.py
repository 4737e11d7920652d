"""What one target-and-gradient evaluation of stage one costs.

    python -m benchmarks.evaluation
    python -m benchmarks.evaluation --memory

Compared with cctbx's own evaluation for the same atoms, the same displacements
and free U, alternating in one process with one BLAS thread. Times are of the
processor, so that other work on the machine counts little. The goal is at most
5% more for 4fsx. With --memory also the peak memory of a default hnmref.refine
run on 4fsx with one macro-cycle; the goal is less than 4 GiB.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.conditions import conditions
from benchmarks.entries import Entry, add_pdb_dir, find_entry
from benchmarks.processes import REFINE, Finished, run_all, start

MOST_MORE = 0.05
MEMORY_GIB = 4.0
MEMORY_ENTRY = "4fsx"


@dataclass(frozen=True)
class Costs:
    """Seconds of each call, in the order they were made, alternating."""

    n_atoms: int
    ours: list[float]
    cctbx: list[float]
    basis: list[float]

    def ratio(self) -> float:
        """Median over the pairs of our time by cctbx's."""
        return _median([a / b for a, b in zip(self.ours, self.cctbx)])


def measure(entry: Entry, n_modes: int, n_pairs: int) -> Costs:
    """Alternate both evaluations on one entry, after one of each to warm up."""
    import hnmref  # noqa: F401  (cctbx's extensions must load before scipy's)

    import numpy as np
    from hnmref.adp.symmetric import pack_symmetric, root, unpack_symmetric
    from threadpoolctl import threadpool_limits

    target, model, omegas, fmodel = _stage_one(entry, n_modes)
    functor = fmodel.target_functor()
    functor.prepare_for_minimization()
    u_star = fmodel.xray_structure.scatterers().extract_u_star()
    vectors = [pack_symmetric(omega @ omega.T) for omega in omegas]
    gradient = np.ones((model.n_atoms, 6))

    def u_group() -> np.ndarray:
        return model.u([root(unpack_symmetric(v)) for v in vectors])

    def ours() -> None:
        _, du = target(u_group())
        [pack_symmetric(by_pi) for by_pi in model.project(du)]

    def basis() -> None:
        u_group()
        [pack_symmetric(by_pi) for by_pi in model.project(gradient)]

    def cctbx() -> None:
        structure = fmodel.xray_structure
        structure.scatterers().set_u_star(u_star)
        fmodel.update_xray_structure(xray_structure=structure, update_f_calc=True)
        result = functor(compute_gradients=True)
        result.gradients_wrt_atomic_parameters(u_aniso=True)
        result.target_work()

    calls, times = (ours, cctbx, basis), ([], [], [])
    with threadpool_limits(limits=1):
        for _ in range(n_pairs + 1):
            for call, seconds in zip(calls, times):
                seconds.append(_processor_seconds(call))
    return Costs(model.n_atoms, *(seconds[1:] for seconds in times))


def _stage_one(entry: Entry, n_modes: int):
    """Target, model of U, Ω and f_model as stage one of the first cycle has them."""
    import iotbx.phil
    import numpy as np
    from hnmref import params as scopes
    from hnmref.refine.inputs import read_inputs
    from hnmref.refine.normal_modes import NormalModes
    from hnmref.refine.scaling import scaled_fmodel
    from hnmref.refine.stages import perturbed
    from hnmref.refine.target import XrayTarget

    params = iotbx.phil.parse(scopes.REFINE).extract()
    params.hnm.n_whole = n_modes
    inputs = read_inputs(str(entry.model), str(entry.data), [], params)
    structure = inputs.model.get_xray_structure()
    modes = NormalModes(inputs, params)
    fmodel = scaled_fmodel(structure, inputs.data, params)
    modes.begin(structure)
    rng = np.random.default_rng(0)
    omegas = [perturbed(omega, rng) for omega in modes.omega_whole]
    target = XrayTarget(fmodel)
    # Both evaluations see the same displacements, and so the same work.
    target(modes.whole.u(omegas))
    return target, modes.whole, omegas, fmodel


def _processor_seconds(call: Callable[[], None]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


def _median(values: list[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return 0.5 * (ordered[middle] + ordered[~middle])


def peak_memory(entry: Entry) -> Finished:
    """A default run with one macro-cycle, in a process of its own.

    :raises SystemExit: the run failed; its last words are shown.
    """
    with tempfile.TemporaryDirectory() as directory:
        output = Path(directory) / "output.txt"
        command = [
            *REFINE,
            str(entry.model.resolve()),
            str(entry.data.resolve()),
            "main.number_of_macro_cycles=1",
            "output.prefix=run",
        ]
        results = []
        run_all(
            [entry],
            lambda _: start(command, output, Path(directory)),
            lambda _, finished: results.append(finished),
        )
        if results[0].exit_code:
            tail = output.read_text(encoding="utf-8").strip().splitlines()[-5:]
            raise SystemExit("hnmref.refine failed:\n" + "\n".join(tail))
        return results[0]


def main(args: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_pdb_dir(parser)
    parser.add_argument("--entries", nargs="+", default=["4fsx", "4drw"])
    parser.add_argument("--modes", type=int, default=50, help="modes of the complex")
    parser.add_argument("--pairs", type=int, default=15, help="pairs of evaluations")
    parser.add_argument("--memory", action="store_true", help="also run a refinement")
    options = parser.parse_args(args)
    # First, while this process is small: see run_all.
    if options.memory:
        _report_memory(find_entry(options.pdb_dir, MEMORY_ENTRY))
    print(
        f"One evaluation, {options.modes} modes, 1 BLAS thread, processor time, "
        f"median of {options.pairs} pairs (goal for 4fsx: {MOST_MORE:.0%} more)\n"
    )
    print("| entry | atoms | hnmref | of it E and Ω | cctbx, free U | more |")
    print("|---|---|---|---|---|---|")
    for entry_id in options.entries:
        entry = find_entry(options.pdb_dir, entry_id)
        costs = measure(entry, options.modes, options.pairs)
        print(
            f"| {entry_id} | {costs.n_atoms} | {1e3 * _median(costs.ours):.0f} ms "
            f"| {1e3 * _median(costs.basis):.1f} ms "
            f"| {1e3 * _median(costs.cctbx):.0f} ms | {costs.ratio() - 1:+.1%} |",
            flush=True,
        )
    print(f"\n{conditions()}")


def _report_memory(entry: Entry) -> None:
    finished = peak_memory(entry)
    gib = finished.peak_mb * 1e6 / 2**30
    print(
        f"hnmref.refine {entry.id}, one macro-cycle, defaults: peak memory "
        f"{gib:.2f} GiB (goal: less than {MEMORY_GIB:g}), {finished.seconds:.0f} s\n",
        flush=True,
    )


if __name__ == "__main__":
    main()
