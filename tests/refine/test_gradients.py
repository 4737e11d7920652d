"""Gradients with respect to Ω against finite differences of direct summation.

Through the same GroupedModes and XrayTarget that a refinement uses.
"""

import hnmref  # noqa: F401  (cctbx's extensions load first)

import mmtbx.f_model
import numpy as np
import pytest
from cctbx import crystal, xray
from cctbx.array_family import flex

from hnmref.adp.basis import ModeBasis
from hnmref.adp.groups import GroupedModes
from hnmref.adp.metrics import as_matrices
from hnmref.adp.restraint import e_nm
from hnmref.errors import HnmrefError
from hnmref.refine import arrays
from hnmref.refine.displacements import Displacements, site_averages, use_both_parts
from hnmref.refine.target import XrayTarget

#: Space group, cell, and the fractional site of its special atom (None in P 1).
CRYSTALS = {
    "triclinic": ("P 1", (11, 12, 13, 81, 94, 103), None),
    "monoclinic": ("P 1 2 1", (12, 11, 14, 90, 107, 90), (0.5, 0.31, 0.0)),
    "hexagonal": ("P 6", (14, 14, 12, 90, 90, 120), (0.0, 0.0, 0.2)),
    "hexagonal, oblique axis": ("P 3 2 1", (14, 14, 13, 90, 90, 120), (0.27, 0, 0)),
}
N_ATOMS = 20
N_MODES = 10
#: The atom on a special position, and one that is in no group.
SPECIAL, UNGROUPED = 4, 19
#: Central differences in Ω (Å); amplitudes are some tenths of an Å.
STEP = 1e-4


def random_structure(name, rng):
    """Carbon, nitrogen and oxygen at random, one of them on a special position."""
    group, cell, special = CRYSTALS[name]
    symmetry = crystal.symmetry(unit_cell=cell, space_group_symbol=group)
    settings = crystal.special_position_settings(symmetry, min_distance_sym_equiv=0.1)
    structure = xray.structure(special_position_settings=settings)
    for i in range(N_ATOMS):
        site = rng.uniform(size=3) if i != SPECIAL or special is None else special
        structure.add_scatterer(
            xray.scatterer(label=f"A{i}", scattering_type="CNO"[i % 3], site=site)
        )
    structure.scattering_type_registry(table="n_gaussian")
    return structure


@pytest.fixture(params=CRYSTALS)
def structure(request):
    return random_structure(request.param, np.random.default_rng(7))


def grouped_modes(structure, rng):
    """Two groups that interleave, and one atom in none."""
    members = [np.arange(0, UNGROUPED, 2), np.arange(1, UNGROUPED, 2)]
    bases = [
        ModeBasis(rng.normal(size=(len(atoms), 3, N_MODES)), atoms) for atoms in members
    ]
    return GroupedModes(bases, N_ATOMS, site_averages(structure))


def random_omegas(rng, size=0.07):
    return [np.tril(rng.normal(scale=size, size=(N_MODES, N_MODES))) for _ in range(2)]


def fmodel_of(structure, target_name, rng):
    """f_model whose observations are those of somewhat other displacements."""
    other = structure.deep_copy_scatterers()
    other.set_u_iso(values=arrays.to_double(rng.uniform(0.05, 0.4, N_ATOMS)))
    calculated = abs(other.structure_factors(d_min=1.7, algorithm="direct").f_calc())
    f_obs = calculated.customized_copy(
        data=calculated.data(), sigmas=flex.double(calculated.size(), 1.0)
    ).set_observation_type_xray_amplitude()
    free = arrays.to_bool(rng.uniform(size=f_obs.size()) < 0.15)
    accuracy = mmtbx.f_model.sf_and_grads_accuracy_master_params.extract()
    accuracy.algorithm = "direct"
    return mmtbx.f_model.manager(
        f_obs=f_obs,
        r_free_flags=f_obs.array(data=free),
        xray_structure=structure,
        sf_and_grads_accuracy_params=accuracy,
        target_name=target_name,
        k_sol=0.35,
        b_sol=46.0,
    )


