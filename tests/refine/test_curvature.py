"""The model of the target's curvature, against second differences of the target."""

import hnmref  # noqa: F401  (cctbx's extensions load first)

import mmtbx.f_model
import numpy as np
import pytest
from cctbx import crystal, xray

from hnmref.refine import arrays
from hnmref.refine.curvature import DIRECTIONS, target_curvatures
from hnmref.refine.displacements import use_both_parts
from hnmref.refine.target import XrayTarget

N_ATOMS = 40
STEP = 0.02


def crystal_of(space_group, cell, rng):
    """Atoms of three elements at random, with B from 20 to 80 Å²."""
    symmetry = crystal.symmetry(unit_cell=cell, space_group_symbol=space_group)
    structure = xray.structure(crystal_symmetry=symmetry)
    for i in range(N_ATOMS):
        structure.add_scatterer(
            xray.scatterer(
                label=f"A{i}",
                scattering_type="CNS"[i % 3],
                site=rng.uniform(size=3),
                b=rng.uniform(20, 80),
            )
        )
    structure.scattering_type_registry(table="n_gaussian")
    return structure


def exact_target(structure, name, rng):
    """Data that the structure explains: what is left is the curvature's."""
    f_obs = abs(structure.structure_factors(d_min=2.0).f_calc())
    f_obs.set_observation_type_xray_amplitude()
    free = arrays.to_bool(rng.uniform(size=f_obs.size()) < 0.1)
    return mmtbx.f_model.manager(
        f_obs=f_obs,
        r_free_flags=f_obs.array(data=free),
        xray_structure=structure,
        target_name=name,
    )


@pytest.mark.parametrize(
    "space_group, cell",
    [
        ("P 1", (17, 18, 19, 85, 95, 103)),
        ("P 1 21 1", (20, 22, 24, 90, 107, 90)),
        ("P 6", (30, 30, 20, 90, 90, 120)),
    ],
)
def test_curvature_of_the_least_squares_target(space_group, cell):
    """By an isotropic and by an anisotropic change of one atom at a time."""
    rng = np.random.default_rng(3)
    structure = crystal_of(space_group, cell, rng)
    use_both_parts(structure)
    fmodel = exact_target(structure, "ls_wunit_k1", rng)
    expected = target_curvatures(fmodel)
    target = XrayTarget(fmodel)
    nothing = np.zeros((N_ATOMS, 6))
    middle = target(nothing)[0]
    for direction in ([1, 1, 1, 0, 0, 0], [1, -1, 0, 0, 0, 0], [0, 0, 0, 0, 1, 0]):
        direction = np.array(direction, float)
        seen = []
        for atom in range(N_ATOMS):
            change = nothing.copy()
            change[atom] = STEP * direction
            both = target(change)[0] + target(-change)[0]
            seen.append((both - 2 * middle) / STEP**2)
        ratio = np.array(seen) / (expected * (direction @ DIRECTIONS @ direction))
        # Atoms overlap and phases are not quite random: right on average.
        assert 0.7 < np.median(ratio) < 1.4
        assert np.percentile(ratio, 10) > 0.2 and np.percentile(ratio, 90) < 4


def test_curvature_of_likelihood_is_of_its_order():
    rng = np.random.default_rng(4)
    structure = crystal_of("P 1", (17, 18, 19, 85, 95, 103), rng)
    use_both_parts(structure)
    fmodel = exact_target(structure, "ml", rng)
    curvatures = target_curvatures(fmodel)
    assert np.isfinite(curvatures).all() and (curvatures > 0).all()


def test_an_atom_without_occupancy_keeps_a_little():
    rng = np.random.default_rng(5)
    structure = crystal_of("P 1", (17, 18, 19, 85, 95, 103), rng)
    structure.scatterers()[3].occupancy = 0.0
    use_both_parts(structure)
    curvatures = target_curvatures(exact_target(structure, "ls_wunit_k1", rng))
    assert 0 < curvatures[3] < 1e-5 * np.median(curvatures)
