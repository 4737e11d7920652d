"""The hnmref.modes command, from a file to its files."""

import numpy as np
import pytest
from libtbx.utils import Sorry
from mode_models import pdb_text

from hnmref.modes import GaussianModes, ModeSet, compute_modes, wavenumbers
from hnmref.programs.modes import run, with_preset


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.pdb").write_text(pdb_text())
    (tmp_path / "again.pdb").write_text(pdb_text())
    return tmp_path


def test_writes_modes_for_both_readers(here, capsys):
    run(["model.pdb", "output.prefix=m", "n_modes=12", "cutoff=6"])
    modes = ModeSet.load(here / "m_modes.npz")
    assert modes.n_modes == 12 and modes.n_zero == 6
    assert modes.provenance["spring_law"] == "distance_power"
    assert modes.provenance["n_blocks"] == 20
    assert modes.atom_labels[11] == "A ALA 3 CA"
    nmd = (here / "m_modes.nmd").read_text().splitlines()
    assert sum(line.startswith("mode ") for line in nmd) == 6
    assert "12 modes, 6 of them zero" in capsys.readouterr().out


def test_waters_are_left_out_and_one_conformer_kept(here, capsys):
    run(["model.pdb", "output.prefix=m", "n_modes=8", "cutoff=6"])
    modes = ModeSet.load(here / "m_modes.npz")
    assert not any("HOH" in label for label in modes.atom_labels)
    # Residue 5 has CB in conformers A (0.4) and B (0.6), at different heights.
    cb = [i for i, label in enumerate(modes.atom_labels) if label == "A ALA 5 CB"]
    assert len(cb) == 1
    assert "1 atoms of alternate conformers are left out" in capsys.readouterr().out
    run(
        ["model.pdb", "output.prefix=b", "n_modes=8", "cutoff=6"]
        + ["selection=not water and not altloc B"]
    )
    other = ModeSet.load(here / "b_modes.npz")
    assert other.coordinates[cb[0], 2] == pytest.approx(
        modes.coordinates[cb[0], 2] - 0.5, abs=1e-3
    )


def test_element_masses_and_free_atoms(here):
    run(
        ["model.pdb", "output.prefix=m", "n_modes=9", "masses=element"]
        + ["blocks=none", "forcefield=constant", "cutoff=7"]
    )
    modes = ModeSet.load(here / "m_modes.npz")
    assert modes.provenance["n_blocks"] is None
    assert sorted(set(np.round(modes.masses))) == [12.0, 14.0, 16.0]


def test_default_names_and_no_overwriting(here):
    run(["model.pdb", "n_modes=7", "cutoff=6"])
    before = (here / "model_hnmref_modes.npz").read_bytes()
    with pytest.raises(Sorry, match="output.overwrite=True"):
        run(["model.pdb", "n_modes=9", "cutoff=6"])
    assert (here / "model_hnmref_modes.npz").read_bytes() == before
    run(["model.pdb", "n_modes=9", "cutoff=6", "output.overwrite=True"])
    assert ModeSet.load(here / "model_hnmref_modes.npz").n_modes == 9


def test_repairs_are_told(here, capsys):
    text = pdb_text() + pdb_text(chain="B", shift=60.0)
    (here / "two.pdb").write_text(text)
    run(["two.pdb", "n_modes=9", "cutoff=6"])
    assert "touched nothing" in capsys.readouterr().out
    assert ModeSet.load(here / "two_hnmref_modes.npz").n_zero == 6


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["model.pdb", "again.pdb"], "takes one model and got 2"),
        (["model.pdb", "selection=chain Q"], "'chain Q' has no atom in .*model.pdb"),
        (["model.pdb", "selection=chan A"], "'chan A' .*cannot be read"),
        (["model.pdb", "n_modes=5000"], "degrees of freedom"),
        (["model.pdb", "selection=name CA", "blocks=none", "n_modes=61"], "60 degrees"),
        (["model.pdb", "forcefield=hinsen_fitted"], "C-alpha"),
        (["model.pdb", "forcefield=listed"], "springs_file"),
        (["model.pdb", "springs_file=none.txt"], "none.txt cannot be read"),
        (["model.pdb", "contacts=crystal"], "CRYST1"),
        (["model.pdb", "blocks=secondary_structure"], "no records of helices"),
        (["model.pdb", "blocks=selections"], "at least one block"),
        (["model.pdb", "blocks=selections", "block=chain Q"], "no node"),
        (
            ["model.pdb", "blocks=selections", "block=resseq 1:4", "block=resseq 4:9"],
            "resseq 4:9.*not overlap",
        ),
        (
            ["model.pdb", "fsub.n_substructure=6", "fsub.substructure=resseq 1:4"],
            "fsub.substructure",
        ),
        (["model.pdb", "forcefield=gaussian", "masses=element"], "Gaussian"),
        (["model.pdb", "selection=water", "nodes=ca"], "nodes=ca"),
    ],
)
def test_bad_input_is_one_sentence(here, arguments, words):
    with pytest.raises(Sorry, match=words) as caught:
        run(arguments)
    assert "\n" not in str(caught.value)
    assert not list(here.glob("*modes*"))


