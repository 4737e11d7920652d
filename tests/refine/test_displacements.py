"""The two parts of U in a cctbx structure: split, put in, taken out, and held."""

import hnmref  # noqa: F401  (cctbx's extensions load first)

import mmtbx.tls.tools
import numpy as np
import pytest
from cctbx import adptbx, crystal, xray

from hnmref.refine import arrays
from hnmref.refine.displacements import (
    LOCAL_FLOOR,
    LOCAL_RESERVE,
    Displacements,
    held_anisotropy,
    split,
    total_u_cart,
    use_both_parts,
)

N_ATOMS = 12
#: A monoclinic cell: Cartesian axes and crystal axes differ.
CELL = (17, 19, 23, 90, 105, 90)


def isotropic_structure(b):
    """Atoms with these isotropic B (Å²)."""
    structure = xray.structure(
        crystal_symmetry=crystal.symmetry(unit_cell=CELL, space_group_symbol="P 1 2 1")
    )
    sites = np.random.default_rng(0).uniform(0.1, 0.4, size=(len(b), 3))
    for site, u in zip(sites.tolist(), u_of_b(b)):
        structure.add_scatterer(xray.scatterer("C", site=site, u=float(u)))
    return structure


def u_of_b(b):
    return np.asarray(b) / adptbx.u_as_b(1.0)


def random_u(rng, n, smallest=0.2):
    """(n, 6) tensors whose smallest principal value is at least this (Å²)."""
    factors = rng.normal(scale=0.3, size=(n, 3, 3))
    u = factors @ factors.transpose(0, 2, 1) + smallest * np.eye(3)
    return u[:, [0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]]


@pytest.fixture
def mixed():
    """Isotropic, anisotropic, and doubly flagged atoms; their total U."""
    rng = np.random.default_rng(1)
    structure = isotropic_structure(rng.uniform(10, 60, N_ATOMS))
    u = random_u(rng, N_ATOMS)
    scatterers = structure.scatterers()
    total = np.zeros((N_ATOMS, 6))
    for i in range(N_ATOMS):
        scatterer = scatterers[i]
        if i % 3 == 0:
            total[i, :3] = scatterer.u_iso
            continue
        total[i] = u[i]
        scatterer.u_star = adptbx.u_cart_as_u_star(structure.unit_cell(), tuple(u[i]))
        scatterer.flags.set_use_u_aniso(True)
        if i % 3 == 1:
            scatterer.flags.set_use_u_iso(False)
        else:
            total[i, :3] += scatterer.u_iso
    return structure, total


def test_total_of_any_mixture_of_flags(mixed):
    structure, total = mixed
    assert np.allclose(total_u_cart(structure), total, rtol=0, atol=1e-14)


def test_parts_of_any_mixture_of_flags(mixed):
    structure, total = mixed
    parts = Displacements.of(structure)
    assert np.allclose(parts.total(), total, rtol=0, atol=1e-14)
    isotropic, anisotropic = np.arange(0, N_ATOMS, 3), np.arange(1, N_ATOMS, 3)
    assert np.abs(parts.u_group[isotropic]).max() < 1e-14
    assert not parts.u_local[anisotropic].any()
    assert np.all(parts.u_local[2::3] > 0)


def test_both_flags_keep_the_total(mixed):
    structure, total = mixed
    before = structure.structure_factors(d_min=2.5, algorithm="direct").f_calc()
    use_both_parts(structure)
    assert structure.use_u_aniso().all_eq(True)
    assert structure.use_u_iso().all_eq(True)
    assert np.allclose(total_u_cart(structure), total, rtol=0, atol=1e-14)
    after = structure.structure_factors(d_min=2.5, algorithm="direct").f_calc()
    before, after = (f.data().as_numpy_array() for f in (before, after))
    assert np.abs(before - after).max() < 1e-12 * np.abs(before).max()


def test_both_flags_for_some_atoms_only(mixed):
    structure, total = mixed
    use_both_parts(structure, np.array([0, 1]))
    both = structure.use_u_aniso() & structure.use_u_iso()
    assert arrays.to_numpy(both).nonzero()[0].tolist() == [0, 1, 2, 5, 8, 11]
    assert np.allclose(total_u_cart(structure), total, rtol=0, atol=1e-14)


def test_parts_go_in_and_out_again(mixed):
    structure, _ = mixed
    use_both_parts(structure)
    rng = np.random.default_rng(2)
    parts = Displacements(random_u(rng, N_ATOMS), rng.uniform(0.1, 0.5, N_ATOMS))
    parts.put_into(structure)
    back = Displacements.of(structure)
    assert np.allclose(back.u_group, parts.u_group, rtol=0, atol=1e-14)
    assert np.array_equal(back.u_local, parts.u_local)


