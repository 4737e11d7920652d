"""Finding and building reference data, with small stand-ins for the sources."""

import io
import json
import os
import shutil
import sys
import tarfile
from pathlib import Path

import pytest
from cif_text import loop

pytest.importorskip("iotbx", reason="cctbx is not installed")

from hnmref.errors import ReferenceDataError  # noqa: E402
from hnmref.programs import get_reference_data as program  # noqa: E402
from hnmref.refine import reference_build, reference_data, reference_fetch  # noqa: E402
from hnmref.refine.reference_data import (  # noqa: E402
    cache_directory,
    cached_monomer_library,
    find_monomer_library,
    find_rotarama_data,
    locate_monomer_library,
    missing_components,
    use_monomer_library,
    use_rotarama_data,
)

ROTARAMA = Path(__file__).parents[3] / "shared" / "chem_data" / "rotarama_data"
VARIABLES = (
    "MMTBX_CCP4_MONOMER_LIB",
    "CLIBD_MON",
    "PHENIX",
    "CCP4",
    "CONDA_PREFIX",
    "HNMREF_ROTARAMA_DATA",
)
NUCLEOTIDES = ("A", "C", "G", "U", "DA", "DC", "DG", "DT")
ENERGY = "data_energy\n" + loop(
    "lib_atom", "type weight", "C 12.0", "O 16.0", "CD 112.4", "GD 157.2"
)
LINKS = "".join(
    f"data_link_{name}\n"
    + loop(
        "chem_link_bond",
        "link_id atom_1_comp_id atom_id_1 atom_2_comp_id atom_id_2"
        " value_dist value_dist_esd",
        f"{name} 1 \"O2'\" 2 C 1.60 0.01",
    )
    for name in ("TRANS", "CIS", "SS", "p")
)


def component(name, energy_type="C", distance=1.5, atoms=("C", "O")):
    """A component of two bonded atoms, with one torsion per sugar pucker."""
    first, second = (f'"{atom}"' for atom in atoms)
    sugar = "\"C4'\" \"O4'\" \"C1'\" \"C2'\""
    return "".join(
        (
            "data_comp_list\n",
            loop("chem_comp", "id group", f"{name} NON-POLYMER"),
            f"data_comp_{name}\n",
            loop(
                "chem_comp_atom",
                "comp_id atom_id type_symbol type_energy",
                f"{name} {first} C {energy_type}",
                f"{name} {second} O O",
            ),
            loop(
                "chem_comp_bond",
                "comp_id atom_id_1 atom_id_2 type value_dist value_dist_esd",
                f"{name} {first} {second} single {distance} 0.02",
            ),
            loop(
                "chem_comp_tor",
                "comp_id id atom_id_1 atom_id_2 atom_id_3 atom_id_4"
                " value_angle value_angle_esd period",
                f"{name} C2e-nyu0 {sugar} 340.7 6.3 1",
                f"{name} C3e-nyu0 {sugar} 2.8 6.1 1",
            ),
        )
    )


def nucleotide(name):
    return component(name, atoms=("C1'", "C2'" if name[0] == "D" else "O2'"))


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def skeleton(folder):
    """The two files that make a folder a monomer library."""
    return write(folder, {"list/mon_lib_list.cif": LINKS, "ener_lib.cif": ENERGY})


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch, tmp_path):
    """A machine without any library, and a cache of its own."""
    for name in VARIABLES:
        # Set first: the code under test may set them, and this undoes it then.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("HNMREF_CACHE", str(tmp_path / "cache"))
    import libtbx.load_env

    mmtbx_itself = [p for p in libtbx.env.repository_paths if not _has_data(abs(p))]
    monkeypatch.setattr(libtbx.env, "repository_paths", mmtbx_itself)


def _has_data(repository):
    return any(Path(repository).glob("*chem_data*"))


