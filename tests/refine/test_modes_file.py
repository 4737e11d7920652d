"""Modes of the whole complex from a file of hnmref.modes."""

from dataclasses import replace

import numpy as np
import pytest
from small_run import refine_params, small_inputs, small_refinement

from hnmref.errors import InputError
from hnmref.refine import arrays
from hnmref.refine.modes import group_modes


@pytest.fixture(scope="module")
def own_modes(files):
    """The modes that the refinement would compute by itself."""
    params = refine_params()
    inputs = small_inputs(files, params)
    structure = inputs.model.get_xray_structure()
    return group_modes(
        arrays.vec3_to_numpy(structure.sites_cart()),
        inputs.groups.assigned,
        inputs.groups.blocks,
        params.hnm.n_whole,
        params.hnm.network,
    )


@pytest.fixture
def save(tmp_path):
    """Write modes; the parameter that names the file."""

    def write(modes):
        modes.save(tmp_path / "m_modes.npz")
        return f"hnm.modes_file={tmp_path / 'm_modes.npz'}"

    return write


def test_own_modes_from_a_file_give_the_same_run(files, own_modes, save):
    from_file = small_refinement(files, save(own_modes))
    by_itself = small_refinement(files)
    for refinement in (from_file, by_itself):
        refinement.run()
    assert np.array_equal(
        from_file.group_adp.displacements.u_group,
        by_itself.group_adp.displacements.u_group,
    )
    assert from_file.r_factors() == by_itself.r_factors()


def test_other_modes_give_another_stage_one(files, own_modes, save):
    vectors = own_modes.vectors.copy()
    vectors[:, :, 6:] = vectors[::-1, :, 6:]
    other = small_refinement(files, save(replace(own_modes, vectors=vectors)))
    own = small_refinement(files)
    for refinement in (other, own):
        refinement.run()
    assert not np.allclose(
        other.group_adp.u_whole(), own.group_adp.u_whole(), atol=1e-4
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda modes: modes.select(np.arange(modes.n_atoms - 1)), "atoms"),
        (lambda modes: modes.truncate(7), "7 modes"),
        (
            lambda modes: replace(modes, coordinates=modes.coordinates + 3.0),
            "Å away",
        ),
    ],
)
def test_modes_that_do_not_fit_are_refused(files, own_modes, save, change, words):
    with pytest.raises(InputError, match=words) as error:
        small_refinement(files, save(change(own_modes)))
    assert "hnm.modes_file" in str(error.value)
