"""A shaken start: other coordinates, the same molecule, the same every time."""

import iotbx.pdb
import numpy as np
import pytest

from hnmref.refine.arrays import vec3_to_numpy
from hnmref.refine.reference_data import find_monomer_library
from regression.shake import shake_file, shaken
from tests.regression.small_tasks import make_entry

needs_library = pytest.mark.skipif(
    find_monomer_library() is None,
    reason="no monomer library: run hnmref.get_reference_data",
)


def atoms_of(path):
    return iotbx.pdb.input(str(path)).construct_hierarchy().atoms()


@needs_library
def test_shaken_atoms_move_some_tenths_of_an_angstrom(tmp_path):
    entry = make_entry(tmp_path / "1abc")
    first = shaken(entry, tmp_path / "a", 200, seed=1)
    assert (first.id, first.data) == (entry.id, entry.data)
    assert first.n_atoms() == entry.n_atoms() > 60
    before, after = atoms_of(entry.model), atoms_of(first.model)
    assert [a.id_str() for a in before] == [a.id_str() for a in after]
    moved = vec3_to_numpy(after.extract_xyz()) - vec3_to_numpy(before.extract_xyz())
    # 300 K for 0.1 ps.
    assert 0.1 < np.sqrt((moved**2).sum(axis=1).mean()) < 1.0
    for seed in (1, 2):
        shake_file(str(entry.model), tmp_path / f"{seed}.cif", 200, seed)
    text = first.model.read_text()
    assert (tmp_path / "1.cif").read_text() == text
    assert (tmp_path / "2.cif").read_text() != text


@needs_library
def test_a_model_that_cannot_be_shaken_is_named(tmp_path):
    entry = make_entry(tmp_path / "1abc")
    entry.model.write_text(entry.model.read_text().replace(" PRO ", " QQZ "))
    with pytest.raises(SystemExit, match="1abc cannot be shaken: .*QQZ"):
        shaken(entry, tmp_path / "a", 10, seed=1)
    assert not list((tmp_path / "a").glob("*.cif"))