@pytest.fixture
def sources(monkeypatch, tmp_path):
    """Programs npm, apt-get and dpkg-deb that hand out a small library."""
    common = skeleton(tmp_path / "npm" / "data" / "ccp4_lib" / "data" / "monomers")
    write(common, {f"{n[0].lower()}/{n}.cif": nucleotide(n) for n in NUCLEOTIDES})
    write(common, {"h/HIS.cif": component("HIS"), "h/._HIS.cif": "not a CIF file"})
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        archive.add(tmp_path / "npm" / "data", arcname="./data")
    package = tmp_path / "package.tgz"
    with tarfile.open(package, mode="w:gz") as archive:
        member = tarfile.TarInfo("package/public/baby-gru/data.tar.gz")
        member.size = data.tell()
        data.seek(0)
        archive.addfile(member, data)
    dictionary = write(
        tmp_path / "deb" / "usr" / "share" / "refmac" / "monomers",
        {
            "h/HIS.cif": component("HIS", distance=9.9),
            "l/LIG.cif": component("LIG"),
            "c/CON_CON.cif": component("CON"),
            "b/BAD.cif": "f#\n" + component("BAD"),
            "o/ODD.cif": component("ODD", energy_type="NOSUCH"),
            "w/WRG.cif": component("XXX"),
        },
    )
    programs = tmp_path / "bin"
    monkeypatch.setenv("PATH", str(programs))
    copy = f"shutil.copyfile({str(package)!r}, 'moorhen-0.22.7.tgz')"
    tree = f"shutil.copytree({str(tmp_path / 'deb')!r}, sys.argv[3], dirs_exist_ok=1)"
    fake_program(programs / "npm", copy)
    fake_program(programs / "apt-get", "open('refmac.deb', 'w').close()")
    fake_program(programs / "dpkg-deb", tree)
    return {"bin": programs, "dictionary": dictionary}


def fake_program(path, code):
    if os.name == "nt":
        pytest.skip("stand-ins for npm and apt-get are POSIX scripts")
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!{sys.executable}\nimport shutil, sys\n{code}\n")
    path.chmod(0o755)


def build(**options):
    lines = []
    folder = reference_build.build_monomer_library(progress=lines.append, **options)
    return folder, "\n".join(lines)


def text_of(library, name):
    return (library / name[0].lower() / f"{name}.cif").read_text()


def test_cache_is_the_platforms_own(monkeypatch, tmp_path):
    monkeypatch.setenv("HNMREF_CACHE", str(tmp_path / "mine"))
    assert cache_directory() == tmp_path / "mine"
    monkeypatch.delenv("HNMREF_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_directory() == tmp_path / "xdg" / "hnmref"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    for platform, parent in (
        ("linux", ".cache"),
        ("darwin", "Library/Caches"),
        ("win32", "AppData/Local"),
    ):
        monkeypatch.setattr(sys, "platform", platform)
        monkeypatch.delenv("LOCALAPPDATA", raising=False)
        assert cache_directory() == tmp_path / parent / "hnmref"


def test_order_of_places(monkeypatch, tmp_path):
    """The best place is taken away each time, and the next one is found."""
    places = {
        "MMTBX_CCP4_MONOMER_LIB": ("environment variable MMTBX_CCP4_MONOMER_LIB", "."),
        "CLIBD_MON": ("environment variable CLIBD_MON", "."),
        "PHENIX": ("Phenix", "modules/chem_data/mon_lib"),
        "CCP4": ("CCP4", "lib/data/monomers"),
        "CONDA_PREFIX": ("conda", "share/coot/lib/data/monomers"),
        "HNMREF_CACHE": ("hnmref's cache", "monomers"),
    }
    for variable, (_, folder) in places.items():
        skeleton(tmp_path / variable / folder)
        monkeypatch.setenv(variable, str(tmp_path / variable))
    for variable, (source, folder) in places.items():
        assert locate_monomer_library()[:2] == (tmp_path / variable / folder, source)
        monkeypatch.delenv(variable)
    monkeypatch.setenv("HNMREF_CACHE", str(tmp_path / "empty"))
    assert find_monomer_library() is None


@pytest.mark.parametrize("lacking", ["list/mon_lib_list.cif", "ener_lib.cif"])
def test_incomplete_library_is_passed_over_and_named(monkeypatch, tmp_path, lacking):
    (skeleton(tmp_path / "half") / lacking).unlink()
    monkeypatch.setenv("CLIBD_MON", str(tmp_path / "half"))
    assert find_monomer_library() is None
    (sentence,) = reference_data.ignored_environment_variables()
    assert "CLIBD_MON" in sentence and str(tmp_path / "half") in sentence


def test_use_sets_what_mmtbx_reads(monkeypatch, tmp_path):
    from mmtbx.monomer_library.server import find_mon_lib_file

    skeleton(tmp_path / "ccp4" / "lib" / "data" / "monomers")
    monkeypatch.setenv("CCP4", str(tmp_path / "ccp4"))
    library = use_monomer_library()
    found = find_mon_lib_file(relative_path_components=["ener_lib.cif"])
    assert Path(found) == library / "ener_lib.cif"


