"""Residues by their kind, and the global alignment of two sequences.

Needleman & Wunsch (1970) with Gotoh's (1982) affine gaps, free at the ends, and
BLOSUM62 (Henikoff & Henikoff 1992) for amino acids.
"""

from __future__ import annotations

import numpy as np

#: BLOSUM62's own penalties: a gap of n residues costs 11 + (n - 1).
_GAP_OPEN = 11
_GAP_EXTEND = 1

_AMINO_ACIDS = "ARNDCQEGHILKMFPSTWYV"
_NUCLEOTIDES = "acgu"
UNKNOWN = len(_AMINO_ACIDS) + len(_NUCLEOTIDES)

#: Lower triangle, in the order of _AMINO_ACIDS.
_BLOSUM62 = """
4
-1 5
-2 0 6
-2 -2 1 6
0 -3 -3 -3 9
-1 1 0 0 -3 5
-1 0 0 2 -4 2 5
0 -2 0 -1 -3 -2 -2 6
-2 0 1 -1 -3 0 0 -2 8
-1 -3 -3 -3 -1 -3 -3 -4 -3 4
-1 -2 -3 -4 -1 -2 -3 -4 -3 2 4
-1 2 0 -1 -3 1 1 -2 -1 -3 -2 5
-1 -1 -2 -3 -1 0 -2 -3 -2 1 2 -1 5
-2 -3 -3 -3 -2 -3 -3 -3 -1 0 0 -3 0 6
-1 -2 -2 -1 -3 -1 -1 -2 -2 -3 -3 -1 -2 -4 7
1 -1 1 0 -1 0 0 0 -1 -2 -2 0 -1 -2 -1 4
0 -1 0 -1 -1 -1 -1 -2 -2 -1 -1 -1 -1 -2 -1 1 5
-3 -3 -4 -4 -2 -2 -3 -2 -2 -3 -2 -3 -1 1 -4 -3 -2 11
-2 -2 -2 -3 -2 -1 -2 -3 2 -1 -1 -2 -1 3 -3 -2 -2 2 7
0 -3 -3 -3 -1 -2 -2 -3 -3 3 1 -2 1 -1 -2 -2 0 -3 -1 4
"""
#: Two equal nucleotides, two unequal ones, residues of different kinds of
#: polymer, an unknown residue against any other, and against its equal.
_SAME_BASE, _OTHER_BASE, _OTHER_POLYMER, _ANY_UNKNOWN, _SAME_UNKNOWN = 5, -4, -10, -1, 5

#: Residue names, also as force fields write them, by one-letter code.
_NAMES = {
    "A": "ALA",
    "R": "ARG",
    "N": "ASN",
    "D": "ASP ASH",
    "C": "CYS CYX CYM CSO",
    "Q": "GLN",
    "E": "GLU GLH",
    "G": "GLY",
    "H": "HIS HID HIE HIP HSD HSE HSP",
    "I": "ILE",
    "L": "LEU",
    "K": "LYS LYN",
    "M": "MET MSE",
    "F": "PHE",
    "P": "PRO",
    "S": "SER SEP",
    "T": "THR TPO",
    "W": "TRP",
    "Y": "TYR PTR",
    "V": "VAL",
    "a": "A DA ADE",
    "c": "C DC CYT",
    "g": "G DG GUA",
    "u": "U T DT THY URA",
}
_CODES = {
    name: (_AMINO_ACIDS + _NUCLEOTIDES).index(letter)
    for letter, names in _NAMES.items()
    for name in names.split()
}


def residue_codes(resnames: np.ndarray) -> np.ndarray:
    """(R,) code of each residue name: its place in the table of scores."""
    codes = [_CODES.get(name, UNKNOWN) for name in resnames.tolist()]
    return np.array(codes, dtype=np.intp)


def same_kind(resnames_a: np.ndarray, resnames_b: np.ndarray) -> np.ndarray:
    """(R,) whether paired residues are of one kind, whatever name of it they have."""
    codes = residue_codes(resnames_a)
    known = (codes == residue_codes(resnames_b)) & (codes < UNKNOWN)
    return known | (resnames_a == resnames_b)


