import numpy as np
import pytest
from mode_references import ball, helix

from hnmref.modes import AtomNames, collectivity, compute_modes, write_nmd


@pytest.mark.parametrize("with_masses", [False, True])
def test_file_says_what_the_modes_are(tmp_path, with_masses):
    x = ball(20, 1)
    masses = np.linspace(1, 30, 20) if with_masses else None
    modes = compute_modes(x, n_modes=10, cutoff=4.0, masses=masses)
    names = AtomNames(
        atoms=np.array(["CA"] * 19 + ["O 1"]),
        residues=np.array(["GLY"] * 20),
        residue_numbers=np.arange(-3, 17),
        chains=np.array(["A"] * 19 + [""]),
        b_factors=np.linspace(10, 20, 20),
    )
    path = tmp_path / "m.nmd"
    write_nmd(path, modes, names, "my model")
    lines = dict(
        line.split(" ", 1)
        for line in path.read_text(encoding="utf-8").splitlines()
        if not line.startswith("mode ")
    )
    assert lines["name"] == "my_model"
    assert lines["atomnames"].split()[-1] == "O_1"
    assert lines["chainids"].split()[-1] == "."
    assert lines["resids"].split()[0] == "-3"
    assert all(
        len(lines[key].split()) == 20
        for key in ("atomnames", "resnames", "resids", "chainids", "bfactors")
    )
    np.testing.assert_allclose(
        np.array(lines["coordinates"].split(), float).reshape(-1, 3), x, atol=6e-4
    )
    shown = [
        np.array(line.split()[1:], dtype=float)
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.startswith("mode ")
    ]
    assert [int(row[0]) for row in shown] == [1, 2, 3, 4]
    for row, mode in zip(shown, range(6, 10)):
        amplitude = modes.vectors[:, :, mode].ravel() / modes.eigenvalues[mode] ** 0.5
        np.testing.assert_allclose(row[1] * row[2:], amplitude, atol=1e-5 * row[1])
        assert np.linalg.norm(row[2:]) == pytest.approx(1, abs=1e-3)


def test_collectivity_of_rigid_and_of_local_motion():
    x, _ = helix(10)
    x = np.vstack([x, x[-1] + [0, 0, 3.0]])
    modes = compute_modes(x, n_modes=6)
    share = collectivity(modes)
    np.testing.assert_allclose(share[:3], 1.0)
    modes.vectors[:, :, 0] = 0.0
    modes.vectors[7, 1, 0] = 1.0
    assert collectivity(modes)[0] == pytest.approx(1 / 41)