def test_use_of_phenix_keeps_geostd_in_sight(monkeypatch, tmp_path):
    from mmtbx.monomer_library.server import find_mon_lib_file

    data = tmp_path / "phenix" / "modules" / "chem_data"
    skeleton(data / "mon_lib")
    write(data / "geostd", {"list/geostd_list.cif": "data_link_list\n"})
    monkeypatch.setenv("PHENIX", str(tmp_path / "phenix"))
    assert use_monomer_library() == data / "mon_lib"
    for parts, folder in (
        (["list", "mon_lib_list.cif"], "mon_lib"),
        (["list", "geostd_list.cif"], "geostd"),
    ):
        found = find_mon_lib_file(relative_path_components=parts)
        assert Path(found) == data.joinpath(folder, *parts)


def test_use_without_library_says_what_to_do():
    with pytest.raises(ReferenceDataError, match="hnmref.get_reference_data"):
        use_monomer_library()


def test_build_takes_common_then_further_components(sources):
    library, said = build()
    assert library == cached_monomer_library() == find_monomer_library()
    assert text_of(library, "HIS") == component("HIS")
    assert text_of(library, "LIG") == component("LIG")
    assert (library / "c" / "CON_CON.cif").is_file()
    assert not list(library.rglob("._*"))
    assert [path.name for path in library.parent.iterdir()] == [library.name]
    record = json.loads((library / "hnmref_sources.json").read_text())
    common, further = record["sources"]
    assert common["components"] == len(NUCLEOTIDES) + 1
    assert further["components"] == 2
    assert set(further["left_out"]) == {"BAD", "ODD", "WRG"}
    assert "NOSUCH" in further["left_out"]["ODD"]
    for name in further["left_out"]:
        assert name in said
        assert not (library / name[0].lower() / f"{name}.cif").exists()


def test_build_translates_nucleotides(sources):
    """mmtbx finds deoxynucleotides, links and pucker torsions under its names."""
    from mmtbx.monomer_library.server import server

    build()
    use_monomer_library()
    library = server()
    for name in ("AD", "CD", "GD", "TD"):
        deoxy = library.get_comp_comp_id_direct(name)
        assert [atom.atom_id for atom in deoxy.atom_list] == ["C1*", "C2*"]
        assert deoxy.tor_list == []
    for pucker, angle in (("rna2p", 340.7), ("rna3p", 2.8)):
        assert library.link_link_id_dict[pucker].bond_list[0].atom_id_1 == "O2*"
        for base in ("", "_pur", "_pyr"):
            (torsion,) = library.mod_mod_id_dict[pucker + base].tor_list
            assert torsion.function == "add"
            assert torsion.new_value_angle == angle


def test_build_of_named_components_only(sources):
    library, _ = build(components=["con"])
    assert (library / "c" / "CON_CON.cif").is_file()
    assert not (library / "l" / "LIG.cif").exists()


def test_build_leaves_a_library_alone_unless_forced(sources):
    skeleton(cached_monomer_library())
    library, said = build()
    assert not said and not (library / "h").exists()
    library, _ = build(force=True)
    assert (library / "h" / "HIS.cif").is_file()
    assert [path.name for path in library.parent.iterdir()] == [library.name]


def test_build_without_apt_has_the_common_components(sources):
    (sources["bin"] / "apt-get").unlink()
    library, said = build()
    assert (library / "h" / "HIS.cif").is_file()
    assert not (library / "l" / "LIG.cif").exists()
    assert "Going on with the common components" in said


@pytest.mark.parametrize("n_failures", [1, 3])
def test_build_tries_apt_with_lists_of_its_own(sources, tmp_path, n_failures):
    """The machine's lists fail once; then `update` and `download` may work."""
    code = f"""
from pathlib import Path
calls = Path({str(tmp_path / 'calls')!r})
n = len(calls.read_text()) if calls.exists() else 0
calls.write_text("x" * (n + 1))
if n < {n_failures}:
    sys.exit("E: Unable to locate package refmac-dictionary")
if "download" in sys.argv:
    open("refmac.deb", "w").close()
"""
    fake_program(sources["bin"] / "apt-get", code)
    library, said = build()
    assert (library / "l" / "LIG.cif").exists() == (n_failures == 1)
    assert ("Unable to locate package" in said) == (n_failures == 3)


def test_offline_is_one_sentence_and_leaves_nothing(sources):
    fake_program(sources["bin"] / "npm", "sys.exit('getaddrinfo ENOTFOUND')")
    with pytest.raises(ReferenceDataError, match="ENOTFOUND.*check the") as error:
        build()
    assert "\n" not in str(error.value)
    assert list(cache_directory().iterdir()) == []


def test_interrupted_archive_is_an_error(sources, tmp_path):
    package = tmp_path / "package.tgz"
    package.write_bytes(package.read_bytes()[:200])
    with pytest.raises(ReferenceDataError, match="cannot be unpacked"):
        build()


