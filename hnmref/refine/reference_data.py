"""Where geometry restraints and rotamer grids are, and how mmtbx is told.

mmtbx restrains geometry with a *monomer library* (a folder with
``list/mon_lib_list.cif``, ``ener_lib.cif`` and a CIF file per component) and
judges side chains and backbones with the Top8000 grids (``rota8000-*.data``
and ``rama8000-*.data``, converted to pickles). cctbx-base ships neither.

This module only looks; ``hnmref.refine.reference_build`` fills the cache.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from hnmref.errors import ReferenceDataError

LIST_FILE = Path("list", "mon_lib_list.cif")
ENERGY_FILE = Path("ener_lib.cif")
ENVIRONMENT_VARIABLES = ("MMTBX_CCP4_MONOMER_LIB", "CLIBD_MON")

#: Folders of a libtbx repository in which mmtbx itself looks, in its order.
_REPOSITORY_FOLDERS = (
    "ext_ref_files/mon_lib",
    "geostd",
    "mon_lib",
    "chem_data/mon_lib",
    "chem_data/geostd",
)

_HOW_TO_GET_IT = (
    "run hnmref.get_reference_data, or set MMTBX_CCP4_MONOMER_LIB to a folder with "
    "list/mon_lib_list.cif and ener_lib.cif, or refine with strategy=adp"
)


class MonomerLibrary(NamedTuple):
    """A usable monomer library.

    ``path`` is its folder and ``source`` says in words where it was found.
    ``repository`` is the folder that libtbx must know for mmtbx to find library
    and GeoStd side by side (Phenix), or None where ``path`` alone is enough.
    """

    path: Path
    source: str
    repository: Path | None = None


def cache_directory() -> Path:
    """The per-user folder for reference data; it need not exist.

    ``HNMREF_CACHE`` names it; otherwise it is ``hnmref`` in ``XDG_CACHE_HOME``
    or in the platform's own cache folder.
    """
    if os.environ.get("HNMREF_CACHE"):
        return Path(os.environ["HNMREF_CACHE"]).expanduser().absolute()
    if os.environ.get("XDG_CACHE_HOME"):
        parent = Path(os.environ["XDG_CACHE_HOME"])
    elif sys.platform == "darwin":
        parent = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        parent = Path(local) if local else Path.home() / "AppData" / "Local"
    else:
        parent = Path.home() / ".cache"
    return parent / "hnmref"


def cached_monomer_library() -> Path:
    """The folder in which a built monomer library stands; it need not exist."""
    return cache_directory() / "monomers"


def cached_rotarama_repository() -> Path:
    """The cache's libtbx repository: grids stand in its chem_data/rotarama_data."""
    return cache_directory() / "repository"


def is_monomer_library(path: Path) -> bool:
    """Whether a folder has the two files without which mmtbx reads nothing."""
    return (path / LIST_FILE).is_file() and (path / ENERGY_FILE).is_file()


def ignored_environment_variables() -> list[str]:
    """A sentence for each variable that is set but names no monomer library."""
    return [
        f"{name} is set to {os.environ[name]}, which lacks {LIST_FILE.as_posix()} "
        f"or {ENERGY_FILE}: ignored"
        for name in ENVIRONMENT_VARIABLES
        if os.environ.get(name) and not is_monomer_library(Path(os.environ[name]))
    ]


def locate_monomer_library() -> MonomerLibrary | None:
    """The first usable library, with where it was found.

    The order is: environment variables, Phenix, CCP4, conda, the cache.
    """
    return next(_libraries(), None)


def find_monomer_library() -> Path | None:
    """The folder of the first usable library (see `locate_monomer_library`)."""
    library = locate_monomer_library()
    return None if library is None else library.path


def use_monomer_library() -> Path:
    """Make mmtbx read the library that `locate_monomer_library` finds.

    This changes the environment of this process and of those it starts, and
    for a Phenix library this process's libtbx repositories.

    Raises
    ------
    ReferenceDataError
        No library was found.
    """
    library = locate_monomer_library()
    if library is None:
        raise ReferenceDataError(f"No monomer library was found: {_HOW_TO_GET_IT}.")
    if library.repository is None:
        os.environ[ENVIRONMENT_VARIABLES[0]] = str(library.path)
    else:
        # The variable would hide GeoStd, which Phenix keeps beside the library.
        os.environ.pop(ENVIRONMENT_VARIABLES[0], None)
        _add_repository(library.repository)
    return library.path


def missing_components(residues) -> list[str]:
    """Names of the residues that the monomer library in use does not describe.

    Parameters
    ----------
    residues
        An iotbx hierarchy (names are then read together with their atoms, as
        mmtbx does it: DA, for one, is the library's AD), or residue names.

    Returns
    -------
    list of str
        Upper-case residue names, sorted. Single atoms that mmtbx restrains by
        their element alone (ions) are not missing, if a hierarchy is given.

    Raises
    ------
    ReferenceDataError
        No library was found.
    """
    use_monomer_library()
    from mmtbx.monomer_library.server import server

    library = server()
    if hasattr(residues, "atom_groups"):
        wanted = _library_names(residues)
    else:
        wanted = {name.strip().upper(): name for name in residues}
    return sorted(
        name
        for name, library_name in wanted.items()
        if library.get_comp_comp_id_direct(library_name, return_filename=True) is None
    )


def find_rotarama_data() -> Path | None:
    """The folder of converted rotamer and Ramachandran grids, or None.

    It is looked for where mmtbx looks (libtbx repositories), in Phenix and in the
    cache; a folder counts if none of its grids is missing.
    """
    repository = _rotarama_repository()
    return None if repository is None else _rotarama_folder(repository)