def residue_scores(resnames_a: np.ndarray, resnames_b: np.ndarray) -> np.ndarray:
    """(n, m) what pairing residues of two sequences of names is worth."""
    scores = _TABLE[residue_codes(resnames_a)[:, None], residue_codes(resnames_b)]
    # Only a residue of unknown name scores below 0 against its own kind.
    own_kind = resnames_a[:, None] == resnames_b
    return np.where(own_kind & (scores < 0), _SAME_UNKNOWN, scores)


def align_sequences(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Global alignment of two sequences, gaps at the ends free.

    Row by row, each one vectorised (Gotoh's affine gaps): time n m, a few bytes
    of memory for each of the n m pairs.

    Parameters
    ----------
    scores : (n, m) int array, what pairing two residues is worth.

    Returns
    -------
    (k,), (k,) indices of paired residues, ascending in both.
    """
    n, m = scores.shape
    columns = np.arange(m + 1)
    best = np.zeros(m + 1, dtype=np.int64)
    up = np.full(m + 1, -_GAP_OPEN, dtype=np.int64)
    last_column = np.zeros(n + 1, dtype=np.int64)
    # Where each cell came from: 0 a pair, 1 a residue of the first sequence
    # alone, 2 one of the second; and whether such a gap began before this cell.
    origin = np.zeros((n + 1, m + 1), dtype=np.uint8)
    longer_up = np.zeros((n + 1, m + 1), dtype=bool)
    longer_left = np.zeros((n + 1, m + 1), dtype=bool)
    for row in range(1, n + 1):
        longer_up[row] = up - _GAP_EXTEND > best - _GAP_OPEN
        up = np.maximum(up - _GAP_EXTEND, best - _GAP_OPEN)
        paired = best[:-1] + scores[row - 1]
        best = np.concatenate([[0], np.maximum(paired, up[1:])])
        # A gap that ends at j began at some k < j: the best of all k at once.
        begun = np.maximum.accumulate(best + _GAP_EXTEND * columns)
        left = begun[:-1] - _GAP_OPEN - _GAP_EXTEND * columns[:-1]
        longer_left[row, 1:] = left > best[:-1] - _GAP_OPEN
        origin[row, 1:] = np.where(paired >= up[1:], 0, 1)
        origin[row, 1:][left > best[1:]] = 2
        best[1:] = np.maximum(best[1:], left)
        last_column[row] = best[-1]
    row, column = n, m
    if best.max() >= last_column.max():
        column = int(best.argmax())
    else:
        row = int(last_column.argmax())
    return _traced(row, column, origin, longer_up, longer_left)


def _traced(
    row: int,
    column: int,
    origin: np.ndarray,
    longer_up: np.ndarray,
    longer_left: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Go back from where the alignment ends to where a sequence begins."""
    pairs = []
    while row and column:
        if origin[row, column] == 0:
            row, column = row - 1, column - 1
            pairs.append((row, column))
        elif origin[row, column] == 1:
            while longer_up[row, column]:
                row -= 1
            row -= 1
        else:
            while longer_left[row, column]:
                column -= 1
            column -= 1
    found = np.array(pairs[::-1], dtype=np.intp).reshape(-1, 2)
    return found[:, 0], found[:, 1]


def _table() -> np.ndarray:
    """Scores of all codes: amino acids, nucleotides, the unknown."""
    n_amino = len(_AMINO_ACIDS)
    table = np.full((UNKNOWN + 1, UNKNOWN + 1), _OTHER_POLYMER)
    lower = np.array(_BLOSUM62.split(), dtype=int)
    rows, columns = np.tril_indices(n_amino)
    table[rows, columns] = table[columns, rows] = lower
    bases = slice(n_amino, UNKNOWN)
    table[bases, bases] = _OTHER_BASE
    table[range(n_amino, UNKNOWN), range(n_amino, UNKNOWN)] = _SAME_BASE
    table[UNKNOWN, :] = table[:, UNKNOWN] = _ANY_UNKNOWN
    return table


_TABLE = _table()
