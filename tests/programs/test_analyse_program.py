"""The hnmref.analyse command, from files to files."""

import re
import shutil

import numpy as np
import pytest
from libtbx.utils import Sorry
from mode_models import pdb_text

from hnmref.modes import ModeSet, collectivity, compute_modes
from hnmref.modes.correlation import cross_correlation, distance_fluctuations
from hnmref.modes.fluctuations import b_factors, mode_range, thermal_motion
from hnmref.modes.overlap import overlaps, structural_difference
from hnmref.modes.thermodynamics import thermodynamics
from hnmref.programs.analyse import run
from hnmref.programs.mode_atoms import short_names
from hnmref.programs.modes import run as run_modes

ALL = (
    "analyses=bfactors+correlation+collectivity+distance_fluctuations+"
    "thermodynamics+overlap+covariance"
)


def with_b_factors(text):
    """B of 10 and the residue's number."""
    lines = []
    for line in text.splitlines(keepends=True):
        if line.startswith(("ATOM", "HETATM")):
            line = f"{line[:60]}{10.0 + int(line[22:26]):6.2f}{line[66:]}"
        lines.append(line)
    return "".join(lines)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A model with its modes, other modes, C-alpha and Gaussian ones."""
    path = tmp_path_factory.mktemp("modes")
    model = path / "model.pdb"
    model.write_text(with_b_factors(pdb_text()))
    for prefix, *more in (
        ("m",),
        ("o", "cutoff=6"),
        ("c", "nodes=ca", "blocks=none"),
        ("g", "nodes=ca", "forcefield=gaussian", "cutoff=10"),
        ("z", "blocks=selections", "block=all"),
    ):
        n_modes = "n_modes=6" if prefix == "z" else "n_modes=16"
        run_modes([str(model), f"output.prefix={path / prefix}", n_modes, *more])
    return path


@pytest.fixture
def here(made, tmp_path, monkeypatch):
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def columns(path):
    """Columns of a CSV file by their titles, numbers where they are numbers."""
    head, *rows = [line.split(",") for line in path.read_text().splitlines()]
    result = {}
    for title, texts in zip(head, zip(*rows)):
        try:
            result[title] = np.array(texts, dtype=float)
        except ValueError:
            result[title] = np.array(texts)
    return result


def test_everything_at_once(here, capsys):
    results = run(["m_modes.npz", "o_modes.npz", "model.pdb", ALL])
    modes = ModeSet.load(here / "m_modes.npz")
    motion = thermal_motion(modes, spring_constant=1.0)
    assert list(results) == [
        "bfactors",
        "correlation",
        "collectivity",
        "distance_fluctuations",
        "thermodynamics",
        "overlap",
        "covariance",
    ]
    for name in results:
        assert (here / f"m_{name}.png").read_bytes().startswith(b"\x89PNG")
    assert not list(here.glob(".*partial*"))
    table = columns(here / "m_bfactors.csv")
    np.testing.assert_allclose(
        table["b_calculated_A2"], b_factors(motion), rtol=1e-5
    )
    assert list(table["atom"]) == modes.atom_labels
    assert table["b_model_A2"][11] == 13.0
    table = columns(here / "m_collectivity.csv")
    np.testing.assert_allclose(table["collectivity"], collectivity(motion), rtol=1e-5)
    assert table["mode"][0] == 7
    table = columns(here / "m_thermodynamics.csv")
    expected = thermodynamics(modes.eigenvalues[6:], 1.0)
    np.testing.assert_allclose(
        table["entropy_cal/mol/K"], expected.entropy, rtol=1e-5
    )
    with np.load(here / "m_overlap.npz") as stored:
        other = ModeSet.load(here / "o_modes.npz")
        np.testing.assert_allclose(
            stored["overlap"],
            overlaps(modes.vectors[:, :, 6:], other.vectors[:, :, 6:]),
            atol=1e-6,
        )
    out = capsys.readouterr().out
    log = (here / "m_analysis.log").read_text()
    for text in ("RMSIP", "Correlation with the model's B", "m_covariance.npz"):
        assert text in out and text in log


def test_matrices_are_of_a_residue_each_or_of_all_atoms(here):
    asked = ["analyses=correlation+distance_fluctuations+covariance"]
    run(["m_modes.npz", *asked])
    run(["m_modes.npz", *asked, "atoms=all", "output.prefix=all/a"])
    motion = thermal_motion(ModeSet.load(here / "m_modes.npz"), spring_constant=1.0)
    with np.load(here / "m_correlation.npz") as stored:
        labels, matrix = stored["labels"], stored["matrix"]
    assert [str(label).split()[-1] for label in labels] == ["CA"] * 20
    atoms = np.arange(1, 100, 5)
    whole = cross_correlation(motion)
    np.testing.assert_allclose(matrix, whole[np.ix_(atoms, atoms)], atol=1e-6)
    with np.load(here / "all" / "a_correlation.npz") as stored:
        np.testing.assert_allclose(stored["matrix"], whole, atol=1e-6)
    with np.load(here / "all" / "a_distance_fluctuations.npz") as stored:
        expected = distance_fluctuations(motion)
        np.testing.assert_allclose(stored["matrix"], expected, rtol=1e-5, atol=1e-6)
    with np.load(here / "m_covariance.npz") as stored:
        diagonal = np.diag(stored["matrix"]).reshape(20, 3)
        np.testing.assert_allclose(
            diagonal, stored["tensors"][atoms, :3], rtol=1e-5
        )
    table = columns(here / "m_correlation.csv")
    np.testing.assert_allclose(table["A ALA 3 CA"], whole[atoms, 11], atol=1e-4)


def test_a_selection_of_the_models_atoms(here):
    run(
        ["m_modes.npz", "model.pdb", "analyses=correlation", "atoms=all"]
        + ["selection=resseq 3:4", "output.prefix=s"]
    )
    with np.load(here / "s_correlation.npz") as stored:
        labels = {str(label).split()[2] for label in stored["labels"]}
        assert len(stored["labels"]) == 10 and labels == {"3", "4"}


def test_page_holds_its_pictures_and_needs_nothing_else(here):
    run(["m_modes.npz", "analyses=bfactors+collectivity", "output.prefix=p"])
    text = (here / "p_analysis.html").read_text(encoding="utf-8")
    assert text.count("data:image/png;base64,") == 2
    assert set(re.findall(r'(?:src|href)="([a-z]+):', text)) == {"data"}
    assert "Normal modes of m_modes.npz" in text


def test_a_target_along_a_mode(here):
    """In another place and orientation; named, or as the second model."""
    modes = ModeSet.load(here / "m_modes.npz")
    moved = modes.coordinates + 5.0 * modes.vectors[:, :, 8]
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    lines = (here / "model.pdb").read_text().splitlines(keepends=True)
    at = iter(moved @ turn.T + [5.0, 6.0, 7.0])
    text = ""
    for line in lines:
        if "HOH" not in line and line[16] != "A":
            text += line[:30] + "".join(f"{v:8.3f}" for v in next(at)) + line[54:]
    (here / "target.pdb").write_text(text)
    run(["m_modes.npz", "analyses=overlap", "target_file=target.pdb"])
    run(
        ["m_modes.npz", "model.pdb", "target.pdb", "analyses=overlap"]
        + ["output.prefix=second"]
    )
    found, again = (columns(here / f"{p}_target_overlap.csv") for p in ("m", "second"))
    np.testing.assert_allclose(found["overlap"], again["overlap"])
    assert abs(found["overlap"][2]) > 0.99
    difference = structural_difference(modes.coordinates, moved)
    expected = overlaps(modes.vectors[:, :, 6:], difference)[:, 0]
    np.testing.assert_allclose(found["overlap"], expected, atol=1e-3)


def test_a_target_of_other_residues_is_matched_through_the_model(here, capsys):
    """Another chain's name, numbers and length: its atoms are found by sequence."""
    modes = ModeSet.load(here / "m_modes.npz")
    moved = modes.coordinates + 5.0 * modes.vectors[:, :, 8]
    lines = (here / "model.pdb").read_text().splitlines(keepends=True)
    at, text = iter(moved), ""
    for line in lines:
        if "HOH" not in line and line[16] != "A":
            place = "".join(f"{v:8.3f}" for v in next(at))
            number = int(line[22:26])
            if number > 3:
                text += f"{line[:21]}Q{number + 40:4d}{line[26:30]}{place}{line[54:]}"
    (here / "other.pdb").write_text(text)
    run(["m_modes.npz", "model.pdb", "other.pdb", "analyses=overlap"])
    assert "85 of 100 atoms" in capsys.readouterr().out
    with np.load(here / "m_target_overlap.npz") as stored:
        atoms = stored["atoms"]
    assert len(atoms) == 85
    difference = structural_difference(modes.coordinates[atoms], moved[atoms])
    expected = overlaps(modes.vectors[atoms][:, :, 6:], difference)[:, 0]
    found = columns(here / "m_target_overlap.csv")
    np.testing.assert_allclose(found["overlap"], expected, atol=1e-3)
    with pytest.raises(Sorry, match="model of the modes as well"):
        run(["m_modes.npz", "analyses=overlap", "target_file=other.pdb"])