def test_local_part_is_taken_with_a_floor():
    parts = Displacements(np.ones((3, 6)), np.zeros(3))
    parts.take_local(adptbx.b_as_u(1.0) * np.array([0.1, 20.0, -3.0]))
    assert parts.u_local == pytest.approx([LOCAL_FLOOR, adptbx.b_as_u(20), LOCAL_FLOOR])
    assert np.array_equal(parts.u_group, np.ones((3, 6)))


def test_split_of_isotropic_atoms_is_mmtbxs():
    """Two groups of different smallest B; atoms 10 and 11 are in none."""
    b = np.random.default_rng(3).uniform(8, 90, N_ATOMS)
    groups = [np.arange(0, 5), np.arange(5, 10)]
    structure = isotropic_structure(b)
    ours = split(total_u_cart(structure), groups)

    use_both_parts(structure)
    mmtbx.tls.tools.split_u(structure, [arrays.to_size_t(g) for g in groups], True)
    theirs = Displacements.of(structure)
    assert np.allclose(ours.u_local, theirs.u_local, rtol=0, atol=1e-14)
    assert np.allclose(ours.u_group, theirs.u_group, rtol=0, atol=1e-14)
    assert adptbx.u_as_b(ours.u_local[groups[0]].min()) == pytest.approx(5.0)


def test_split_keeps_the_total_of_anisotropic_atoms():
    total = random_u(np.random.default_rng(4), N_ATOMS)
    groups = [np.arange(0, 6), np.arange(6, 11)]
    parts = split(total, groups)
    assert np.allclose(parts.total()[:11], total[:11], rtol=0, atol=1e-15)
    matrices = parts.u_group[:11, [0, 3, 4, 3, 1, 5, 4, 5, 2]].reshape(-1, 3, 3)
    smallest = np.linalg.eigvalsh(matrices)[:, 0]
    # The group's part is the least that all of its atoms have in every direction.
    for atoms in groups:
        assert np.ptp(smallest[atoms]) < 1e-12
        assert parts.u_local[atoms].min() == pytest.approx(LOCAL_RESERVE)
    # An atom in no group has no place for anisotropy.
    assert not parts.u_group[11].any()
    assert parts.u_local[11] == pytest.approx(total[11, :3].mean())


def test_split_leaves_low_b_local():
    """Below 5 Å² nothing becomes collective."""
    structure = isotropic_structure([3.0, 4.0, 30.0])
    parts = split(total_u_cart(structure), [np.arange(3)])
    assert np.abs(parts.u_group).max() < 1e-15
    assert adptbx.u_as_b(1.0) * parts.u_local == pytest.approx([3, 4, 30])


def test_split_has_a_floor():
    """A flat tensor leaves its thin direction to the floor of U_local."""
    total = np.array([[0.3, 0.2, 0.0, 0, 0, 0], [0.3, 0.3, 0.3, 0, 0, 0]])
    parts = split(total, [np.arange(2)])
    assert parts.u_local[0] == LOCAL_FLOOR
    assert np.allclose(parts.total(), total, rtol=0, atol=1e-15)


def clipped_by_tidying(structure):
    """A structure whose anisotropy mmtbx's tidying would clip."""
    use_both_parts(structure)
    flat = np.tile([0.5, 0.0, 0.0, 0.0, 0.0, 0.0], (N_ATOMS, 1))
    Displacements(flat, np.full(N_ATOMS, 0.1)).put_into(structure)
    return structure


def u_star_bytes(structure):
    return arrays.sym_mat3_to_numpy(structure.scatterers().extract_u_star()).tobytes()


def test_tidying_clips_outside(mixed):
    """Why the context is there."""
    structure = clipped_by_tidying(mixed[0])
    before = u_star_bytes(structure)
    structure.tidy_us()
    assert u_star_bytes(structure) != before


def test_held_anisotropy_is_kept_bit_for_bit(mixed):
    structure = clipped_by_tidying(mixed[0])
    structure.scatterers()[3].u_iso = -0.2
    before = u_star_bytes(structure)
    with held_anisotropy(structure):
        structure.tidy_us()
        structure.tidy_us(u_min=1e-6)
        assert u_star_bytes(structure) == before
        assert structure.scatterers()[3].u_iso > 0
    structure.tidy_us()
    assert u_star_bytes(structure) != before


def test_anisotropy_is_let_go_after_an_error(mixed):
    structure = clipped_by_tidying(mixed[0])
    before = u_star_bytes(structure)
    with pytest.raises(RuntimeError, match="stop"):
        with held_anisotropy(structure):
            raise RuntimeError("stop")
    structure.tidy_us()
    assert u_star_bytes(structure) != before