def test_unknown_elements_are_named(here):
    text = pdb_text().replace("           O", "           Q")
    (here / "model.pdb").write_text(text)
    with pytest.raises(Sorry, match="no known element"):
        run(["model.pdb", "masses=element", "n_modes=9"])


def test_dry_run_counts_and_writes_nothing(here, capsys):
    run(["model.pdb", "n_modes=9", "--dry-run"])
    assert "100 atoms in 20 residues of" in capsys.readouterr().out
    assert not list(here.glob("*modes*"))


def test_calpha_and_backbone_nodes(here):
    run(["model.pdb", "nodes=ca", "blocks=none", "output.prefix=c", "n_modes=9"])
    calpha = ModeSet.load(here / "c_modes.npz")
    assert [label.split()[-1] for label in calpha.atom_labels] == ["CA"] * 20
    run(["model.pdb", "nodes=backbone", "output.prefix=b", "n_modes=9"])
    backbone = ModeSet.load(here / "b_modes.npz")
    assert backbone.n_atoms == 80
    assert not any(label.endswith("CB") for label in backbone.atom_labels)


def test_residue_masses_are_shared_by_the_residues_nodes(here):
    for nodes, share in (("ca", 1), ("backbone", 4)):
        run(
            ["model.pdb", f"nodes={nodes}", "masses=residue", f"output.prefix={nodes}"]
            + ["blocks=none", "n_modes=9"]
        )
        modes = ModeSet.load(here / f"{nodes}_modes.npz")
        # N, CA, C, O, CB of alanine without hydrogens; CB once in residue 5.
        np.testing.assert_allclose(modes.masses * share, 66.04, atol=0.01)


def test_gaussian_network(here, capsys):
    run(["model.pdb", "nodes=ca", "forcefield=gaussian", "n_modes=8", "cutoff=7"])
    modes = GaussianModes.load(here / "model_hnmref_modes.npz")
    assert modes.vectors.shape == (20, 8) and modes.n_zero == 1
    assert not (here / "model_hnmref_modes.nmd").exists()
    assert "8 modes, 1 of them zero" in capsys.readouterr().out


def test_mgr_binds_what_is_bonded(here):
    run(["model.pdb", "forcefield=mgr", "blocks=none", "n_modes=9", "output.prefix=a"])
    run(
        ["model.pdb", "forcefield=mgr", "blocks=none", "n_modes=9", "output.prefix=b"]
        + ["mgr.bond=1", "mgr.angle=0.1", "mgr.dihedral=0"]
    )
    stiff, soft = (ModeSet.load(here / f"{name}_modes.npz") for name in "ab")
    assert stiff.provenance["model"] == "MGR"
    assert soft.provenance["mgr"] == {"bond": 1.0, "angle": 0.1, "dihedral": 0.0}
    assert (soft.eigenvalues[6:] < stiff.eigenvalues[6:]).all()


def test_listed_springs(here):
    lines = ["# chain residue chain residue stiffness"]
    lines += [
        f"A {i} A {j} {1 / (j - i):.3f}" for j in range(1, 21) for i in range(1, j)
    ]
    lines += ["A 3 CA A 9 CA 5.0  # an atom each"]
    (here / "springs.txt").write_text("\n".join(lines))
    run(
        ["model.pdb", "nodes=ca", "blocks=none", "n_modes=9", "forcefield=listed"]
        + ["springs_file=springs.txt"]
    )
    modes = ModeSet.load(here / "model_hnmref_modes.npz")
    assert modes.provenance["n_listed_springs"] == 190 and modes.n_zero == 6


@pytest.mark.parametrize(
    "line, words",
    [
        ("A 3 A 4", "line 2 of springs.txt has 4 words"),
        ("A 3 A 44 1.0", "line 2 .* A 44, which is no node"),
        ("A 3 A 4 stiff", "'stiff'"),
        ("A 3 A 4 -1", "not negative"),
    ],
)
def test_bad_springs_are_named(here, line, words):
    (here / "springs.txt").write_text("# springs\n" + line)
    with pytest.raises(Sorry, match=words):
        run(["model.pdb", "springs_file=springs.txt", "n_modes=9"])


