"""Matching of atoms: numbering, sequences, chains, and what is left over."""

from functools import cache

import numpy as np
import pytest

from hnmref.errors import InputError
from hnmref.modes.alignment import AtomLabels, match_atoms
from hnmref.modes.sequence import align_sequences, residue_scores, same_kind

_LETTERS = "ARNDCQEGHILKMFPSTWYV"
_THREE = """
    ALA ARG ASN ASP CYS GLN GLU GLY HIS ILE LEU LYS MET PHE PRO SER THR TRP TYR VAL
""".split()
NAME_OF = dict(zip(_LETTERS, _THREE))

#: Atoms of every residue in these structures; glycine lacks the last one.
ATOMS = ("N", "CA", "C", "O", "CB")


def random_sequence(n, seed):
    return "".join(np.random.default_rng(seed).choice(list(_LETTERS), n))


def structure(*chains):
    """Labels of chains, each (name, sequence, first number or all numbers)."""
    rows = []
    for name, sequence, numbers in chains:
        if isinstance(numbers, int):
            numbers = range(numbers, numbers + len(sequence))
        for letter, number in zip(sequence, numbers):
            resname = NAME_OF[letter]
            rows += [
                (name, str(number), resname, atom)
                for atom in ATOMS[: 4 if letter == "G" else 5]
            ]
    return AtomLabels(*np.array(rows).T)


def extended(labels, rows):
    """Labels with further atoms (chain, resid, resname, name) at the end."""
    more = np.array(rows).T
    own = (labels.chain, labels.resid, labels.resname, labels.name)
    return AtomLabels(*(np.concatenate([a, b]) for a, b in zip(own, more)))


def resid_pairs(match, a, b):
    """Pairs of 'chain resid' that the matched atoms stand in, in order."""
    first = np.char.add(np.char.add(a.chain, " "), a.resid)[match.index_a]
    second = np.char.add(np.char.add(b.chain, " "), b.resid)[match.index_b]
    return list(dict.fromkeys(zip(first.tolist(), second.tolist())))


def assert_sound(match, a, b):
    """Atoms of a name go together, each once, and all others have a reason."""
    np.testing.assert_array_equal(a.name[match.index_a], b.name[match.index_b])
    for labels, index, unmatched in (
        (a, match.index_a, match.unmatched_a),
        (b, match.index_b, match.unmatched_b),
    ):
        rest = [item.atoms for item in unmatched]
        everything = np.concatenate([index, *rest])
        np.testing.assert_array_equal(np.sort(everything), np.arange(len(labels)))
        assert all(item.reason for item in unmatched)


SEQUENCE = random_sequence(60, 1)
OTHER = random_sequence(45, 2)


def test_the_same_labels_in_another_order():
    """Water too, where nothing else tells the structures apart."""
    a = extended(
        structure(("A", SEQUENCE, 1), ("B", OTHER, 1)),
        [("W", str(n), "HOH", "O") for n in range(9)],
    )
    order = np.random.default_rng(3).permutation(len(a))
    match = match_atoms(a, a.select(order))
    np.testing.assert_array_equal(match.index_a, np.arange(len(a)))
    np.testing.assert_array_equal(order[match.index_b], np.arange(len(a)))
    assert not match.unmatched_a and not match.unmatched_b


def test_deletion_with_its_numbers_kept():
    a = structure(("A", SEQUENCE, 1))
    numbers = [n for n in range(1, 61) if not 20 <= n < 27]
    b = structure(("A", SEQUENCE[:19] + SEQUENCE[26:], numbers))
    match = match_atoms(a, b)
    assert_sound(match, a, b)
    assert resid_pairs(match, a, b) == [(f"A {n}", f"A {n}") for n in numbers]
    assert "by numbering: 53 of 53" in match.notes[0]
    assert [item.where.split()[2] for item in match.unmatched_a] == [
        str(n) for n in range(20, 27)
    ]
    assert {item.reason for item in match.unmatched_a} == {
        "no residue of this number in chain A"
    }


@pytest.mark.parametrize("swapped", [False, True])
def test_insertion_and_renumbering(swapped):
    """Seven residues more in the middle, other numbers, other chain name."""
    a = structure(("A", SEQUENCE, 1))
    b = structure(("Q", SEQUENCE[:30] + "WGWGWPW" + SEQUENCE[30:], 201))
    expected = [(f"A {n + 1}", f"Q {n + 201 + 7 * (n >= 30)}") for n in range(60)]
    if swapped:
        a, b = b, a
        expected = [(y, x) for x, y in expected]
    match = match_atoms(a, b)
    assert_sound(match, a, b)
    # Where the insertion's ends repeat their neighbours, the gap may slide.
    assert resid_pairs(match, a, b) == expected
    assert "by sequence: 60 of 60" in match.notes[0]
    longer = match.unmatched_a if swapped else match.unmatched_b
    assert len(longer) == 7 and all("opposite a gap" in x.reason for x in longer)


