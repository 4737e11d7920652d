"""Crystal contacts against supercells, and the rank of the Hessian."""

import numpy as np
import pytest
import scipy.linalg
from mode_references import ball, flat

from hnmref.errors import ModesError
from hnmref.modes import Crystal, compute_fsub_modes, compute_modes
from hnmref.modes.crystal import image_springs
from hnmref.modes.springs import SpringLaw

#: A triclinic cell, rows in Å.
AXES = np.array([[9.0, 0, 0], [1.5, 8.0, 0], [-1.0, 2.0, 10.0]])

SCREW = np.diag([-1.0, 1.0, -1.0])


def periodic_hessian(x, axes, cutoff, stiffness=lambda r: 1.0):
    """Zone-centre Hessian of P1, by going through the neighbouring cells."""
    n = len(x)
    hessian = np.zeros((n, 3, n, 3))
    for shift in np.ndindex(5, 5, 5):
        t = (np.array(shift) - 2) @ axes
        for i in range(n):
            for j in range(n):
                d = x[i] - x[j] - t
                r = np.linalg.norm(d)
                if 0 < r <= cutoff:
                    block = stiffness(r) * np.outer(d, d) / r**2
                    hessian[i, :, i] += block
                    hessian[i, :, j] -= block
    return hessian.reshape(3 * n, 3 * n)


def test_p1_is_the_zone_centre_of_the_lattice_rank_3n_minus_3():
    x = ball(30, 1) + 1.0
    modes = compute_modes(
        x, n_modes=90, cutoff=5.0, crystal=Crystal(AXES), spring_law="distance_power"
    )
    hessian = periodic_hessian(x, AXES, 5.0, lambda r: max(r, 1.0) ** -2.0)
    values = scipy.linalg.eigvalsh(hessian)
    assert np.count_nonzero(values > 1e-9 * values[-1]) == 87
    assert modes.n_zero == 3
    np.testing.assert_allclose(modes.eigenvalues[3:], values[3:], rtol=1e-8)
    v = flat(modes.vectors)
    np.testing.assert_allclose(hessian @ v, v * modes.eigenvalues, atol=1e-9)
    translation = modes.vectors[:, :, :3]
    np.testing.assert_allclose(translation, translation[:1].repeat(30, axis=0))


def test_an_origin_elsewhere_and_atoms_across_the_cell_change_nothing():
    x = ball(30, 1)
    moved = x + np.array([2, -1, 3]) @ AXES
    moved[7:20] += np.array([-1, 0, 1]) @ AXES
    crystal = Crystal(AXES)
    first, second = (
        compute_modes(y, n_modes=40, cutoff=5.0, crystal=crystal) for y in (x, moved)
    )
    np.testing.assert_allclose(
        second.eigenvalues[3:], first.eigenvalues[3:], rtol=1e-8
    )


@pytest.fixture(scope="module")
def p21():
    """P2(1) along y: asymmetric unit, crystal, and the whole cell."""
    axes = np.array([[10.0, 0, 0], [0, 9.0, 0], [-2.0, 0, 11.0]])
    x = ball(25, 3) + [1.0, 0.0, 1.0]
    shift = np.array([0.0, 4.5, 0.0])
    rotations = np.stack([np.eye(3), SCREW])
    crystal = Crystal(axes, rotations, np.stack([np.zeros(3), shift]))
    return x, crystal, np.vstack([x, x @ SCREW.T + shift])


def test_symmetric_modes_are_those_of_the_whole_cell(p21):
    """Each symmetric mode, carried to the mates, is a mode of the cell in P1."""
    x, crystal, cell = p21
    modes = compute_modes(x, n_modes=75, cutoff=5.0, crystal=crystal)
    assert modes.n_zero == 1
    np.testing.assert_allclose(
        modes.vectors[:, :, 0], np.tile([0, 1 / 5, 0], (25, 1)), atol=1e-12
    )
    hessian = periodic_hessian(cell, crystal.axes, 5.0)
    everywhere = np.concatenate(
        [modes.vectors, np.einsum("ab,jbm->jam", SCREW, modes.vectors)]
    )
    v = flat(everywhere)
    np.testing.assert_allclose(hessian @ v, v * modes.eigenvalues, atol=1e-9)


