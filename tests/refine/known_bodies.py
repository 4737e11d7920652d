"""A bundled structure whose chain moves as three known TLS bodies, as a file."""

from __future__ import annotations

from pathlib import Path

import hnmref  # noqa: F401  (cctbx's extensions load first)

import iotbx.pdb
import numpy as np

from hnmref.adp.metrics import B_PER_U
from hnmref.adp.tls import u_from_tls
from tests.refine.small_run import BUNDLED

#: First residues of the bodies in a chain of residues 4 to 63.
STARTS = (4, 22, 45)
CRYSTAL = "CRYST1   60.000   60.000   60.000  90.00  90.00  90.00 P 1"


def body_tls(body: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """T (Å²), L (degree²), S of a body."""
    t = np.array([0.3, 0.4, 0.35, 0.02, 0.0, -0.03]) * (1 + 0.3 * body)
    libration = np.roll([6.0, 1.0, 2.5], body)
    return t, np.array([*libration, 0.4, -0.2, 0.2]), np.zeros(9)


def write_bodies(path: Path, *, anisou: bool = False, tail: str = "") -> str:
    """The file, with total B (and ANISOU) of each atom; some atoms mislead.

    :param tail: further lines of the file.
    """
    pdb = iotbx.pdb.input(str(BUNDLED / "1ubf_cutted.pdb"))
    hierarchy = pdb.construct_hierarchy()
    chosen = hierarchy.atom_selection_cache().selection("resseq 4:63")
    hierarchy = hierarchy.select(chosen)
    atoms = hierarchy.atoms_with_labels()
    for i, (atom, labels) in enumerate(zip(hierarchy.atoms(), atoms)):
        body = np.searchsorted(STARTS, labels.resseq_as_int(), side="right") - 1
        site = np.array([atom.xyz])
        u = u_from_tls(site, *body_tls(body), np.array([20.0, 10.0, 0.0]))[0]
        atom.b = B_PER_U * u[:3].mean()
        if anisou:
            atom.uij = tuple(u)
        if i % 50 == 7:
            # Of an atom that is not there B says nothing.
            atom.occ, atom.b = 0.0, 250.0
            atom.uij = (3.0, 3.0, 3.0, 0, 0, 0) if anisou else atom.uij
    text = hierarchy.as_pdb_string(anisou=anisou)
    path.write_text("\n".join([CRYSTAL, text.rstrip(), tail, "END\n"]))
    return str(path)