def test_mutants_by_number():
    mutant = SEQUENCE[:10] + "GGG" + SEQUENCE[13:]
    a, b = structure(("A", SEQUENCE, 5)), structure(("A", mutant, 5))
    match = match_atoms(a, b)
    assert_sound(match, a, b)
    assert len(resid_pairs(match, a, b)) == 60
    differ = sum(letter != "G" for letter in SEQUENCE[10:13])
    assert f"by numbering: {60 - differ} of 60" in match.notes[0]
    assert match.notes[1].count("/ A GLY") == differ
    # Glycine has no CB, and the reason says so.
    assert [(item.atoms.size, item.reason[:3]) for item in match.unmatched_a] == [
        (1, "CB:")
    ] * differ


def test_a_homologue_by_sequence():
    """A third mutated, one deletion, other numbers."""
    rng = np.random.default_rng(4)
    letters = list(SEQUENCE)
    for place in rng.choice(60, 20, replace=False):
        letters[place] = rng.choice(list(_LETTERS))
    letters = letters[:40] + letters[44:]
    a, b = structure(("A", SEQUENCE, 1)), structure(("X", "".join(letters), 301))
    match = match_atoms(a, b)
    assert_sound(match, a, b)
    kept = [*range(40), *range(44, 60)]
    truth = {(f"A {n + 1}", f"X {n + 301 - 4 * (n >= 44)}") for n in kept}
    found = set(resid_pairs(match, a, b))
    # Mutations beside the deletion let the gap begin a little elsewhere.
    assert len(truth & found) >= 0.9 * len(truth)


def test_swapped_and_missing_chains():
    third = random_sequence(50, 5)
    a = structure(("A", SEQUENCE, 1), ("B", OTHER, 1), ("C", third, 1))
    b = structure(("A", OTHER, 1), ("B", SEQUENCE, 1))
    match = match_atoms(a, b)
    assert_sound(match, a, b)
    pairs = {(x.split()[0], y.split()[0]) for x, y in resid_pairs(match, a, b)}
    assert pairs == {("A", "B"), ("B", "A")}
    assert [str(item) for item in match.unmatched_a] == [
        f"chain C ({len(match.unmatched_a[0].atoms)} atoms): no chain goes with it"
    ]


def test_copies_of_a_chain_keep_their_names():
    """Of a dimer with one mutation, A goes with A and B with B all the same."""
    a = structure(("A", "W" + SEQUENCE, 1), ("B", SEQUENCE, 2))
    b = structure(("A", SEQUENCE, 2), ("B", "W" + SEQUENCE, 1))
    match = match_atoms(a, b)
    assert_sound(match, a, b)
    assert all(x == y for x, y in resid_pairs(match, a, b))
    renamed = structure(("C", SEQUENCE, 2), ("D", SEQUENCE, 2))
    match = match_atoms(a, renamed)
    pairs = {(x.split()[0], y.split()[0]) for x, y in resid_pairs(match, a, renamed)}
    assert pairs == {("A", "C"), ("B", "D")}
    assert any("A fits chains C, D equally well" in note for note in match.notes)


def test_ligands_and_waters():
    """Ligands by number and name, also in chains of other names; no waters."""
    ligands = [("A", "301", "HEM", "FE"), ("A", "302", "ZN", "ZN")]
    a = extended(structure(("A", SEQUENCE, 1)), [*ligands, ("A", "401", "HOH", "O")])
    others = [("B", "301", "HEM", "FE"), ("B", "302", "CA", "CA")]
    b = extended(structure(("B", SEQUENCE, 1)), [*others, ("B", "401", "HOH", "O")])
    match = match_atoms(a, b)
    assert_sound(match, a, b)
    assert ("A 301", "B 301") in resid_pairs(match, a, b)
    assert {item.where: item.reason for item in match.unmatched_a} == {
        "A ZN 302": "no ligand of this number and name in chain B",
        "water of chain A": "the numbers of waters mean nothing in another structure",
    }


def test_names_of_force_fields():
    a = AtomLabels(
        ["A"] * 8,
        list("11112222"),
        ["HIS"] * 4 + ["ILE"] * 4,
        ["N", "CA", "C", "O", "N", "CA", "CD1", "OXT"],
    )
    b = AtomLabels(
        ["A"] * 8,
        list("11112222"),
        ["HSD"] * 4 + ["ILE"] * 4,
        ["N", "CA", "C", "O", "N", "CA", "CD", "OT2"],
    )
    match = match_atoms(a, b)
    np.testing.assert_array_equal(match.index_a, np.arange(8))
    np.testing.assert_array_equal(match.index_b, np.arange(8))
    assert "2 of 2" in match.notes[0] and len(match.notes) == 1


