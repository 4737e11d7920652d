"""MGR: gradients by finite differences, topology by counting, exact spectra."""

import numpy as np
import pytest
import scipy.linalg
from mode_references import ball, dense_hessian, flat, helix, same_subspace

from hnmref.errors import ModesError
from hnmref.modes import (
    MgrConstants,
    Topology,
    collectivity,
    compute_fsub_modes,
    compute_modes,
    topology_from_bonds,
)
from hnmref.modes.mgr import angle_gradients, bond_gradients, dihedral_gradients


def length(p):
    return np.linalg.norm(p[0] - p[1])


def angle(p):
    u, v = p[0] - p[1], p[2] - p[1]
    return np.arctan2(np.linalg.norm(np.cross(u, v)), u @ v)


def dihedral(p):
    """By arctan2 (IUPAC sign), independent of the gradient's derivation."""
    b1, b2, b3 = p[1] - p[0], p[2] - p[1], p[3] - p[2]
    n1, n2 = np.cross(b1, b2), np.cross(b2, b3)
    return np.arctan2(np.linalg.norm(b2) * (b1 @ n2), n1 @ n2)


@pytest.mark.parametrize(
    "n_atoms, value, gradients",
    [
        (2, length, bond_gradients),
        (3, angle, angle_gradients),
        (4, dihedral, dihedral_gradients),
    ],
)
def test_gradients_against_finite_differences(n_atoms, value, gradients):
    rng = np.random.default_rng(1)
    h = 1e-5
    for _ in range(20):
        p = rng.standard_normal((n_atoms, 3))
        analytic, known = gradients(p, np.arange(n_atoms)[None])
        numeric = np.zeros((n_atoms, 3))
        for a in range(n_atoms):
            for x in range(3):
                up, down = p.copy(), p.copy()
                up[a, x] += h
                down[a, x] -= h
                change = value(up) - value(down)
                numeric[a, x] = np.angle(np.exp(1j * change)) / (2 * h)
        assert known[0]
        # A dihedral's sense (sign) makes no difference to a harmonic term.
        sign = np.sign(np.sum(numeric * analytic[0]))
        scale = abs(numeric).max()
        np.testing.assert_allclose(
            sign * analytic[0], numeric, atol=1e-7 * scale + 1e-8
        )


def test_straight_angles_have_no_gradient():
    x = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [2, 1, 0]])
    gradients, known = angle_gradients(x, np.array([[0, 1, 2], [1, 2, 3]]))
    assert known.tolist() == [False, True]
    gradients, known = dihedral_gradients(x, np.array([[0, 1, 2, 3]]))
    assert not known[0] and np.isfinite(gradients).all()


def test_topology_of_small_molecules():
    butane = topology_from_bonds([[1, 0], [2, 1], [2, 3], [0, 1]], 4)
    assert butane.bonds.tolist() == [[0, 1], [1, 2], [2, 3]]
    assert sorted(butane.angles.tolist()) == [[0, 1, 2], [1, 2, 3]]
    assert butane.dihedrals.tolist() == [[0, 1, 2, 3]]
    ring = topology_from_bonds([[i, (i + 1) % 6] for i in range(6)], 6)
    assert [len(a) for a in (ring.bonds, ring.angles, ring.dihedrals)] == [6, 6, 6]
    three = topology_from_bonds([[0, 1], [1, 2], [2, 0]], 3)
    assert [len(a) for a in (three.bonds, three.angles, three.dihedrals)] == [3, 3, 0]
    # Neopentane: 4 bonds, 6 angles; ethane's skeleton with hydrogens: 9 dihedrals.
    star = topology_from_bonds([[0, i] for i in range(1, 5)], 5)
    assert [len(a) for a in (star.bonds, star.angles, star.dihedrals)] == [4, 6, 0]
    ethane = [[0, 1], [0, 2], [0, 3], [0, 4], [1, 5], [1, 6], [1, 7]]
    whole = topology_from_bonds(ethane, 8)
    assert [len(a) for a in (whole.bonds, whole.angles, whole.dihedrals)] == [7, 12, 9]


def test_water_like_triatomic_has_wilson_frequencies():
    """XY2, valence force field: Herzberg (1945), II, eqs. 190 and 191."""
    alpha, r, m_x, m_y = np.radians(104.5), 0.96, 16.0, 1.0
    half = alpha / 2
    x = r * np.array(
        [[np.sin(half), np.cos(half), 0], [0, 0, 0], [-np.sin(half), np.cos(half), 0]]
    )
    k, k_angle = 8.0, 0.7
    modes = compute_modes(
        x,
        n_modes=9,
        masses=np.array([m_y, m_x, m_y]),
        topology=topology_from_bonds([[0, 1], [1, 2]], 3),
        mgr_constants=MgrConstants(bond=k, angle=k_angle),
        cutoff=3.0,
    )
    antisymmetric = (1 + 2 * m_y / m_x * np.sin(half) ** 2) * k / m_y
    bend = k_angle / r**2
    total = (1 + 2 * m_y / m_x * np.cos(half) ** 2) * k / m_y + 2 * (
        1 + 2 * m_y / m_x * np.sin(half) ** 2
    ) * bend / m_y
    product = 2 * (1 + 2 * m_y / m_x) * k * bend / m_y**2
    low, high = np.sort(np.roots([1, -total, product]).real)
    expected = np.sort([low, high, antisymmetric])
    np.testing.assert_allclose(modes.eigenvalues[6:], expected, rtol=1e-10)