def test_other_modes_may_lie_in_another_orientation(here):
    modes = ModeSet.load(here / "m_modes.npz")
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    modes.coordinates = modes.coordinates @ turn.T + 3.0
    modes.vectors = np.einsum("ab,jbm->jam", turn, modes.vectors)
    modes.save(here / "turned_modes.npz")
    run(["m_modes.npz", "turned_modes.npz", "analyses=overlap"])
    with np.load(here / "m_overlap.npz") as stored:
        np.testing.assert_allclose(stored["overlap"], np.eye(10), atol=1e-6)
        assert stored["rmsip"] == pytest.approx(1)


def test_ranges_temperature_and_spring_constant(here):
    run(
        ["m_modes.npz", "analyses=bfactors+collectivity", "first_mode=8"]
        + ["last_mode=10", "temperature=150", "spring_constant=2.5"]
    )
    modes = ModeSet.load(here / "m_modes.npz")
    motion = thermal_motion(modes, mode_range(modes, 8, 10), 2.5, 150.0)
    table = columns(here / "m_bfactors.csv")
    np.testing.assert_allclose(table["b_calculated_A2"], b_factors(motion), rtol=1e-5)
    assert list(columns(here / "m_collectivity.csv")["mode"]) == [8, 9, 10]


def test_equal_eigenvalues_stay_together_and_it_is_told(here, capsys):
    modes = ModeSet.load(here / "m_modes.npz")
    modes.eigenvalues[8] = modes.eigenvalues[7]
    modes.save(here / "pair_modes.npz")
    run(["pair_modes.npz", "analyses=collectivity", "last_mode=8"])
    assert "mode 8 has the eigenvalue of mode 9" in capsys.readouterr().out
    assert list(columns(here / "pair_collectivity.csv")["mode"]) == [7, 8, 9]


