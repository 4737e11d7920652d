"""output.viewers: scripts, maps and motions of a finished run; its CIF in gemmi."""

import hnmref  # noqa: F401  (cctbx's extensions load first)

import re
import runpy
import sys
import types

import gemmi
import iotbx.pdb
import numpy as np
import pytest
from libtbx.utils import Sorry

from hnmref.adp.metrics import B_PER_U, u_eq
from hnmref.programs.refine import run
from hnmref.refine.arrays import sym_mat3_to_numpy
from hnmref.refine.finished_run import read_run
from hnmref.refine.simulate import write_simulated
from tests.refine.small_run import QUICK_ARGUMENTS, small_simulation

MOTIONS = [f"group_{g}_motion_{m}" for g in (1, 2) for m in (1, 2)]
LEVELS = ["whole", "group", "local"]

#: What follows the commands of ChimeraX that the script uses.
CHIMERAX = {
    "open": r"[\w.-]+( id \d+)?",
    "aniso": r"#\d+ scale [\d.]+",
    "color": r"bfactor #\d+ palette blue:white:red",
    "hide": r"#\d+ models",
    "volume": r"#\d+ style mesh( sdLevel -?[\d.]+ color \w+)+",
    "view": r"#1",
}


@pytest.fixture(scope="module")
def arguments(tmp_path_factory):
    directory = tmp_path_factory.mktemp("run")
    files = write_simulated(small_simulation(), directory)
    return [str(files["model"]), str(files["data"]), *QUICK_ARGUMENTS] + [
        f"output.prefix={directory / 'run'}",
        "output.viewers=True",
        "output.levels=True",
        "--quiet",
    ]


@pytest.fixture(scope="module")
def stem(arguments):
    """What the files of a finished run begin with."""
    refinement = run(arguments)
    assert refinement is not None
    directory = arguments[-4].removeprefix("output.prefix=")
    return directory + "_001"


@pytest.fixture(scope="module")
def finished(stem):
    return read_run(f"{stem}.hnm.npz", f"{stem}.pdb", f"{stem}.eff")


class Recorder(types.ModuleType):
    """A module whose functions note what they are called with."""

    def __init__(self, name, **values):
        super().__init__(name)
        self.calls = []
        vars(self).update(values)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *args, **kw: self.calls.append((name, args, kw)) or 7

    def arguments(self, name):
        return [args for called, args, _ in self.calls if called == name]


def expected_displacements(finished, number):
    """The two largest motions of one substructure's C-alpha atoms, rms (n, 3), Å.

    By the singular vectors of E Ω, in another way than the program's.
    """
    group = finished.moving_groups("two")[number]
    spread = np.einsum("jan,nm->jam", group.vectors, group.omega)
    left, sizes, _ = np.linalg.svd(spread.reshape(-1, spread.shape[2]), False)
    motions = (left * sizes).reshape(len(group.atoms), 3, -1)[:, :, :2]
    atoms = finished.model.get_hierarchy().atoms()
    names = np.array([atoms[int(i)].name.strip() for i in group.atoms])
    return finished.modes.sites[group.atoms][names == "CA"], motions[names == "CA"]


