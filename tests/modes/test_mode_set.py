import numpy as np
import pytest
from mode_references import ball

from hnmref.errors import ModesError
from hnmref.modes import ModeSet, compute_modes


@pytest.fixture(scope="module")
def modes():
    return compute_modes(
        np.vstack([ball(20, 1), [[40.0, 0, 0]]]),
        n_modes=12,
        cutoff=4.0,
        masses=np.linspace(1, 20, 21),
        atom_labels=[f"Å{j}" for j in range(21)],
    )


def test_file_round_trip_is_exact(modes, tmp_path):
    path = tmp_path / "m_modes.npz"
    modes.save(path)
    back = ModeSet.load(path)
    for name in ("eigenvalues", "vectors", "coordinates", "masses"):
        assert np.array_equal(getattr(back, name), getattr(modes, name))
    assert back.n_zero == modes.n_zero
    assert back.atom_labels == modes.atom_labels
    assert back.provenance == modes.provenance
    assert back.notes == modes.notes and modes.notes


def test_labels_may_be_absent(tmp_path):
    plain = compute_modes(ball(10, 2), n_modes=8, cutoff=4.0)
    plain.save(tmp_path / "plain.npz")
    assert ModeSet.load(tmp_path / "plain.npz").atom_labels is None


def test_a_failed_save_leaves_the_old_file(modes, tmp_path, monkeypatch):
    path = tmp_path / "m.npz"
    modes.save(path)
    before = path.read_bytes()

    def full_disk(*_, **__):
        raise OSError("no space left")

    monkeypatch.setattr(np, "savez", full_disk)
    with pytest.raises(OSError):
        modes.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["m.npz"]


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04broken"])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "other.npz"
    path.write_bytes(content)
    with pytest.raises(ModesError, match="other.npz"):
        ModeSet.load(path)


def test_other_arrays_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.ones(3))
    np.save(tmp_path / "b.npy", np.ones(3))
    for name in ("a.npz", "b.npy", "missing.npz"):
        with pytest.raises(ModesError, match=name):
            ModeSet.load(tmp_path / name)


def test_truncate(modes):
    few = modes.truncate(8)
    assert few.n_modes == 8 and few.n_zero == 6
    assert np.array_equal(few.vectors, modes.vectors[:, :, :8])
    assert modes.truncate(4).n_zero == 4
    for n in (0, modes.n_modes + 1):
        with pytest.raises(ModesError, match="ask for 1 to"):
            modes.truncate(n)


@pytest.mark.parametrize("atoms", [[3, 1], np.arange(21) % 2 == 0])
def test_select(modes, atoms):
    some = modes.select(np.array(atoms))
    assert np.array_equal(some.vectors, modes.vectors[np.array(atoms)])
    assert some.n_atoms == len(some.atom_labels) == len(some.masses)
    assert some.atom_labels[0] == modes.atom_labels[np.arange(21)[np.array(atoms)][0]]