def test_archive_cannot_write_outside(tmp_path):
    archive = tmp_path / "evil.tgz"
    with tarfile.open(archive, "w:gz") as members:
        for name in ("data/good", "data/../../evil"):
            member = tarfile.TarInfo(name)
            member.size = 1
            members.addfile(member, io.BytesIO(b"x"))
    (tmp_path / "in").mkdir()
    reference_fetch.extract(archive, tmp_path / "in", "data")
    assert (tmp_path / "in" / "data" / "good").read_bytes() == b"x"
    assert not (tmp_path / "evil").exists()


def test_the_last_of_two_simultaneous_builds_gives_way(tmp_path, monkeypatch):
    """Another process puts its library in place between looking and renaming."""
    target, built, work = (tmp_path / name for name in ("target", "built", "work"))
    write(built, {"mine": "1"})
    work.mkdir()
    rename = Path.rename

    def overtaken(self, place):
        if self == built:
            write(target, {"theirs": "2"})
        return rename(self, place)

    monkeypatch.setattr(Path, "rename", overtaken)
    reference_build._publish(built, target, work)
    assert [path.name for path in target.iterdir()] == ["theirs"]


def test_unwritable_cache_is_one_sentence(monkeypatch, tmp_path):
    write(tmp_path, {"file": ""})
    monkeypatch.setenv("HNMREF_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(ReferenceDataError, match="set HNMREF_CACHE"):
        build()


def test_missing_components_by_name(sources):
    build()
    assert missing_components(["HIS", " lig", "ZZZ", "BAD"]) == ["BAD", "ZZZ"]


def test_missing_components_of_a_model(sources):
    """Deoxycytidine is looked up by its atoms as CD, a name that mmtbx uses."""
    from iotbx.pdb import input as pdb_input

    lines = [
        f"ATOM  {i:5d} {atom:<4s} {name:>3s} A{number:4d}      1.000   1.000   1.000"
        for number, name in enumerate(("LIG", "DC", "ZZZ"))
        for i, atom in enumerate((" C1'", " N1"))
    ]
    build()
    hierarchy = pdb_input(source_info=None, lines=lines).construct_hierarchy()
    assert missing_components(hierarchy) == ["ZZZ"]
    (cached_monomer_library() / "c" / "CD.cif").unlink()
    (cached_monomer_library() / "d" / "DC.cif").unlink()
    assert missing_components(hierarchy) == ["DC", "ZZZ"]


def test_program_reports_what_it_built(sources, capsys):
    assert program.run(["--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["monomer_library"] == str(cached_monomer_library())
    assert result["rotarama_data"] is None


def test_program_fails_with_one_sentence(sources, capsys):
    fake_program(sources["bin"] / "npm", "sys.exit('getaddrinfo ENOTFOUND')")
    assert program.run([]) == 1
    said = capsys.readouterr().err
    assert said.count("No monomer library: ") == 1 and "Traceback" not in said


def test_incomplete_grids_are_named(tmp_path):
    with pytest.raises(ReferenceDataError, match="lacks rama8000-cispro.data"):
        reference_build.build_rotarama_data(tmp_path)


@pytest.mark.skipif(not ROTARAMA.is_dir(), reason=f"no grids in {ROTARAMA}")
def test_grids_judge_rotamers(monkeypatch, tmp_path):
    """Leucine's two common rotamers (mt, tp) pass, eclipsed side chains do not."""
    from mmtbx.rotamer.rotamer_eval import RotamerEval

    source = shutil.copytree(ROTARAMA, tmp_path / "grids")
    # The four-angle grids take seconds to convert: two-angle ones stand in.
    for name in ("arg", "lys", "gln", "glu", "met"):
        shutil.copyfile(source / "rota8000-leu.data", source / f"rota8000-{name}.data")
    monkeypatch.setattr(RotamerEval, "aaTables", {})
    folder = reference_build.build_rotarama_data(source, progress=lambda line: None)
    assert find_rotarama_data() == folder
    monkeypatch.setenv("CLIBD_MON", str(skeleton(tmp_path / "library")))
    use_rotarama_data()
    rotamers = RotamerEval()
    for chi in ((295.0, 175.0), (180.0, 65.0)):
        assert rotamers.evaluate("LEU", chi) > 0.2
    assert rotamers.evaluate("LEU", (0.0, 0.0)) < rotamers.outlier_threshold


@pytest.mark.skipif(not ROTARAMA.is_dir(), reason=f"no grids in {ROTARAMA}")
def test_grids_of_the_older_data_set_are_told_apart():
    assert reference_data.approximate_rotamers(ROTARAMA) == ["ARG", "LYS"]