def use_rotarama_data() -> Path:
    """Make mmtbx's RotamerEval, rotalyze and ramalyze work in this process.

    They need the monomer library too, which is therefore put to use as well. A
    process started by this one has to call this again.

    Raises
    ------
    ReferenceDataError
        The grids or the monomer library were not found.
    """
    repository = _rotarama_repository()
    if repository is None:
        raise ReferenceDataError(
            "No rotamer and Ramachandran grids were found: run "
            "hnmref.get_reference_data --rotarama-data DIR with a folder of "
            "rota8000-*.data and rama8000-*.data."
        )
    use_monomer_library()
    _add_repository(repository)
    return _rotarama_folder(repository)


def rotarama_stems() -> list[str]:
    """Names, without suffix, of all the grids that mmtbx reads (17 + 6)."""
    from mmtbx.rotamer.ramachandran_eval import aminoAcids_8000
    from mmtbx.rotamer.rotamer_eval import aminoAcids

    return sorted(
        {f"rota8000-{name}" for name in aminoAcids.values()}
        | {f"rama8000-{name}" for name in aminoAcids_8000.values()}
    )


def approximate_rotamers(folder: Path) -> list[str]:
    """Residues (``ARG``, …) whose grid in ``folder`` is not a Top8000 one.

    The first line of a grid names the data set it was made from. Rotamer figures
    for these residues are approximate and should be reported as such.
    """
    return sorted(
        grid.stem.rpartition("-")[2].upper()
        for grid in folder.glob("rota8000-*.data")
        if "Top500" in _first_line(grid)
    )


def _libraries() -> Iterator[MonomerLibrary]:
    for name in ENVIRONMENT_VARIABLES:
        yield from _if_usable(os.environ.get(name), f"environment variable {name}")
    for repository, source in _repositories():
        path = _library_in_repository(repository)
        if path is not None:
            yield MonomerLibrary(path, source, repository)
    if os.environ.get("CCP4"):
        yield from _if_usable(Path(os.environ["CCP4"], "lib/data/monomers"), "CCP4")
    if os.environ.get("CONDA_PREFIX"):
        for folder in ("share/coot/lib/data/monomers", "lib/data/monomers"):
            yield from _if_usable(Path(os.environ["CONDA_PREFIX"], folder), "conda")
    yield from _if_usable(cached_monomer_library(), "hnmref's cache")


def _if_usable(path: str | Path | None, source: str) -> Iterator[MonomerLibrary]:
    if path and is_monomer_library(Path(path)):
        yield MonomerLibrary(Path(path), source)


def _repositories() -> Iterator[tuple[Path, str]]:
    """Folders in which a Phenix or cctbx installation may keep chem_data."""
    if os.environ.get("PHENIX"):
        root = Path(os.environ["PHENIX"])
        folders = [root / "modules", root, *root.glob("lib/python3*/site-packages")]
        yield from ((folder, "Phenix") for folder in folders)
    yield from ((folder, "libtbx repository") for folder in _libtbx_repositories())
    if os.environ.get("CONDA_PREFIX"):
        root = Path(os.environ["CONDA_PREFIX"])
        folders = [root, root / "share" / "cctbx"]
        yield from ((folder, "conda") for folder in folders)


def _libtbx_repositories() -> list[Path]:
    import libtbx.load_env  # noqa: F401  (makes libtbx.env)

    return [Path(abs(path)) for path in libtbx.env.repository_paths]


def _library_in_repository(repository: Path) -> Path | None:
    """The list's folder, where list and energy file stand in any of the folders."""
    folders = [repository / folder for folder in _REPOSITORY_FOLDERS]
    if not any((folder / ENERGY_FILE).is_file() for folder in folders):
        return None
    lists = (folder for folder in folders if (folder / LIST_FILE).is_file())
    return next(lists, None)


def _add_repository(repository: Path) -> None:
    import libtbx.load_env

    if repository not in _libtbx_repositories():
        libtbx.env.add_repository(str(repository))


def _library_names(hierarchy) -> dict[str, str]:
    """Residue name -> the library's name for it, without what needs no entry."""
    from iotbx.pdb import residue_name_plus_atom_names_interpreter

    first_of_name = {}
    for group in hierarchy.atom_groups():
        first_of_name.setdefault(group.resname.strip().upper(), group)
    names = {}
    for name, group in first_of_name.items():
        if not _is_single_atom_of_known_element(group):
            found = residue_name_plus_atom_names_interpreter(
                residue_name=name,
                atom_names=list(group.atoms().extract_name()),
                return_mon_lib_dna_name=True,
            )
            names[name] = found.work_residue_name or name
    return names


def _is_single_atom_of_known_element(group) -> bool:
    from mmtbx.monomer_library.pdb_interpretation import ad_hoc_single_atom_residue

    atoms = group.atoms()
    if len(atoms) != 1:
        return False
    atom = atoms[0]
    known = ad_hoc_single_atom_residue(group.resname, atom.name, atom.element)
    return known.scattering_type is not None


def _rotarama_folder(repository: Path) -> Path:
    return repository / "chem_data" / "rotarama_data"


def _rotarama_repository() -> Path | None:
    candidates = [
        *_libtbx_repositories(),
        *(folder for folder, _ in _repositories()),
        cached_rotarama_repository(),
    ]
    for repository in candidates:
        folder = _rotarama_folder(repository)
        if folder.is_dir() and not missing_grids(folder, ".pickle"):
            return repository
    return None


def missing_grids(folder: Path, suffix: str) -> list[str]:
    """Names of the grid files with this suffix that a folder lacks."""
    names = [stem + suffix for stem in rotarama_stems()]
    return [name for name in names if not (folder / name).is_file()]


def _first_line(path: Path) -> str:
    with path.open(encoding="utf-8") as lines:
        return lines.readline()
