"""Standard errors of U_group against the scatter of refinements on repeated data.

    hnmref.demo --output DIR
    python -m regression.standard_errors DIR/model.pdb DIR/data.mtz

The model is refined for one macro-cycle. Its amplitudes are then the truth: noise as
large as what they left unexplained is added with several seeds, and both stages are
repeated from where they were. Printed is the scatter of U over its standard error.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hnmref  # noqa: F401  (cctbx's extensions load first)

import numpy as np

from hnmref.programs.refine import run
from hnmref.refine import arrays
from hnmref.refine.macro_cycle import Refinement
from hnmref.refine.uncertainty import standard_errors, u_group_covariances

SEED = 2679941


def repeated(
    refinement: Refinement, n_repeats: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """U_group and its covariances from amplitudes of the model and new noise.

    :param refinement: finished; its own Ω are not those it had, afterwards.
    """
    modes, fmodel = refinement.group_adp, refinement.fmodel
    exact = abs(fmodel.f_model())
    amplitudes = arrays.to_numpy(exact.data())
    observed = arrays.to_numpy(fmodel.f_obs().data())
    size = np.sqrt(np.mean((amplitudes - observed) ** 2))
    whole, parts = list(modes.omega_whole), list(modes.omega_parts)
    u_group = modes.displacements.u_group.copy()
    rng = np.random.default_rng(SEED)
    for _ in range(n_repeats):
        noisy = np.abs(amplitudes + size * rng.normal(size=len(amplitudes)))
        part = fmodel.deep_copy()
        part.update(f_obs=exact.customized_copy(data=arrays.to_double(noisy)))
        modes.omega_whole, modes.omega_parts = list(whole), list(parts)
        modes.displacements.u_group = u_group.copy()
        for _ in modes.steps(part, np.random.default_rng(SEED)):
            pass
        target = refinement.params.hnm.target
        found = modes.parts.u(modes.omega_parts)
        yield found, u_group_covariances(part, modes, target)


def main(args: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--repeats", type=int, default=8)
    options = parser.parse_args(args)
    with tempfile.TemporaryDirectory() as directory:
        refinement = run(
            [
                str(options.model),
                str(options.data),
                "strategy=adp",
                "start.b_iso=30",
                "hnm.prior_weight=0",
                "main.number_of_macro_cycles=1",
                f"output.prefix={directory}/run",
            ]
        )
    found, covariances = zip(*repeated(refinement, options.repeats))
    expected = np.mean(covariances, axis=0)
    assigned = expected.any(axis=(1, 2))
    scatter = np.std(found, axis=0, ddof=1)[assigned]
    errors = standard_errors(expected)[assigned]
    by_atom = np.corrcoef(np.log(scatter.mean(axis=1)), np.log(errors.mean(axis=1)))
    tenths = np.quantile(scatter / errors, [0.1, 0.5, 0.9])
    rms = np.sqrt(np.mean(scatter**2) / np.mean(errors**2))
    print(f"scatter over standard error: rms {rms:.2f}; 10 %, median, 90 %: {tenths}")
    print(f"correlation of their logarithms from atom to atom: {by_atom[0, 1]:.2f}")


if __name__ == "__main__":
    main()