def finite_differences(function, parameters):
    """Central differences of every parameter."""
    result = np.empty(len(parameters))
    for i in range(len(parameters)):
        values = []
        for step in (STEP, -STEP):
            moved = parameters.copy()
            moved[i] += step
            values.append(function(moved))
        result[i] = (values[0] - values[1]) / (2 * STEP)
    return result


def assert_gradient(gradient, expected):
    assert np.linalg.norm(gradient - expected) <= 1e-5 * np.linalg.norm(expected)


@pytest.mark.parametrize("target_name", ["ls_wunit_k1", "ml"])
def test_target_with_respect_to_omega(structure, target_name):
    rng = np.random.default_rng(8)
    model = grouped_modes(structure, rng)
    omegas = random_omegas(rng)
    use_both_parts(structure)
    Displacements(model.u(omegas), np.full(N_ATOMS, 0.15)).put_into(structure)
    target = XrayTarget(fmodel_of(structure, target_name, rng))
    u, pull_back = model.u_and_pullback(omegas)
    by_u = target(u)[1]
    gradient = model.pack(pull_back(by_u))
    # The way by Π: dT/dΩ = 2 dT/dΠ Ω.
    by_pi = [2 * g @ omega for g, omega in zip(model.project(by_u), omegas)]
    accuracy = 1e-12 * np.abs(gradient).max()
    assert np.allclose(model.pack(by_pi), gradient, rtol=0, atol=accuracy)

    def value(parameters):
        return target(model.u(model.unpack(parameters)))[0]

    assert_gradient(gradient, finite_differences(value, model.pack(omegas)))


def test_restraint_with_respect_to_omega(structure):
    rng = np.random.default_rng(9)
    model = grouped_modes(structure, rng)
    omegas, u_whole = random_omegas(rng), model.u(random_omegas(rng))
    u, pull_back = model.u_and_pullback(omegas)
    gradient = model.pack(pull_back(e_nm(u, u_whole)[1]))

    def value(parameters):
        return e_nm(model.u(model.unpack(parameters)), u_whole)[0]

    assert_gradient(gradient, finite_differences(value, model.pack(omegas)))


def test_u_group_has_its_sites_symmetry(structure):
    rng = np.random.default_rng(10)
    special = list(structure.special_position_indices())
    assert special == ([] if structure.space_group().order_z() == 1 else [SPECIAL])
    model = grouped_modes(structure, rng)
    u = model.u(random_omegas(rng))
    cell = structure.unit_cell()
    to_cartesian = np.array(cell.orthogonalization_matrix()).reshape(3, 3)
    to_fractional = np.array(cell.fractionalization_matrix()).reshape(3, 3)
    for i_seq in special:
        tensor = as_matrices(u)[i_seq]
        site = structure.site_symmetry_table().get(i_seq)
        assert site.n_matrices() > 1
        for operation in site.matrices():
            rotation = np.array(operation.r().as_double()).reshape(3, 3)
            rotation = to_cartesian @ rotation @ to_fractional
            assert np.allclose(rotation @ tensor @ rotation.T, tensor, atol=1e-12)
        u_star = arrays.numpy_to_sym_mat3(
            u[i_seq : i_seq + 1] @ arrays.u_cart_to_u_star(cell).T
        )[0]
        assert np.allclose(site.average_u_star(u_star), u_star, rtol=0, atol=1e-15)


def test_undefined_displacements_are_refused():
    rng = np.random.default_rng(11)
    structure = random_structure("triclinic", rng)
    use_both_parts(structure)
    target = XrayTarget(fmodel_of(structure, "ls_wunit_k1", rng))
    u = np.zeros((N_ATOMS, 6))
    u[6, 3] = np.nan
    with pytest.raises(HnmrefError, match="atom 7 became infinite .*hnm.n_whole"):
        target(u)
    assert target.n_evaluations == 0
