"""Springs of given pairs."""

import numpy as np
import pytest
import scipy.linalg
from mode_references import ball, dense_hessian

from hnmref.errors import ModesError
from hnmref.modes import Springs, compute_fsub_modes, compute_modes


def springs(*rows):
    first, second, stiffness = zip(*rows)
    return Springs(np.array(first), np.array(second), np.array(stiffness, float))


def every_pair(x, stiffness):
    i, j = np.triu_indices(len(x), 1)
    return Springs(i, j, stiffness(np.linalg.norm(x[i] - x[j], axis=1)))


def test_a_list_of_all_pairs_is_the_law():
    x = ball(30, 1)
    # In any order, and either way round.
    listed = every_pair(x, lambda r: np.where(r <= 4.0, np.exp(-r * r / 9), 0.0))
    order = np.random.default_rng(2).permutation(len(listed))
    listed = Springs(
        listed.second[order], listed.first[order], listed.stiffness[order]
    )
    law = compute_modes(x, n_modes=20, cutoff=4.0, spring_law="hinsen")
    same = compute_modes(x, n_modes=20, spring_law="listed", pair_springs=listed)
    np.testing.assert_allclose(same.eigenvalues, law.eigenvalues, rtol=1e-9)


def test_listed_pairs_replace_add_and_take_away():
    x = ball(25, 3)
    gap = np.linalg.norm(x[:, None] - x[None], axis=2)
    near = np.argwhere(np.triu((gap > 0) & (gap <= 4.0)))[:2]
    far = np.argwhere(np.triu(gap > 5.0))[0]
    given = {tuple(near[0]): 7.0, tuple(near[1]): 0.0, tuple(far): 3.0}
    listed = springs(*[(j, i, k) for (i, j), k in given.items()])
    modes = compute_modes(x, n_modes=30, cutoff=4.0, pair_springs=listed)
    hessian = dense_hessian(x, 4.0)
    for (i, j), k in given.items():
        d = x[i] - x[j]
        change = (k - (gap[i, j] <= 4.0)) * np.outer(d, d) / (d @ d)
        for a, b, sign in ((i, i, 1), (j, j, 1), (i, j, -1), (j, i, -1)):
            hessian[3 * a : 3 * a + 3, 3 * b : 3 * b + 3] += sign * change
    values = scipy.linalg.eigvalsh(hessian)
    np.testing.assert_allclose(modes.eigenvalues[6:], values[6:30], rtol=1e-9)


def test_substructures_keep_their_own():
    x = ball(24, 4)
    listed = every_pair(x, lambda r: r**-2.0)
    settings = dict(spring_law="listed", pair_springs=listed)
    whole = compute_modes(x, n_modes=15, **settings)
    parts = compute_fsub_modes(
        x, n_modes=15, substructures=np.arange(24) % 2, n_substructure=36, **settings
    )
    np.testing.assert_allclose(parts.eigenvalues, whole.eigenvalues, rtol=1e-7)


def test_parts_that_no_listed_spring_joins_are_held():
    x = np.vstack([ball(12, 5), ball(12, 6) + [9.0, 0, 0]])
    halves = np.arange(24) // 12
    every = every_pair(x, np.ones_like)
    within = every.where(halves[every.first] == halves[every.second])
    modes = compute_modes(x, n_modes=9, spring_law="listed", pair_springs=within)
    assert modes.n_zero == 6 and "touched nothing" in modes.notes[0]


@pytest.mark.parametrize(
    "listed, words",
    [
        (None, "needs a list"),
        (springs((0, 1, 0.0)), "needs a list"),
        (springs((0, 20, 1.0)), "0 to 20"),
        (springs((3, 3, 1.0)), "3 to 3"),
        (springs((0, 1, -1.0)), "not negative"),
        (springs((0, 1, 1.0), (1, 0, 2.0)), "listed twice"),
        (Springs(np.array([0]), np.array([1, 2]), np.array([1.0])), "two atoms"),
    ],
)
def test_bad_lists_are_named(listed, words):
    with pytest.raises(ModesError, match=words):
        compute_modes(
            ball(20, 7), n_modes=8, spring_law="listed", pair_springs=listed
        )