def test_insertion_codes_and_alternate_conformers():
    a = AtomLabels(
        ["A"] * 5,
        ["52", "52A", "52A", "53", "54"],
        ["GLY", "SER", "SER", "ALA", "TRP"],
        ["CA", "CA", "CA", "CA", "CA"],
    )
    b = a.select(np.array([0, 1, 3, 4]))
    match = match_atoms(a, b)
    np.testing.assert_array_equal(match.index_a, [0, 1, 3, 4])
    np.testing.assert_array_equal(match.index_b, [0, 1, 2, 3])
    assert match.unmatched_a[0].atoms.tolist() == [2]
    assert "no atom of this name left in A SER 52A" in match.unmatched_a[0].reason


def test_nucleotides():
    names = np.random.default_rng(6).choice(["DA", "DC", "DG", "DT"], 30)
    a = AtomLabels(["A"] * 30, np.arange(30), names, ["P"] * 30)
    b = AtomLabels(["T"] * 25, np.arange(100, 125), names[5:], ["P"] * 25)
    match = match_atoms(a, b)
    np.testing.assert_array_equal(match.index_a, np.arange(5, 30))
    np.testing.assert_array_equal(match.index_b, np.arange(25))


def test_residues_of_unknown_names():
    """Modified residues keep their place in the sequence."""
    rows = [("A", str(n), "XYZ" if n % 3 else "ALA", "CA") for n in range(12)]
    a = AtomLabels(*np.array(rows).T)
    b = AtomLabels(["B"] * 12, np.arange(50, 62), a.resname, a.name)
    match = match_atoms(a, b)
    np.testing.assert_array_equal(match.index_b, np.arange(12))


def test_one_residue():
    """By its name and number; not by the sequence, which could be any."""
    one = structure(("A", "W", 7))
    chain = structure(("A", SEQUENCE[:6] + "W" + SEQUENCE[7:], 1))
    match = match_atoms(one, chain)
    np.testing.assert_array_equal(match.index_b, np.flatnonzero(chain.resid == "7"))
    with pytest.raises(InputError, match="a.pdb and b.pdb have no atom in common"):
        match_atoms(structure(("A", "W", 70)), chain, ("a.pdb", "b.pdb"))


def test_nothing_in_common_is_one_sentence():
    a, b = structure(("A", SEQUENCE, 1)), structure(("A", OTHER, 1))
    with pytest.raises(InputError, match="no atom in common .*chain A") as caught:
        match_atoms(a, b)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="b.pdb has no atom to match"):
        match_atoms(a, a.select(np.zeros(0, int)), ("a.pdb", "b.pdb"))
    with pytest.raises(InputError, match="differ in number"):
        AtomLabels(["A"], ["1", "2"], ["GLY"], ["CA"])


@pytest.mark.parametrize("seed", range(6))
def test_alignment_is_optimal(seed):
    """The score of the pairs found is the best one that a plain search finds."""
    rng = np.random.default_rng(seed)
    n, m = rng.integers(3, 13, 2)
    scores = rng.integers(-6, 12, (n, m))
    first, second = align_sequences(scores)
    assert score_of(scores, first, second) == best_score(scores)


def score_of(scores, first, second):
    """Of pairs: the sum less affine gaps between them; ends are free."""
    total = scores[first, second].sum()
    for gap in np.concatenate([np.diff(first), np.diff(second)]) - 1:
        total -= 11 + (gap - 1) if gap else 0
    # At one of both ends each sequence must be over.
    assert min(first[0], second[0]) == 0
    assert min(len(scores) - 1 - first[-1], len(scores[0]) - 1 - second[-1]) == 0
    return total


def best_score(scores):
    """Recursion over all states; a residue alone costs 11 first, then 1."""
    n, m = scores.shape

    @cache
    def rest(i, j, state):
        if i == n or j == m:
            return 0
        pair = scores[i, j] + rest(i + 1, j + 1, 0)
        up = rest(i + 1, j, 1) - (1 if state == 1 else 11)
        left = rest(i, j + 1, 2) - (1 if state == 2 else 11)
        return max(pair, up, left)

    starts = [rest(i, 0, 0) for i in range(n)] + [rest(0, j, 0) for j in range(m)]
    return max(starts)


def test_table_of_scores():
    """BLOSUM62 as mmtbx has it."""
    alignment = pytest.importorskip("mmtbx.alignment")
    names = np.array(_THREE)
    expected = [[alignment.blosum62(x, y) for y in _LETTERS] for x in _LETTERS]
    np.testing.assert_array_equal(residue_scores(names, names), expected)


def test_kinds_of_residues():
    first = np.array(["HIS", "MSE", "DT", "LIG", "GLY", "LIG"])
    second = np.array(["HIE", "MET", "U", "LIG", "ALA", "XYZ"])
    np.testing.assert_array_equal(
        same_kind(first, second), [True, True, True, True, False, False]
    )
