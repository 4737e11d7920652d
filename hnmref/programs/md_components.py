"""Principal components that GROMACS and AMBER have computed."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import numpy as np

from hnmref.errors import InputError
from hnmref.modes.principal import PrincipalComponents
from hnmref.modes.units import wavenumbers

#: Å in nm.
_NM = 10.0

#: What a frame of a .trr file begins with: a number, and the name of the format
#: as XDR writes a text, after its length with and without the end.
_TRR_START = struct.pack(">iii", 1993, 13, 12) + b"GMX_trn_file"
#: Ten sizes in bytes, and the numbers of atoms, of the step and of energies.
_TRR_HEAD = struct.Struct(">13i")

#: First line of AMBER's text: the kind of matrix, and how wide a column is.
_AMBER_START = re.compile(
    r"\s*Eigenvector file:\s+(?P<kind>COVAR|MWCOVAR)\b(.*\bwidth\s+(?P<width>\d+))?"
)

#: How far mass-weighted vectors may be from orthonormal.
_TOLERANCE = 1e-3

#: kT in kcal/mol by which cpptraj turns variances into wavenumbers, at 300 K.
_AMBER_KT = 0.6


def read_gromacs_components(
    path: str, masses: np.ndarray | None = None, eigenvalues_file: str | None = None
) -> PrincipalComponents:
    """What ``gmx covar`` writes: eigenvec.trr, and eigenval.xvg if given.

    The .trr holds the fitted structure (frame -1), the mean (frame 0) and the
    vectors, each with its eigenvalue in the place of the time.

    Parameters
    ----------
    masses : (N,) daltons, of a mass-weighted analysis (``-mwa``).
    eigenvalues_file : all eigenvalues, for the share of the total variance.

    Raises
    ------
    InputError : a file is missing or not what it should be; masses are missing or
        do not fit.
    """
    steps, values, positions, weighted = _trr_frames(path)
    vectors = np.flatnonzero(steps > 0)
    mean = np.flatnonzero(steps == 0)
    if len(mean) != 1 or not len(vectors):
        raise InputError(
            f"{path} has no mean structure followed by eigenvectors: give eigenvec.trr "
            f"of gmx covar"
        )
    variances = values[vectors] * _NM**2
    total = float(variances.sum())
    notes = []
    if eigenvalues_file is not None:
        everything = _xvg_column(eigenvalues_file) * _NM**2
        total = float(everything.sum())
        wanted = steps[vectors] - 1
        if wanted.max() >= len(everything):
            raise InputError(
                f"{eigenvalues_file} has {len(everything)} eigenvalues and {path} "
                f"eigenvector {wanted.max() + 1}: give the files of one run"
            )
        variances = everything[wanted]
    elif (values[vectors] == steps[vectors]).all():
        raise InputError(
            f"{path} has the vectors' numbers in the place of their eigenvalues: give "
            f"eigenval.xvg, too (eigenvalues_file)"
        )
    else:
        notes.append(f"the total variance is that of the {len(vectors)} vectors read")
    return _components(
        path,
        variances,
        positions[vectors].transpose(1, 2, 0),
        positions[mean[0]] * _NM,
        masses,
        bool(weighted[mean[0]]),
        total,
        notes,
    )


def read_amber_components(
    path: str, masses: np.ndarray | None = None
) -> PrincipalComponents:
    """What ``diagmatrix`` of cpptraj (or ptraj) writes for covariance matrices.

    Of a mass-weighted one (MWCOVAR) the file has wavenumbers in the place of
    variances, by kT = 0.6 kcal/mol, and vectors that are divided by the roots of
    the masses.

    Parameters
    ----------
    masses : (N,) daltons, for MWCOVAR.

    Raises
    ------
    InputError : the file is missing, of another kind or cut short; masses are
        missing or do not fit.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"the eigenvectors in {path} cannot be read: {error}"
        ) from None
    head = _AMBER_START.match(lines[0] if lines else "")
    if not head:
        raise InputError(
            f"{path} does not begin with 'Eigenvector file: COVAR' or MWCOVAR: give "
            f"what diagmatrix wrote for a covariance matrix"
        )
    weighted = head["kind"] == "MWCOVAR"
    mean, values, vectors = _evecs(path, lines[1:], int(head["width"] or 11))
    if weighted:
        # wavenumber^2 = 108.59^2 kT/v; not positive where there is no variance.
        found = values > 0
        stiffness = (np.where(found, values, 1.0) / wavenumbers(1.0, 1.0)) ** 2
        values = np.where(found, _AMBER_KT / stiffness, 0.0)
    n_atoms = len(mean) // 3
    vectors = vectors.T.reshape(n_atoms, 3, -1)
    if weighted:
        vectors = vectors * np.sqrt(_required(path, masses, n_atoms))[:, None, None]
    return _components(
        path,
        values,
        vectors,
        mean.reshape(-1, 3),
        masses,
        weighted,
        float(values.sum()),
        [f"the total variance is that of the {len(values)} vectors read"],
    )