def test_gaussian_networks_have_what_needs_no_direction(here):
    run(
        ["g_modes.npz", "model.pdb", "output.prefix=g"]
        + ["analyses=bfactors+collectivity+correlation+covariance"]
    )
    assert (columns(here / "g_bfactors.csv")["b_calculated_A2"] > 0).all()
    assert not (here / "g_tensors.csv").exists()
    run(
        ["g_modes.npz", "analyses=distance_fluctuations", "output.prefix=d"]
        + ["distance_fluctuations.kind=vector"]
    )
    with np.load(here / "d_distance_fluctuations.npz") as stored:
        assert stored["matrix"].shape == (20, 20)


def test_modes_of_a_library_without_labels(here):
    x = np.random.default_rng(1).uniform(0, 8, (12, 3))
    compute_modes(x, n_modes=12, cutoff=8.0).save(here / "bare.npz")
    run(["bare.npz", "analyses=correlation"])
    with np.load(here / "bare_correlation.npz") as stored:
        assert stored["labels"][0] == "atom 1" and stored["matrix"].shape == (12, 12)


def test_repeated_labels_are_matched_by_their_turn(here):
    """Two molecules with the same chain name."""
    text = with_b_factors(pdb_text()) + "TER\n" + with_b_factors(pdb_text(shift=9))
    (here / "two.pdb").write_text(text + "END\n")
    run_modes(["two.pdb", "n_modes=12", "output.prefix=two"])
    run(["two_modes.npz", "two.pdb", "analyses=bfactors"])
    table = columns(here / "two_bfactors.csv")
    assert len(table["atom"]) == 200
    np.testing.assert_allclose(table["b_model_A2"][100:], table["b_model_A2"][:100])


def moved_model(here):
    (here / "moved.pdb").write_text(pdb_text(shift=30.0))