def test_pymol_script_shows_everything(stem, finished, monkeypatch):
    cmd = Recorder("cmd")
    cgo = Recorder("cgo", CYLINDER=9.0, CONE=27.0)
    pymol = Recorder("pymol", cmd=cmd, cgo=cgo, __script__=f"{stem}_pymol.py")
    monkeypatch.setitem(sys.modules, "pymol", pymol)
    monkeypatch.chdir("/")
    space = runpy.run_path(f"{stem}_pymol.py")
    loaded = [name for name, _ in cmd.arguments("load")]
    wanted = [".pdb", *(f"_{level}.pdb" for level in LEVELS)]
    wanted += ["_2mFo-DFc.ccp4", "_mFo-DFc.ccp4"]
    assert loaded == [f"{stem}{ending}" for ending in wanted]
    assert ("ellipsoid_probability", 0.5) in cmd.arguments("set")
    table = space["anisotropy"]
    assert len(table) == 57 and 0 < min(table.values()) < max(table.values()) < 1
    names = [name for _, name in cmd.arguments("load_cgo")]
    assert names == MOTIONS
    shapes = np.array(cmd.arguments("load_cgo")[0][0])
    sites, motions = expected_displacements(finished, 0)
    # Of each atom two cylinders and two cones, the first cone to the arrow's end.
    per_atom = shapes.reshape(len(sites), -1)
    ends = per_atom[:, 14 + 4 : 14 + 7] - sites
    along = np.sum(ends * motions[:, :, 0]) / np.linalg.norm(motions[:, :, 0])
    assert abs(along) / np.linalg.norm(ends) == pytest.approx(1, abs=1e-4)
    assert np.linalg.norm(ends, axis=1).max() == pytest.approx(6.0, abs=0.01)


def test_coot_script_shows_everything(stem, monkeypatch):
    coot = Recorder("coot")
    monkeypatch.setitem(sys.modules, "coot", coot)
    monkeypatch.chdir("/")
    runpy.run_path(f"{stem}_coot.py")
    read = [name for (name,) in coot.arguments("read_pdb")]
    assert read == [f"{stem}{e}.pdb" for e in ("", *(f"_{x}" for x in LEVELS))]
    assert coot.arguments("auto_read_make_and_draw_maps") == [(f"{stem}.mtz",)]
    assert [n for (n,) in coot.arguments("new_generic_object_number")] == MOTIONS
    lines = coot.arguments("to_generic_object_add_line")
    assert len(lines) == 2 * 57 and all(len(line) == 9 for line in lines)


def test_chimerax_commands_and_their_files(stem):
    directory, name = stem.rsplit("/", 1)
    opened = []
    for line in open(f"{stem}_chimerax.cxc"):
        if line.startswith("#"):
            continue
        command, rest = line.rstrip().split(" ", 1)
        assert re.fullmatch(CHIMERAX[command], rest), line
        if command == "open":
            opened.append(rest.split()[0])
        if command == "aniso":
            # The model of U_local has no ellipsoids to scale.
            assert opened[-1] != f"{name}_local.pdb"
    endings = [".pdb", *(f"_{level}.pdb" for level in LEVELS)]
    endings += ["_anisotropy.defattr", "_2mFo-DFc.ccp4", "_mFo-DFc.ccp4"]
    assert opened == [name + e for e in (*endings, "_motions.bild")]
    for file_name in opened:
        assert open(f"{directory}/{file_name}", "rb").read(1)
    head, recipient, *rows = open(f"{stem}_anisotropy.defattr").read().splitlines()
    assert (head, recipient) == ("attribute: anisotropy", "recipient: residues")
    assert len(rows) == 57 and all(len(row.split("\t")) == 3 for row in rows)
    for line in open(f"{stem}_motions.bild"):
        word, *numbers = line.split()
        assert word in (".comment", ".color", ".arrow")
        if word == ".arrow":
            assert len([float(x) for x in numbers]) == 9


def test_maps_stand_where_the_model_is(stem, finished):
    """Density at the atoms is high; the box holds them all."""
    densities = {}
    for kind in ("2mFo-DFc", "mFo-DFc"):
        file = gemmi.read_ccp4_map(f"{stem}_{kind}.ccp4")
        file.setup(float("nan"))
        at_atoms = [
            file.grid.interpolate_value(gemmi.Position(*site))
            for site in finished.modes.sites
        ]
        assert np.isfinite(at_atoms).all()
        densities[kind] = np.mean(at_atoms)
    assert densities["2mFo-DFc"] > 1.0
    assert abs(densities["mFo-DFc"]) < 0.5 * densities["2mFo-DFc"]