def _components(
    path: str,
    variances: np.ndarray,
    vectors: np.ndarray,
    mean: np.ndarray,
    masses: np.ndarray | None,
    weighted: bool,
    total: float,
    notes: list[str],
) -> PrincipalComponents:
    """Checked, sorted, without those that have no variance.

    vectors : (N, 3, k), orthonormal in mass-weighted coordinates.
    """
    n_atoms = len(mean)
    masses = _required(path, masses, n_atoms) if weighted else np.ones(n_atoms)
    order = np.argsort(-variances, kind="stable")
    order = order[variances[order] > 0]
    if not len(order):
        raise InputError(f"{path} has no eigenvector with a variance above 0")
    flat = vectors.reshape(-1, vectors.shape[2])[:, order]
    length = np.linalg.norm(flat, axis=0)
    if abs(length - 1).max() > _TOLERANCE:
        raise InputError(
            f"the eigenvectors of {path} are not of the length 1 (the first is of "
            f"{length[0]:.3f}): give its whole output, and the masses it was made with"
        )
    unit = (flat / length).reshape(n_atoms, 3, -1)
    return PrincipalComponents(
        variances=variances[order],
        vectors=unit / np.sqrt(masses)[:, None, None],
        mean=mean,
        masses=masses,
        total_variance=total,
        notes=notes,
    )


def _required(path: str, masses: np.ndarray | None, n_atoms: int) -> np.ndarray:
    """Masses that a mass-weighted analysis needs."""
    if masses is None or np.shape(masses) != (n_atoms,):
        given = "none" if masses is None else f"{np.size(masses)}"
        raise InputError(
            f"{path} is of a mass-weighted analysis of {n_atoms} atoms and needs their "
            f"masses, of which there are {given}: give the model of these atoms and "
            f"masses=element"
        )
    return np.asarray(masses, dtype=float)


def _trr_frames(path: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Of each frame: step (F,), time (F,), positions (F, N, 3) and if lambda is 1.

    Readers of trajectories refuse the step -1 of these files.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise InputError(
            f"the eigenvectors in {path} cannot be read: {error}"
        ) from None
    frames, start = [], 0
    try:
        while start < len(content):
            frame, start = _trr_frame(content, start)
            frames.append(frame)
        steps, times, flags, positions = zip(*frames)
        return np.array(steps), np.array(times), np.array(positions), np.array(flags)
    except (struct.error, ValueError) as error:
        raise InputError(
            f"{path} cannot be read as a GROMACS .trr file ({error}): give the whole "
            f"eigenvec.trr of gmx covar"
        ) from None


def _trr_frame(content: bytes, start: int) -> tuple[tuple, int]:
    """Step, time, lambda > 1/2 and positions of one frame, and where it ends."""
    if not content.startswith(_TRR_START, start):
        raise ValueError(f"no frame begins at byte {start}")
    start += len(_TRR_START)
    *sizes, n_atoms, step, _ = _TRR_HEAD.unpack_from(content, start)
    start += _TRR_HEAD.size
    size_of_positions = sizes[7]
    # Programs in double precision write twice the bytes.
    width = size_of_positions // (3 * n_atoms) if n_atoms else 0
    if width not in (4, 8) or size_of_positions != 3 * n_atoms * width:
        raise ValueError(f"a frame of {n_atoms} atoms without positions")
    number = np.dtype(f">f{width}")
    time, coupling = np.frombuffer(content, number, 2, start)
    # Box, virial and pressure come before the positions.
    start += 2 * width + sum(sizes[:7])
    positions = np.frombuffer(content, number, 3 * n_atoms, start)
    end = start + sum(sizes[7:])
    frame = step, float(time), coupling > 0.5, positions.reshape(-1, 3).astype(float)
    return frame, end


def _xvg_column(path: str) -> np.ndarray:
    """Second column of an .xvg file."""
    try:
        table = np.loadtxt(path, comments=["#", "@", "&"], ndmin=2)
    except (OSError, ValueError) as error:
        raise InputError(f"the eigenvalues in {path} cannot be read: {error}") from None
    if table.shape[1] < 2:
        raise InputError(f"{path} has no second column: give eigenval.xvg of gmx covar")
    return table[:, 1]


def _evecs(
    path: str, lines: list[str], width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean coordinates (3N,), eigenvalues (k,) and vectors (k, 3N) of the text.

    A line of two counts, the mean, and then, each after a line of stars, number
    and eigenvalue of a vector and the vector itself; columns of one width.
    """
    parts: list[list[str]] = [[]]
    for line in lines[1:]:
        if line.strip().startswith("****"):
            parts.append([])
        else:
            parts[-1].append(line)
    # The last line may be one of stars, too.
    parts = [parts[0], *(part for part in parts[1:] if part)]
    try:
        n_mean, n_vector = (int(word) for word in lines[0].split()[:2])
        mean = _columns(parts[0], width)
        heads = [float(part[0].split()[1]) for part in parts[1:]]
        vectors = [_columns(part[1:], width) for part in parts[1:]]
    except (IndexError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read as eigenvectors of cpptraj ({error}): write it anew"
        ) from None
    whole = all(len(vector) == n_vector for vector in vectors)
    if len(mean) != n_mean or n_vector != n_mean or n_mean % 3 or not whole:
        raise InputError(
            f"{path} is cut short, or not of atoms' coordinates: it announces {n_mean} "
            f"numbers for the mean and {n_vector} for each vector"
        )
    if not vectors:
        raise InputError(f"{path} has no eigenvectors: let diagmatrix write some")
    return mean, np.array(heads), np.array(vectors)


def _columns(lines: list[str], width: int) -> np.ndarray:
    """Numbers in columns of one width, which may touch each other."""
    return np.array(
        [
            float(line[i : i + width])
            for line in lines
            for i in range(0, len(line.rstrip()), width)
        ]
    )
