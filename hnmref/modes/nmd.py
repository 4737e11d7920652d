"""NMD files: modes for VMD's NMWiz and for ProDy."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hnmref.files import written_whole
from hnmref.modes.mode_set import ModeSet


@dataclass
class AtomNames:
    """What an NMD file says of its atoms, each (N,)."""

    atoms: np.ndarray
    residues: np.ndarray
    residue_numbers: np.ndarray
    chains: np.ndarray
    b_factors: np.ndarray


def write_nmd(
    path: str | os.PathLike[str], modes: ModeSet, names: AtomNames, title: str
) -> None:
    """Write the modes beyond the zero ones; an existing file is replaced.

    Each has its unit vector and, as its scale, its amplitude at unit
    temperature: 1/sqrt(eigenvalue) times the length it was divided by. Words
    of the format are separated by blanks, so empty ones are written as ``.``.
    """
    with written_whole(path) as partial:
        with open(partial, "w", encoding="utf-8", newline="\n") as stream:
            stream.writelines(line + "\n" for line in _lines(modes, names, title))


def _lines(modes: ModeSet, names: AtomNames, title: str) -> Iterator[str]:
    yield "name " + _word(title)
    yield "atomnames " + " ".join(_word(name) for name in names.atoms)
    yield "resnames " + " ".join(_word(name) for name in names.residues)
    yield "resids " + " ".join(str(int(number)) for number in names.residue_numbers)
    yield "chainids " + " ".join(_word(name) for name in names.chains)
    yield "bfactors " + _numbers(names.b_factors, 2)
    yield "coordinates " + _numbers(modes.coordinates.ravel(), 3)
    for mode in range(modes.n_zero, modes.n_modes):
        vector = modes.vectors[:, :, mode].ravel()
        length = np.linalg.norm(vector)
        scale = length / np.sqrt(modes.eigenvalues[mode])
        shown = _numbers(vector / length, 5)
        yield f"mode {mode - modes.n_zero + 1} {scale:.6g} {shown}"


def _word(text: str) -> str:
    return "_".join(str(text).split()) or "."


def _numbers(values: np.ndarray, digits: int) -> str:
    return " ".join(f"{value:.{digits}f}" for value in values)