def other_chain(here):
    (here / "other.pdb").write_text(pdb_text(chain="B"))


def shorter(here):
    (here / "short.pdb").write_text(pdb_text(n_residues=18))


def no_modes(here):
    (here / "text.npz").write_text("no modes")


@pytest.mark.parametrize(
    "prepare, arguments, words",
    [
        (None, ["model.pdb"], "needs the npz file"),
        (None, ["absent.npz"], "no modes file absent.npz"),
        (no_modes, ["text.npz"], "text.npz cannot be read as a modes file"),
        (None, ["z_modes.npz"], "all 6 modes are zero.*single rigid block"),
        (
            None,
            ["m_modes.npz", "o_modes.npz", "c_modes.npz"],
            "c_modes.npz is one more",
        ),
        (None, ["m_modes.npz", "analyses=overlap"], "overlap needs something"),
        (
            None,
            ["m_modes.npz", "c_modes.npz", "analyses=overlap"],
            "100 atoms and c_modes.npz 20: .*same atoms",
        ),
        (
            None,
            ["m_modes.npz", "g_modes.npz", "analyses=overlap"],
            "Gaussian network have no direction",
        ),
        (
            None,
            ["m_modes.npz", "analyses=overlap", "target_file=model.pdb"],
            "model.pdb is the structure of m_modes.npz",
        ),
        (None, ["m_modes.npz", "target_file=absent.pdb"], "no target_file absent.pdb"),
        (
            shorter,
            ["m_modes.npz", "analyses=overlap", "target_file=short.pdb"],
            "10 of the 100 atoms of m_modes.npz are not in .*short.pdb.*A ALA 19 N",
        ),
        (other_chain, ["m_modes.npz", "other.pdb"], "100 of the 100.*same chains"),
        (moved_model, ["m_modes.npz", "moved.pdb"], "30.0 A away from .*moved"),
        (
            shorter,
            ["m_modes.npz", "model.pdb", "short.pdb", "target_file=model.pdb"],
            "one model and one target",
        ),
        (None, ["m_modes.npz", "selection=chain A"], "give the model file too"),
        (None, ["m_modes.npz", "model.pdb", "selection=chain Q"], "holds no atom"),
        (None, ["m_modes.npz", "model.pdb", "selection=chan A"], "cannot be read"),
        (None, ["m_modes.npz", "first_mode=3"], "mode 3 is a zero mode"),
        (None, ["m_modes.npz", "last_mode=99"], "no modes 7 to 99"),
        (
            None,
            ["m_modes.npz", "model.pdb", "analyses=distance_fluctuations"]
            + ["selection=resseq 7"],
            "one is chosen",
        ),
        (
            None,
            ["g_modes.npz", "analyses=thermodynamics"],
            "leave thermodynamics out",
        ),
        (
            None,
            ["g_modes.npz", "analyses=distance_fluctuations"],
            "use distance_fluctuations.kind=vector",
        ),
    ],
)
def test_bad_input_is_one_sentence(here, prepare, arguments, words):
    if prepare is not None:
        prepare(here)
    with pytest.raises(Sorry, match=words) as caught:
        run(arguments)
    assert "\n" not in str(caught.value)
    assert not list(here.glob("*analysis*"))


def test_no_overwriting_unless_asked(here):
    run(["m_modes.npz", "analyses=collectivity"])
    with pytest.raises(Sorry, match="output.overwrite=True"):
        run(["m_modes.npz", "analyses=bfactors+collectivity"])
    assert not (here / "m_bfactors.csv").exists()
    run(["m_modes.npz", "analyses=collectivity", "output.overwrite=True"])


def test_dry_run_counts_and_writes_nothing(here, capsys):
    run(["m_modes.npz", "--dry-run"])
    assert "100 atoms, 16 modes, 6 of them zero" in capsys.readouterr().out
    assert not list(here.glob("*analysis*"))


def test_help_has_the_examples(capsys):
    with pytest.raises(SystemExit):
        run(["--help"])
    assert "hnmref.analyse m_modes.npz model.pdb" in capsys.readouterr().out


def test_short_names():
    names = ["A ALA 3 CA", "S A ALA 3A CA", "atom 4"]
    assert short_names(names) == ["A 3", "A 3A", "atom 4"]
