"""Principal components of GROMACS and AMBER, from files written as they do."""

import numpy as np
import pytest
from frame_files import (
    N_ATOMS,
    amber_text,
    components,
    write_gromacs,
    write_trr,
)

from hnmref.errors import InputError
from hnmref.programs.md_components import (
    read_amber_components,
    read_gromacs_components,
)


@pytest.fixture(params=[False, True], ids=["unit", "weighted"])
def known(request):
    """Components without or with masses."""
    return components(request.param)


def assert_same(found, known, n, digits):
    np.testing.assert_allclose(found.variances, known.variances[:n], rtol=digits)
    np.testing.assert_allclose(found.mean, known.mean, atol=20 * digits)
    np.testing.assert_allclose(
        found.vectors, known.vectors[:, :, :n], atol=2 * digits, rtol=digits
    )
    np.testing.assert_array_equal(found.masses, known.masses)


@pytest.mark.parametrize("number, digits", [("f", 1e-6), ("d", 1e-12)])
def test_gromacs(tmp_path, known, number, digits):
    path = tmp_path / "eigenvec.trr"
    write_gromacs(path, known, 5, number)
    found = read_gromacs_components(str(path), known.masses)
    assert_same(found, known, 5, digits)
    np.testing.assert_allclose(found.cumulative_share[-1], 1)
    assert "total variance is that of the 5" in found.notes[0]
    # As modes: what fluctuates as much has the same eigenvalue.
    modes = found.to_mode_set(300.0, rigid_body=False)
    expected = known.to_mode_set(300.0).eigenvalues[6:11]
    np.testing.assert_allclose(modes.eigenvalues, expected, rtol=digits)


def test_gromacs_eigenvalues(tmp_path, known):
    """All of them are in the .xvg: the share of the total variance."""
    trr, xvg = tmp_path / "eigenvec.trr", tmp_path / "eigenval.xvg"
    write_gromacs(trr, known, 4)
    lines = ["# of gmx covar", '@ title "Eigenvalues"', "@TYPE xy"]
    lines += [f"{i + 1:10d} {v / 100:.9e}" for i, v in enumerate(known.variances)]
    xvg.write_text("\n".join([*lines, "&", ""]))
    found = read_gromacs_components(str(trr), known.masses, str(xvg))
    assert_same(found, known, 4, 1e-6)
    np.testing.assert_allclose(
        found.cumulative_share, known.cumulative_share[:4], rtol=1e-6
    )
    xvg.write_text("1 0.5\n2 0.25\n")
    with pytest.raises(InputError, match="2 eigenvalues and .* eigenvector 4"):
        read_gromacs_components(str(trr), known.masses, str(xvg))
    xvg.write_text("no table\n")
    with pytest.raises(InputError, match="eigenval.xvg cannot be read"):
        read_gromacs_components(str(trr), known.masses, str(xvg))


def test_amber(tmp_path, known):
    path = tmp_path / "evecs.dat"
    path.write_text(amber_text(known, 6))
    found = read_amber_components(str(path), known.masses)
    assert_same(found, known, 6, 2e-5)


def test_numbers_that_touch_are_parted_by_their_width(tmp_path, known):
    known.mean[:] = -1000.12345
    path = tmp_path / "evecs.dat"
    path.write_text(amber_text(known, 2))
    assert "-1000.12345-1000.12345" in path.read_text()
    found = read_amber_components(str(path), known.masses)
    np.testing.assert_allclose(found.mean, -1000.12345)


def test_ptraj_has_no_width(tmp_path):
    known = components(weighted=False)
    path = tmp_path / "evecs.dat"
    path.write_text(amber_text(known, 3, header=" Eigenvector file: COVAR"))
    assert_same(read_amber_components(str(path)), known, 3, 2e-5)


def test_masses_are_asked_for(tmp_path):
    known = components(weighted=True)
    trr, text = tmp_path / "eigenvec.trr", tmp_path / "evecs.dat"
    write_gromacs(trr, known, 3)
    text.write_text(amber_text(known, 3))
    for read, path in ((read_gromacs_components, trr), (read_amber_components, text)):
        with pytest.raises(InputError, match="needs their masses, .* are none"):
            read(str(path))
        with pytest.raises(InputError, match="of which there are 4"):
            read(str(path), np.ones(4))
    with pytest.raises(InputError, match="not of the length 1"):
        read_amber_components(str(text), 2 * known.masses)


def test_bad_gromacs_files_are_one_sentence(tmp_path, known):
    trr = tmp_path / "eigenvec.trr"
    write_gromacs(trr, known, 3)
    whole = trr.read_bytes()
    for content, words in (
        (whole[:-7], "cannot be read as a GROMACS .trr"),
        (b"something else", "no frame begins at byte 0"),
        (b"", "cannot be read as a GROMACS .trr"),
    ):
        trr.write_bytes(content)
        with pytest.raises(InputError, match=words) as caught:
            read_gromacs_components(str(trr))
        assert "\n" not in str(caught.value)
    write_trr(trr, [(0, 0.0, 0.0, known.mean), (0, 1.0, 0.0, known.mean)])
    with pytest.raises(InputError, match="no mean structure followed by"):
        read_gromacs_components(str(trr))
    write_trr(trr, [(i, float(i), 0.0, known.mean) for i in range(3)])
    with pytest.raises(InputError, match="numbers in the place of their eigenvalues"):
        read_gromacs_components(str(trr))
    with pytest.raises(InputError, match="none.trr cannot be read"):
        read_gromacs_components(str(tmp_path / "none.trr"))


def test_bad_amber_files_are_one_sentence(tmp_path, known):
    path = tmp_path / "evecs.dat"
    text = amber_text(known, 3)
    lines = text.splitlines()
    n_mean = -(-3 * N_ATOMS // 7)
    for content, words in (
        ("", "does not begin with"),
        (text.replace("COVAR", "CORREL"), "does not begin with"),
        ("\n".join(lines[:-3]), "is cut short"),
        ("\n".join(lines[: 2 + n_mean]), "has no eigenvectors"),
        (text.replace("****", "....", 1), "cannot be read as eigenvectors"),
    ):
        path.write_text(content)
        with pytest.raises(InputError, match=words) as caught:
            read_amber_components(str(path), known.masses)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="none.dat cannot be read"):
        read_amber_components(str(tmp_path / "none.dat"))