def test_symmetry_that_allows_no_translation():
    """P2(1)2(1)2(1): no zero modes, with free atoms, blocks and parts."""
    axes = np.diag([12.0, 10.0, 11.0])
    signs = np.array([[1, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1]], float)
    rotations = np.stack([np.diag(sign) for sign in signs])
    halves = np.array([[0, 0, 0], [1, 0, 1], [0, 1, 1], [1, 1, 0]]) / 2
    crystal = Crystal(axes, rotations, halves @ axes)
    x = ball(20, 4) + [1.0, 0.5, 1.5]
    modes = compute_modes(x, n_modes=60, cutoff=5.0, crystal=crystal)
    assert modes.n_zero == 0 and modes.eigenvalues[0] > 1e-6
    cell = np.concatenate([x @ r.T + t for r, t in zip(rotations, halves @ axes)])
    everywhere = np.concatenate(
        [np.einsum("ab,jbm->jam", r, modes.vectors) for r in rotations]
    )
    v = flat(everywhere)
    hessian = periodic_hessian(cell, axes, 5.0)
    np.testing.assert_allclose(hessian @ v, v * modes.eigenvalues, atol=1e-9)
    settings = dict(cutoff=5.0, blocks=np.arange(20) // 3, crystal=crystal)
    in_blocks = compute_modes(x, n_modes=20, **settings)
    assert (in_blocks.eigenvalues >= modes.eigenvalues[:20] * (1 - 1e-9)).all()
    parts = compute_fsub_modes(
        x, n_modes=15, substructures=np.arange(20) // 9, n_substructure=20, **settings
    )
    np.testing.assert_allclose(
        parts.eigenvalues, in_blocks.eigenvalues[:15], rtol=1e-7
    )


def test_blocks_and_parts_in_a_crystal(p21):
    x, crystal, _ = p21
    blocks = np.arange(25) // 3
    settings = dict(cutoff=5.0, blocks=blocks, crystal=crystal)
    modes = compute_modes(x, n_modes=40, **settings)
    free = compute_modes(x, n_modes=40, cutoff=5.0, crystal=crystal)
    assert modes.n_zero == 1
    assert (modes.eigenvalues >= free.eigenvalues[:40] * (1 - 1e-9)).all()
    parts = compute_fsub_modes(
        x, n_modes=30, substructures=np.arange(25) // 12, n_substructure=30, **settings
    )
    np.testing.assert_allclose(
        parts.eigenvalues[1:], modes.eigenvalues[1:30], rtol=1e-7
    )


def test_an_atom_and_its_own_mate_on_a_two_fold_axis():
    """Alone beside an axis: a spring of length 2x costs k (2 u_x)^2 / 2 a bond."""
    axes = np.diag([50.0, 50.0, 50.0])
    crystal = Crystal(axes, np.stack([np.eye(3), SCREW]), np.zeros((2, 3)))
    springs = image_springs(np.array([[1.5, 0.0, 0.0]]), crystal, 4.0, SpringLaw())
    assert len(springs) == 1
    stretch = springs.gradients[0].sum(axis=0)
    np.testing.assert_allclose(np.abs(stretch), [2, 0, 0], atol=1e-12)
    assert springs.stiffness[0] == 0.5


def test_an_atom_on_a_special_position_has_no_spring_to_itself():
    axes = np.diag([50.0, 50.0, 50.0])
    crystal = Crystal(axes, np.stack([np.eye(3), SCREW]), np.zeros((2, 3)))
    x = np.array([[0.0, 2.0, 0.0], [2.0, 2.0, 0.0]])
    springs = image_springs(x, crystal, 3.0, SpringLaw())
    assert sorted(map(tuple, springs.atoms.tolist())) == [(0, 1), (1, 0)]


@pytest.mark.parametrize(
    "arguments, words",
    [
        ((np.zeros((3, 3)),), "no volume"),
        ((np.eye(2),), r"\(3, 3\)"),
        ((AXES, np.eye(3)[None] * 1.1, np.zeros((1, 3))), "no Cartesian rotation"),
        ((AXES, np.eye(3)[None], np.zeros((2, 3))), "as many rotations"),
    ],
)
def test_bad_crystals_are_named(arguments, words):
    with pytest.raises(ModesError, match=words):
        Crystal(*arguments)
