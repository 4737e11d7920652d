"""Tables and matrices as CSV and npz, the large ones by blocks of rows."""

from __future__ import annotations

import contextlib
import csv
import os
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from hnmref.files import written_whole

#: Rows of a matrix that is written as text as well.
MAX_CSV_ROWS = 1000

#: Numbers of a matrix in an npz file.
_NUMBERS = np.dtype("<f4")


def write_csv(
    path: str | os.PathLike, columns: Mapping[str, Sequence | np.ndarray]
) -> Path:
    """Write columns of equal lengths under their titles; numbers have six digits."""
    texts = [[_text(value) for value in values] for values in columns.values()]
    with written_whole(path) as partial:
        with open(partial, "w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(zip(*texts))
    return Path(path)


def write_npz(path: str | os.PathLike, arrays: Mapping[str, np.ndarray]) -> Path:
    """Write named arrays, whole or not at all."""
    with written_whole(path) as partial, open(partial, "wb") as stream:
        np.savez_compressed(stream, **arrays)
    return Path(path)


def write_matrix(
    stem: str | os.PathLike,
    rows: Iterable[tuple[slice, np.ndarray]],
    names: Sequence[str],
    watch: Callable[[slice, np.ndarray], None],
    arrays: Mapping[str, np.ndarray] | None = None,
) -> list[Path]:
    """Write a square matrix as it comes, in blocks of rows, and never hold it.

    STEM.npz has it as ``matrix`` in single precision, with ``labels`` and other
    arrays; STEM.csv the same as text where there are few enough rows.

    :param names: label of each row and column.
    :param watch: sees every block, in double precision.
    :return: the files.
    """
    n_rows = len(names)
    paths = matrix_paths(stem, n_rows)
    with contextlib.ExitStack() as stack:
        archive = stack.enter_context(
            zipfile.ZipFile(stack.enter_context(written_whole(paths[0])), "w")
        )
        for name, array in {"labels": np.array(names), **(arrays or {})}.items():
            with archive.open(f"{name}.npy", "w") as stream:
                np.lib.format.write_array(stream, np.asarray(array), allow_pickle=False)
        text = None
        if len(paths) > 1:
            partial = stack.enter_context(written_whole(paths[1]))
            text = stack.enter_context(
                open(partial, "w", encoding="utf-8", newline="")
            )
            csv.writer(text, lineterminator="\n").writerow(["", *names])
        with archive.open("matrix.npy", "w", force_zip64=True) as stream:
            header = {
                "descr": _NUMBERS.str,
                "fortran_order": False,
                "shape": (n_rows, n_rows),
            }
            np.lib.format.write_array_header_1_0(stream, header)
            for part, block in rows:
                watch(part, block)
                stream.write(np.ascontiguousarray(block, dtype=_NUMBERS).tobytes())
                if text is not None:
                    _write_rows(text, names[part], block)
    return paths


def matrix_paths(stem: str | os.PathLike, n_rows: int) -> list[Path]:
    """The files that ``write_matrix`` makes."""
    endings = (".npz", ".csv") if n_rows <= MAX_CSV_ROWS else (".npz",)
    return [Path(f"{stem}{ending}") for ending in endings]


def matrix_bytes(n_rows: int) -> int:
    """Size of the npz file."""
    return _NUMBERS.itemsize * n_rows**2


def _write_rows(stream, names: Sequence[str], block: np.ndarray) -> None:
    writer = csv.writer(stream, lineterminator="\n")
    for name, values in zip(names, block):
        writer.writerow([name, *(f"{value:.5g}" for value in values)])


def _text(value) -> str:
    if isinstance(value, (float, np.floating)):
        return f"{value:.6g}"
    return str(value)
