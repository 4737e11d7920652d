"""Modes of a complex in the space of its substructures' modes."""

import numpy as np
import pytest
from mode_references import flat, helix, same_subspace

from hnmref.errors import ModesError
from hnmref.modes import compute_fsub_modes, compute_modes, rigid_body_modes

ONE, RESIDUE = helix(15)
COMPLEX = np.vstack([ONE, ONE * [1, -1, -1] + [7.0, 2, 12], ONE + [2.0, 9, 3]])
CHAIN = np.repeat(["A", "B", "C"], len(ONE))
BLOCKS = np.concatenate([RESIDUE + 15 * chain for chain in range(3)])
MASSES = np.random.default_rng(1).uniform(1, 32, len(COMPLEX))


def fsub(n_substructure, n_modes=14, **settings):
    settings = dict(cutoff=6.0, blocks=BLOCKS) | settings
    return compute_fsub_modes(
        COMPLEX,
        n_modes=n_modes,
        substructures=CHAIN,
        n_substructure=n_substructure,
        **settings,
    )


@pytest.mark.parametrize("masses", [None, MASSES])
def test_upper_bounds_that_fall_with_the_modes_kept(masses):
    exact = compute_modes(
        COMPLEX, n_modes=14, cutoff=6.0, blocks=BLOCKS, masses=masses
    ).eigenvalues
    spectra = [fsub(k, masses=masses).eigenvalues[6:14] for k in (6, 10, 20, 40)]
    for fewer, more in zip(spectra, spectra[1:]):
        assert (more <= fewer * (1 + 1e-10)).all()
        assert more.sum() < fewer.sum()
    assert (spectra[-1] >= exact[6:14] * (1 - 1e-10)).all()


def test_all_modes_give_the_exact_answer():
    exact = compute_modes(COMPLEX, n_modes=14, cutoff=6.0, blocks=BLOCKS)
    whole = fsub(6 * 15)
    np.testing.assert_allclose(whole.eigenvalues, exact.eigenvalues, rtol=1e-8)
    assert same_subspace(flat(whole.vectors), flat(exact.vectors)) > 1 - 1e-9


def test_six_modes_a_chain_are_three_rigid_bodies():
    modes = fsub(6, n_modes=18)
    assert modes.n_zero == 6
    for chain in "ABC":
        own = CHAIN == chain
        rigid = flat(rigid_body_modes(COMPLEX[own]))
        v = flat(modes.vectors[own])
        np.testing.assert_allclose(rigid @ (rigid.T @ v), v, atol=1e-10)


def test_modes_are_orthonormal_and_start_with_the_rigid_ones():
    modes = fsub(12)
    v = flat(modes.vectors)
    np.testing.assert_allclose(v.T @ v, np.eye(14), atol=1e-10)
    assert np.array_equal(modes.vectors[:, :, :6], rigid_body_modes(COMPLEX))
    assert modes.provenance["n_substructures"] == 3


@pytest.mark.parametrize(
    "n_substructure, settings, words",
    [
        (5, {}, "n_substructure=5"),
        (6, dict(n_modes=19), "18 degrees of freedom"),
        (8, dict(blocks=np.arange(len(COMPLEX)) // 7), "whole blocks"),
    ],
)
def test_bad_input_is_named(n_substructure, settings, words):
    with pytest.raises(ModesError, match=words):
        fsub(n_substructure, **settings)


def test_substructure_labels_must_fit():
    with pytest.raises(ModesError, match="substructures"):
        compute_fsub_modes(
            COMPLEX, n_modes=8, substructures=["A"], n_substructure=8, cutoff=6.0
        )