CELL = "CRYST1   25.000   24.000   36.000  90.00  90.00  90.00 P 1 21 1\n"


def test_crystal_contacts(here):
    (here / "cell.pdb").write_text(CELL + pdb_text())
    run(["cell.pdb", "contacts=crystal", "n_modes=9", "cutoff=9"])
    modes = ModeSet.load(here / "cell_hnmref_modes.npz")
    assert modes.n_zero == 1
    assert modes.provenance["crystal"]["n_operators"] == 2
    np.testing.assert_allclose(modes.vectors[:, [0, 2], 0], 0, atol=1e-9)


def test_gaussian_network_in_a_crystal(here):
    (here / "cell.pdb").write_text(CELL + pdb_text())
    command = ["cell.pdb", "nodes=ca", "forcefield=gaussian", "n_modes=8", "cutoff=12"]
    run([*command, "output.prefix=alone"])
    run([*command, "contacts=crystal", "output.prefix=packed"])
    alone, packed = (
        GaussianModes.load(here / f"{name}_modes.npz") for name in ("alone", "packed")
    )
    assert packed.eigenvalues[1] > alone.eigenvalues[1]


HELIX = "HELIX    1   1 ALA A    2  ALA A   13  1" + " " * 32 + "   12\n"


def n_blocks(prefix):
    return ModeSet.load(f"{prefix}_modes.npz").provenance["n_blocks"]


def test_blocks_of_every_kind(here):
    (here / "helix.pdb").write_text(HELIX + pdb_text() + pdb_text(chain="B", shift=9))
    run(["helix.pdb", "residues_per_block=3", "n_modes=9", "output.prefix=a"])
    assert n_blocks("a") == 14
    run(["helix.pdb", "blocks=secondary_structure", "n_modes=9", "output.prefix=b"])
    assert n_blocks("b") == 1 + 8 + 20
    run(
        ["helix.pdb", "blocks=selections", "n_modes=9", "output.prefix=c"]
        + ["block=chain A and resseq 1:10", "block=chain B", "residues_per_block=5"]
    )
    assert n_blocks("c") == 2 + 2


def test_fsub_of_chains_and_of_selections(here):
    (here / "two.pdb").write_text(pdb_text() + pdb_text(chain="B", shift=9))
    run(["two.pdb", "n_modes=9", "output.prefix=w"])
    run(["two.pdb", "n_modes=9", "output.prefix=c", "fsub.n_substructure=30"])
    run(
        ["two.pdb", "n_modes=9", "output.prefix=s", "fsub.n_substructure=30"]
        + ["fsub.substructure=resseq 1:10", "fsub.substructure=resseq 11:20"]
    )
    whole, chains, parts = (ModeSet.load(f"{p}_modes.npz") for p in "wcs")
    for some in (chains, parts):
        assert some.provenance["n_substructures"] == 2
        ratio = some.eigenvalues[6:] / whole.eigenvalues[6:]
        assert (ratio >= 1 - 1e-9).all() and ratio[0] < 1.5


def test_wavenumbers_where_asked(here, capsys):
    run(["model.pdb", "masses=element", "spring_constant=0.5", "n_modes=9"])
    modes = ModeSet.load(here / "model_hnmref_modes.npz")
    out = capsys.readouterr().out
    assert "cm^-1" in out and "quantum/kT" in out
    assert f"{wavenumbers(modes.eigenvalues, 0.5)[6]:.2f}" in out


def test_preset_is_the_toolboxs_network(here, capsys):
    """Equal springs within 12 A, 1 Da a node, residues as blocks."""
    run(["model.pdb", "preset=ddpt", "n_modes=9", "output.prefix=d"])
    modes = ModeSet.load(here / "d_modes.npz")
    expected = compute_modes(
        modes.coordinates,
        n_modes=9,
        spring_law="constant",
        cutoff=12.0,
        blocks=[label.rsplit(None, 1)[0] for label in modes.atom_labels],
    )
    assert np.allclose(modes.eigenvalues, expected.eigenvalues, atol=1e-9)
    out = capsys.readouterr().out
    assert "1 Da" in out and f"{wavenumbers(modes.eigenvalues, 1.0)[6]:.2f}" in out


def test_given_parameters_win_over_the_preset():
    given = with_preset(["model.pdb", "cutoff=8", "preset=ddpt"])
    assert given.index("cutoff=12") < given.index("cutoff=8")
    assert with_preset(["model.pdb", "preset=none"]) == ["model.pdb", "preset=none"]
