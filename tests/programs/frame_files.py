"""Files of frames and of principal components, as other programs write them."""

import struct

import numpy as np

from hnmref.modes import wavenumbers
from hnmref.modes.principal import principal_components

#: Atoms of ``components``.
N_ATOMS = 9


def atoms_of(text):
    return [line for line in text.splitlines() if line[:6] in ("ATOM  ", "HETATM")]


def file_sites(text):
    """(N, 3) coordinates in the order of the file."""
    return np.array(
        [
            [float(line[30 + 8 * i : 38 + 8 * i]) for i in range(3)]
            for line in atoms_of(text)
        ]
    )


def write_trajectory(chemfiles, path, coordinates):
    with chemfiles.Trajectory(str(path), "w") as trajectory:
        for sites in coordinates:
            frame = chemfiles.Frame()
            frame.resize(len(sites))
            frame.positions[:] = sites
            trajectory.write(frame)


def components(weighted):
    """Components of random frames."""
    rng = np.random.default_rng(21)
    frames = rng.normal(0, 4, (N_ATOMS, 3)) + rng.normal(0, 0.4, (30, N_ATOMS, 3))
    masses = rng.uniform(1, 32, N_ATOMS) if weighted else None
    return principal_components(frames, masses)


def is_weighted(known):
    return bool((known.masses != 1).any())


def orthonormal(known):
    """(k, N, 3) vectors in mass-weighted coordinates."""
    return (known.vectors * np.sqrt(known.masses)[:, None, None]).transpose(2, 0, 1)


def write_trr(path, frames, number="f"):
    """Frames of (step, time, lambda, positions), as GROMACS's XDR."""
    width = struct.calcsize(f">{number}")
    with open(path, "wb") as stream:
        for step, time, coupling, sites in frames:
            sizes = [0, 0, 9 * width, 0, 0, 0, 0, 3 * width * len(sites), 0, 0]
            stream.write(struct.pack(">iii12s", 1993, 13, 12, b"GMX_trn_file"))
            stream.write(struct.pack(">13i", *sizes, len(sites), step, 0))
            stream.write(struct.pack(f">2{number}", time, coupling))
            stream.write(np.zeros(9, f">f{width}").tobytes())
            stream.write(np.asarray(sites, f">f{width}").tobytes())


def write_gromacs(path, known, n, number="f"):
    """Fitted structure, mean and n vectors: nm and nm^2."""
    flag = float(is_weighted(known))
    frames = [(-1, -1.0, flag, known.mean / 10 + 1), (0, 0.0, flag, known.mean / 10)]
    for i, vector in enumerate(orthonormal(known)[:n]):
        frames.append((i + 1, known.variances[i] / 100, 0.0, vector))
    write_trr(path, frames, number)


def amber_text(known, n, header=None):
    """What cpptraj writes: seven columns of eleven characters."""
    weighted = is_weighted(known)
    kind = "MWCOVAR" if weighted else "COVAR"
    header = header or f" Eigenvector file: {kind} nmodes {n} width 11"
    lines = [header, f"{3 * N_ATOMS:5d}{3 * N_ATOMS:5d}", *columns(known.mean)]
    vectors = known.vectors.transpose(2, 0, 1)
    for i in range(n):
        value = known.variances[i]
        if weighted:
            # The stiffness kT/v, as a frequency, with kT = 0.6 kcal/mol.
            value = wavenumbers(0.6 / value, 1.0)
        lines += [" ****", f"{i + 1:5d} {value:12.6f}", *columns(vectors[i])]
    return "\n".join([*lines, " ****", ""])


def columns(values):
    texts = [f"{value:11.5f}" for value in np.ravel(values)]
    return ["".join(texts[i : i + 7]) for i in range(0, len(texts), 7)]