@pytest.mark.parametrize(
    "number, stage", [("whole", "one"), ("1", "two"), ("2", "two")]
)
def test_nmd_has_the_principal_motions(stem, finished, number, stage):
    groups = finished.moving_groups(stage)
    group = groups[0 if number == "whole" else int(number) - 1]
    rows, said = [], {}
    for line in open(f"{stem}_motions_{number}.nmd"):
        key, *words = line.split()
        if key == "mode":
            rows.append(np.array(words, float))
        else:
            said[key] = words
    sites = np.array(said["coordinates"], float).reshape(-1, 3)
    np.testing.assert_allclose(sites, finished.modes.sites[group.atoms], atol=6e-4)
    assert len(said["atomnames"]) == len(group.atoms)
    spread = np.einsum("jan,nm->jam", group.vectors, group.omega)
    spread = spread.reshape(-1, spread.shape[2])
    assert [int(row[0]) for row in rows] == [1, 2, 3]
    for row in rows:
        scale, vector = row[1], row[2:]
        # An eigenvector of E Π Eᵀ, and the square root of its eigenvalue.
        image = spread @ (spread.T @ vector)
        np.testing.assert_allclose(image, scale**2 * vector, atol=2e-4 * scale**2)
    assert np.all(np.diff([row[1] for row in rows]) < 0)


def test_cif_reads_back_in_gemmi_and_iotbx_with_the_same_u(stem):
    """U to print precision (0.00001 Å²), B to 0.01 Å², names, cell and remarks."""
    with np.load(f"{stem}.hnm.npz") as file:
        u = file["u_group"].copy()
        u[:, :3] += file["u_local"][:, None]
        sites = file["sites_cart"]
    structure = gemmi.read_structure(f"{stem}.cif")
    found = [(cra.atom, cra.residue) for cra in structure[0].all()]
    read = np.array([atom.aniso.elements_pdb() for atom, _ in found])
    np.testing.assert_allclose(read, u, atol=1.01e-5)
    np.testing.assert_allclose(
        [atom.b_iso for atom, _ in found], B_PER_U * u_eq(u), atol=0.0051
    )
    np.testing.assert_allclose(
        [atom.pos.tolist() for atom, _ in found], sites, atol=6e-4
    )
    again = iotbx.pdb.input(f"{stem}.cif")
    atoms = again.construct_hierarchy().atoms()
    np.testing.assert_allclose(
        sym_mat3_to_numpy(atoms.extract_uij()), u, atol=1.01e-5
    )
    names = [(atom.name.strip(), atom.parent().resname.strip()) for atom in atoms]
    assert names == [(atom.name, residue.name) for atom, residue in found]
    cell = again.crystal_symmetry().unit_cell().parameters()
    np.testing.assert_allclose(structure.cell.parameters, cell, atol=1e-3)


def test_files_of_viewers_are_not_replaced_unasked(stem, arguments, tmp_path):
    prefix = tmp_path / "other"
    (tmp_path / "other_001_motions_2.nmd").write_text("mine")
    changed = [a for a in arguments if not a.startswith("output.prefix")]
    with pytest.raises(Sorry, match="other_001_motions_2.nmd"):
        run([*changed, f"output.prefix={prefix}"])
    assert [path.name for path in tmp_path.iterdir()] == ["other_001_motions_2.nmd"]


def test_a_run_without_modes_has_scripts_without_motions(arguments, tmp_path):
    changed = [a for a in arguments if not a.startswith("output.prefix")]
    run([*changed, f"output.prefix={tmp_path / 'iso'}", "group_adp=none"])
    names = {path.name for path in tmp_path.glob("iso_001_*")}
    assert "iso_001_pymol.py" in names and "iso_001_chimerax.cxc" in names
    assert not any("motion" in name for name in names)
    text = (tmp_path / "iso_001_chimerax.cxc").read_text()
    assert "bild" not in text and "aniso #" not in text
    compile((tmp_path / "iso_001_coot.py").read_text(), "coot", "exec")
