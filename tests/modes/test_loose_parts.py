"""Loose parts: found, held, told."""

import numpy as np
import pytest
import scipy.linalg
from mode_references import ball, dense_hessian, flat, helix

from hnmref.errors import ModesError
from hnmref.modes import compute_modes, solver
from hnmref.modes.forcefield import ForceField
from hnmref.modes.network import build_network
from hnmref.modes.reduction import reduce_atoms
from hnmref.modes.repair import LOOSE, body_hold
from hnmref.modes.springs import SpringLaw


def zeros_of(x, cutoff):
    """Zero modes of the network as it stands, counted densely."""
    values = scipy.linalg.eigvalsh(dense_hessian(x, cutoff))
    return int(np.count_nonzero(values < 1e-9))


@pytest.fixture(params=["dense", "sparse"], autouse=True)
def solver_kind(request, monkeypatch):
    if request.param == "sparse":
        monkeypatch.setattr(solver, "_DENSE_SIZE", 10)
        monkeypatch.setattr(solver, "_DENSE_SHARE", 0.6)


def test_atom_on_one_spring():
    """Eight zero modes in a connected graph; six after repair."""
    x = ball(40, 1)
    x = np.vstack([x, x[x[:, 2].argmax()] + [0, 0, 4.0]])
    assert zeros_of(x, 4.01) == 8
    loose = compute_modes(x, n_modes=14, cutoff=4.01, repair=False)
    assert loose.n_zero == 8
    assert np.array_equal(loose.eigenvalues[:8], np.zeros(8))
    v = flat(loose.vectors)
    np.testing.assert_allclose(v.T @ v, np.eye(loose.n_modes), atol=1e-11)
    held = compute_modes(x, n_modes=14, cutoff=4.01)
    assert held.n_zero == 6
    assert len(held.notes) == 1 and "40" in held.notes[0]


@pytest.mark.parametrize("blocked", [False, True])
def test_chain_that_touches_nothing(blocked):
    x, residues = helix(15)
    both = np.vstack([x, x + [25.0, 3.0, 1.0]])
    blocks = np.concatenate([residues, residues + 15]) if blocked else None
    loose = compute_modes(both, n_modes=20, cutoff=6.0, blocks=blocks, repair=False)
    assert loose.n_zero == 12
    assert np.array_equal(loose.eigenvalues[:12], np.zeros(12))
    held = compute_modes(both, n_modes=20, cutoff=6.0, blocks=blocks)
    assert held.n_zero == 6
    assert held.eigenvalues[6] > 1e-6
    assert len(held.notes) == 1 and "touched nothing" in held.notes[0]


def test_many_parts_become_one():
    rng = np.random.default_rng(2)
    places = 30.0 * np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0], [1, 1, 1]])
    x = np.vstack([ball(8, seed) + place for seed, place in enumerate(places)])
    x = np.vstack([x, rng.uniform(-20, 60, (6, 3))])
    modes = compute_modes(x, n_modes=20, cutoff=5.0)
    assert modes.n_zero == 6
    assert modes.eigenvalues[6] > 0


def hinged(n_shared):
    """Two bodies out of reach of each other, joined by atoms on a line."""
    body = ball(12, 3) + [2.6, -1.7, -1.7]
    shared = np.array([[0.0, 0, z] for z in (-1, 1, 3)])[:n_shared]
    return np.vstack([body, shared, body * [-1, 1, 1]])


@pytest.mark.parametrize("n_shared, n_zero", [(1, 9), (2, 7)])
def test_hinges_are_stiffened(n_shared, n_zero):
    """Bodies that share an atom or two turn about the point or the line."""
    x = hinged(n_shared)
    assert zeros_of(x, 5.0) == n_zero
    loose = compute_modes(x, n_modes=14, cutoff=5.0, repair=False)
    held = compute_modes(x, n_modes=14, cutoff=5.0)
    assert loose.n_zero == n_zero
    assert held.n_zero == 6
    assert held.eigenvalues[6] * len(x) > LOOSE
    assert "moved against each other" in held.notes[-1]


def test_six_modes_of_a_loose_network_are_counted_too():
    x = np.vstack([ball(20, 6), ball(20, 7) + [30.0, 0, 0]])
    loose = compute_modes(x, n_modes=6, cutoff=4.0, repair=False)
    assert loose.n_zero == loose.n_modes == 12


def test_three_distant_atoms_are_joined():
    x = np.array([[0.0, 0, 0], [40, 0, 0], [0, 40, 0]])
    modes = compute_modes(x, n_modes=9, cutoff=5.0)
    assert modes.n_zero == 6
    assert (modes.eigenvalues[6:] > 0.1).all()


def test_flat_structures_keep_their_free_modes_and_say_so():
    """No spring resists motion out of the plane: N - 3 modes stay free."""
    x = np.zeros((16, 3))
    x[:, :2] = 2.0 * np.stack(np.meshgrid(range(4), range(4)), -1).reshape(-1, 2)
    modes = compute_modes(x, n_modes=30, cutoff=3.0)
    assert modes.n_zero == 6 + 16 - 3
    assert "13 modes" in modes.notes[-1]


def test_coincident_atoms_are_told_or_refused():
    x = ball(30, 4)
    x = np.vstack([x, x[7]])
    modes = compute_modes(x, n_modes=12, cutoff=4.0)
    assert modes.n_zero == 6
    assert np.isfinite(modes.vectors).all()
    assert "no spring joins them" in modes.notes[0]
    with pytest.raises(ModesError, match="atom 7"):
        compute_modes(x, n_modes=12, cutoff=4.0, repair=False)


def test_sound_networks_are_left_alone():
    x, residues = helix(30)
    held = compute_modes(x, n_modes=20, cutoff=8.0, blocks=residues)
    plain = compute_modes(x, n_modes=20, cutoff=8.0, blocks=residues, repair=False)
    assert held.notes == []
    assert np.array_equal(held.vectors, plain.vectors)


def test_hold_of_an_atom_on_three_springs_at_right_angles_is_one():
    x = np.array([[0.0, 0, 0], [3, 0, 0], [0, 3, 0], [0, 0, 3.0]])
    network = build_network(x, ForceField(3.5, SpringLaw()), allow_coincident=False)
    reduction = reduce_atoms(x, np.ones(4), None)
    hessian = reduction.hessian(x, network.springs)
    hold = body_hold(network, reduction, hessian, np.ones(4))
    np.testing.assert_allclose(hold, [1, 0, 0, 0], atol=1e-12)
    assert hold[0] > LOOSE


def test_notes_name_atoms_by_their_labels():
    x = np.vstack([ball(20, 5), [[60.0, 0, 0]]])
    labels = [f"A {j} CA" for j in range(20)] + ["B 1 ZN"]
    modes = compute_modes(x, n_modes=10, cutoff=4.0, atom_labels=labels)
    assert any("B 1 ZN" in note for note in modes.notes)
    assert modes.atom_labels == labels
