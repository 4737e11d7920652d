"""Entries from every layout, and what is told of those that are nowhere."""

import hnmref  # noqa: F401  (cctbx's extensions load first)

import gzip
import io

import iotbx.pdb.fetch
import pytest

from regression.entries import gather_entries, main

MODEL, DATA = b"REMARK the model\n", b"data_the_data\n"


def put(path, content):
    """A file, packed where its name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


LAYOUTS = {
    "own": ("1abc/model.pdb", "1abc/data.mtz"),
    "own, capitals": ("1ABC/model.pdb", "1ABC/data.cif"),
    "flat": ("pdb1abc.ent.gz", "r1abcsf.ent.gz"),
    "flat, unpacked": ("pdb1abc.ent", "r1abcsf.ent"),
    "by middle letters": ("ab/pdb1abc.ent.gz", "ab/r1abcsf.ent.gz"),
    "FTP tree": (
        "data/structures/divided/pdb/ab/pdb1abc.ent.gz",
        "data/structures/divided/structure_factors/ab/r1abcsf.ent.gz",
    ),
    "mmCIF only": ("mmCIF/ab/1abc.cif.gz", "structure_factors/ab/r1abcsf.ent.gz"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(tmp_path, layout):
    """Files of the same content, of a name that programs know the format by."""
    mirror, cache = tmp_path / "mirror", tmp_path / "cache"
    for name, content in zip(LAYOUTS[layout], (MODEL, DATA)):
        put(mirror / name, content)
    found = gather_entries(["1ABC"], mirror, cache)
    (entry,) = found.entries
    assert entry.id == "1abc" and not found.missing
    assert entry.model.read_bytes() == MODEL and entry.data.read_bytes() == DATA
    expected = ".cif" if layout == "mmCIF only" else ".pdb"
    assert entry.model.suffix == expected and entry.data.suffix in (".mtz", ".cif")
    assert cache.exists() == (not layout.startswith("own"))
    # What has been unpacked is found without the mirror.
    again = gather_entries(["1abc"], None, cache).entries
    assert again == ([] if layout.startswith("own") else [entry])


def test_missing_entries_are_told_and_skipped(tmp_path, capsys):
    """No data, no file, and a file that is no gzip file; the others are there."""
    put(tmp_path / "2def" / "model.pdb", MODEL)
    put(tmp_path / "1abc" / "model.pdb", MODEL)
    put(tmp_path / "1abc" / "data.mtz", DATA)
    (tmp_path / "pdb3ghi.ent.gz").write_bytes(MODEL)
    put(tmp_path / "r3ghisf.ent.gz", DATA)
    names = ["1abc", "2def", "3ghi", "4jkl"]
    directories = ["--mirror", str(tmp_path), "--cache", str(tmp_path / "cache")]
    main([*directories, "--entries", *names])
    told = capsys.readouterr()
    assert "1abc " in told.out and "1 of 4 entries are there" in told.out
    lines = told.err.splitlines()
    assert [line.split()[0] for line in lines] == ["2def", "3ghi", "4jkl"]
    assert "not both in" in lines[0] and "gzip" in lines[1].lower()
    assert not list((tmp_path / "cache").rglob("*.*"))


@pytest.fixture
def pdb_with(monkeypatch):
    """A PDB that has some of an entry's files, and what it was asked for."""
    asked = []

    def use(files):
        def fetch(entry_id, entity):
            asked.append((entry_id, entity))
            if isinstance(files, Exception):
                raise files
            if entity not in files:
                raise RuntimeError(f"Couldn't download {entity} for {entry_id}")
            return io.BytesIO(files[entity])

        monkeypatch.setattr(iotbx.pdb.fetch, "fetch", fetch)
        return asked

    return use


@pytest.mark.parametrize("model", ["model_pdb", "model_cif"])
def test_fetched_once_and_only_when_asked(tmp_path, pdb_with, model):
    asked = pdb_with({model: MODEL, "sf": DATA})
    assert gather_entries(["1abc"], None, tmp_path).missing and not asked
    (entry,) = gather_entries(["1abc"], None, tmp_path, fetch=True).entries
    assert entry.model.name == model.replace("_", ".")
    assert entry.data.name == "data.cif" and entry.data.read_bytes() == DATA
    n_asked = len(asked)
    assert gather_entries(["1abc"], None, tmp_path, fetch=True).entries == [entry]
    assert len(asked) == n_asked


@pytest.mark.parametrize(
    "files, reason",
    [
        ({"model_pdb": MODEL}, "Couldn't download sf"),
        ({"sf": DATA}, "Couldn't download model_cif"),
        (OSError("no way to the host"), "no way to the host"),
    ],
)
def test_what_cannot_be_fetched(tmp_path, pdb_with, files, reason):
    pdb_with(files)
    found = gather_entries(["1abc"], None, tmp_path, fetch=True)
    assert not found.entries and reason in found.missing["1abc"]
