"""Normal modes of a set of atoms, and their file."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace

import numpy as np

from hnmref.errors import ModesError
from hnmref.files import written_whole

#: Written into every file; a reader refuses others.
FILE_FORMAT = "hnmref-modes-1"

#: Fields that are no arrays.
_AS_JSON = ("provenance", "notes")


@dataclass
class ModeSet:
    """Normal modes, zero modes first.

    eigenvalues : (n,) array, ascending; stiffness per mass, in the units of
        the spring law (and per unit mass). Zero modes have exactly 0.
    vectors : (N, 3, n) array, Cartesian displacements. Orthonormal in the
        3N-space where masses are 1; else ``sum_j m_j V_j^T V_j = 1``, since
        ``V = M^-1/2`` times the orthonormal mass-weighted vectors.
    n_zero : zero modes among the n. Those of a rigid body come first: six, or
        five for a line of atoms, three for a single one; in a crystal, the
        translations that its symmetry allows.
    coordinates : (N, 3) array, Å.
    masses : (N,) array.
    atom_labels : one text an atom, or None.
    provenance : cut-off, spring law, blocks, versions.
    notes : every repair that was made, a sentence each.
    """

    eigenvalues: np.ndarray
    vectors: np.ndarray
    n_zero: int
    coordinates: np.ndarray
    masses: np.ndarray
    atom_labels: Sequence[str] | None = None
    provenance: dict = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def n_modes(self) -> int:
        return len(self.eigenvalues)

    @property
    def n_atoms(self) -> int:
        return len(self.coordinates)

    def truncate(self, n_modes: int) -> ModeSet:
        """The lowest n_modes modes, whatever degeneracy that cuts."""
        if not 1 <= n_modes <= self.n_modes:
            raise ModesError(
                f"cannot keep {n_modes} of {self.n_modes} modes: ask for 1 to "
                f"{self.n_modes}"
            )
        return replace(
            self,
            eigenvalues=self.eigenvalues[:n_modes],
            vectors=self.vectors[:, :, :n_modes],
            n_zero=min(self.n_zero, n_modes),
        )

    def select(self, atoms: np.ndarray) -> ModeSet:
        """The same modes seen on some atoms (indices or a mask).

        Their vectors are no longer orthonormal.
        """
        atoms = np.arange(self.n_atoms)[atoms]
        labels = self.atom_labels
        return replace(
            self,
            vectors=self.vectors[atoms],
            coordinates=self.coordinates[atoms],
            masses=self.masses[atoms],
            atom_labels=None if labels is None else [labels[j] for j in atoms],
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a .npz file, whole or not at all; an existing one is replaced."""
        write_arrays(path, FILE_FORMAT, self)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ModeSet:
        """Read a file that ``save`` wrote.

        Raises
        ------
        ModesError : the file is missing, or is no modes file of this version.
        """
        return cls(**read_arrays(path, FILE_FORMAT))


def write_arrays(path: str | os.PathLike[str], file_format: str, modes) -> None:
    """Write a dataclass of modes as a .npz file, whole or not at all.

    Arrays as they are, numbers as arrays, labels as texts, provenance and notes
    as JSON.
    """
    content = {item.name: getattr(modes, item.name) for item in fields(modes)}
    labels = () if modes.atom_labels is None else modes.atom_labels
    content["atom_labels"] = np.array(labels, dtype=np.str_)
    for name in _AS_JSON:
        content[name] = np.array(json.dumps(content[name]))
    with written_whole(path) as partial, open(partial, "wb") as stream:
        np.savez(stream, format=np.array(file_format), **content)


def read_arrays(path: str | os.PathLike[str], file_format: str) -> dict:
    """The fields of a dataclass that ``write_arrays`` wrote.

    Raises
    ------
    ModesError : the file is missing, or has another format.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            content = {name: stored[name] for name in stored.files}
    except FileNotFoundError:
        raise ModesError(f"there is no modes file {path}") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, TypeError) as error:
        raise ModesError(
            f"{path} cannot be read as a modes file ({error}): write it anew with "
            f"hnmref.modes"
        ) from None
    if str(content.pop("format", None)) != file_format:
        raise ModesError(
            f"{path} is not a {file_format} file: write it with hnmref.modes"
        )
    content["atom_labels"] = [str(label) for label in content["atom_labels"]] or None
    content["n_zero"] = int(content["n_zero"])
    for name in _AS_JSON:
        content[name] = json.loads(str(content[name]))
    return content


def with_fixed_signs(vectors: np.ndarray) -> np.ndarray:
    """(N, 3, n) or (N, n) vectors, each one's largest component positive."""
    if not vectors.size:
        return vectors
    flat = vectors.reshape(-1, vectors.shape[-1])
    size = np.abs(flat)
    # Symmetric structures have several largest components, equal to rounding:
    # the first of them decides.
    first = np.argmax(size >= (1 - 1e-6) * size.max(axis=0), axis=0)
    return vectors * np.where(flat[first, np.arange(flat.shape[1])] < 0, -1.0, 1.0)