def reference(x, topology, constants, cutoff):
    """Dense: outer products of each term's gradient, and springs beyond."""
    hessian = dense_hessian(x, cutoff)
    n = len(x)
    groups = (
        (topology.bonds, bond_gradients, constants.bond),
        (topology.angles, angle_gradients, constants.angle),
        (topology.dihedrals, dihedral_gradients, constants.dihedral),
    )
    pairs = set()
    total = np.zeros((3 * n, 3 * n))
    central = [tuple(sorted(d[1:3])) for d in topology.dihedrals.tolist()]
    for atoms, gradients, k in groups:
        for number, term in enumerate(atoms):
            b = np.zeros((n, 3))
            b[term] = gradients(x, term[None])[0][0]
            share = 1 / central.count(central[number]) if len(term) == 4 else 1
            total += k * share * np.outer(b.ravel(), b.ravel())
            pairs.add((min(term[0], term[-1]), max(term[0], term[-1])))
    springs = np.zeros_like(total)
    for i, j in pairs:
        d = x[i] - x[j]
        if np.linalg.norm(d) <= cutoff:
            block = np.outer(d, d) / (d @ d)
            for a, b, sign in ((i, i, 1), (j, j, 1), (i, j, -1), (j, i, -1)):
                springs[3 * a : 3 * a + 3, 3 * b : 3 * b + 3] += sign * block
    return hessian - springs + total


@pytest.fixture(scope="module")
def chain():
    """A branched chain with a ring, bent everywhere."""
    x = ball(24, 2)
    rng = np.random.default_rng(3)
    bonds = [[i, rng.integers(max(i - 3, 0), i)] for i in range(1, 24)] + [[0, 5]]
    return x, topology_from_bonds(bonds, 24)


@pytest.mark.parametrize("block_size", [None, 3])
def test_equals_the_dense_sum_of_terms(chain, block_size):
    x, topology = chain
    constants = MgrConstants(bond=40.0, angle=7.0, dihedral=3.0)
    dense = reference(x, topology, constants, 3.5)
    settings = dict(cutoff=3.5, topology=topology, mgr_constants=constants)
    if block_size is None:
        modes = compute_modes(x, n_modes=72, **settings)
        values = scipy.linalg.eigvalsh(dense)
        np.testing.assert_allclose(modes.eigenvalues[6:], values[6:], rtol=1e-9)
        v = flat(modes.vectors)
        np.testing.assert_allclose(dense @ v, v * modes.eigenvalues, atol=1e-9)
        return
    modes = compute_modes(x, n_modes=48, blocks=np.arange(24) // 3, **settings)
    v = flat(modes.vectors)
    np.testing.assert_allclose(
        v.T @ dense @ v, np.diag(modes.eigenvalues), atol=1e-9 * modes.eigenvalues[-1]
    )


def test_terms_join_what_the_network_does_not():
    """A chain beyond every cut-off, held by its geometry: six zero modes."""
    x, _ = helix(6)
    bonds = [[i, i + 1] for i in range(len(x) - 1)]
    modes = compute_modes(
        x, n_modes=20, cutoff=0.5, topology=topology_from_bonds(bonds, len(x))
    )
    assert modes.n_zero == 6 and modes.notes == []
    assert modes.eigenvalues[6] > 1e-4


def test_dihedrals_hold_a_tail(chain):
    """The tip effect: a tail's swing costs no longer next to nothing."""
    body = ball(60, 4)
    tip = body[body[:, 0].argmax()]
    steps = np.array([[1.3, 0.8 * (-1) ** i, 0.5 * (i % 3)] for i in range(8)])
    x = np.vstack([body, tip + np.cumsum(steps, axis=0)])
    bonds = [[i, i + 1] for i in range(60, 67)] + [[int(body[:, 0].argmax()), 60]]
    bonds += [
        [i, j]
        for i in range(60)
        for j in range(i)
        if np.linalg.norm(body[i] - body[j]) < 1.5
    ]
    topology = topology_from_bonds(bonds, len(x))
    plain = compute_modes(x, n_modes=7, cutoff=3.5)
    held = compute_modes(x, n_modes=7, cutoff=3.5, topology=topology)
    assert collectivity(held)[6] > 1.5 * collectivity(plain)[6]


def test_parts_keep_their_own_terms(chain):
    """fSUB with all modes of each part is the whole, geometry across parts too."""
    x, topology = chain
    settings = dict(cutoff=3.5, topology=topology)
    whole = compute_modes(x, n_modes=20, **settings)
    parts = compute_fsub_modes(
        x,
        n_modes=20,
        substructures=np.arange(24) // 12,
        n_substructure=36,
        **settings,
    )
    np.testing.assert_allclose(parts.eigenvalues, whole.eigenvalues, rtol=1e-7)
    assert same_subspace(flat(parts.vectors), flat(whole.vectors)) > 1 - 1e-9


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: MgrConstants(angle=-1.0), "angle"),
        (lambda: MgrConstants(bond=np.nan), "bond"),
        (lambda: Topology(bonds=np.zeros((2, 3))), r"\(n, 2\)"),
        (lambda: Topology(angles=np.array([[0, 1, 99]])).check(9), "between 0 and 8"),
        (lambda: Topology(bonds=np.array([[1, 1]])).check(9), "different atoms"),
    ],
)
def test_bad_input_is_named(make, words):
    with pytest.raises(ModesError, match=words):
        make()
