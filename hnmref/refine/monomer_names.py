"""CCP4's monomer library in mmtbx's words.

mmtbx looks up polymers under older names than CCP4's library has today:

- atoms: ``HB1`` and ``HB2`` for ``HB2`` and ``HB3``, ``H5*1`` for ``H5'``, thymine's
  ``C5M`` for ``C7``;
- deoxynucleotides: ``AD``, ``CD``, ``GD`` and ``TD`` for ``DA``, ``DC``, ``DG`` and
  ``DT`` (cadmium and gadolinium it tells apart by their being single atoms);
- the sugar's torsions: CCP4 lists those of both puckers (``C2e-nyu0``, ``C3e-nyu0``,
  …) in the component, which mmtbx takes for a contradiction. mmtbx finds the
  pucker of each ribose and applies a modification ``rna2p…`` or ``rna3p…``: the
  torsions move there. Deoxyribose keeps no pucker target;
- the link between nucleotides: ``rna2p`` or ``rna3p`` for ``p``.
"""

from __future__ import annotations

import copy
from pathlib import Path

_PREFIX_OF_PUCKER = {"rna2p": "C2e-", "rna3p": "C3e-"}
_BASES = ("", "_pur", "_pyr")
#: The glycosidic torsion is listed once per pucker, with the same target.
_KEPT_TORSION = "C2e-chi"


def use_mmtbx_names(library: Path) -> None:
    """Rewrite a copy of CCP4's library for mmtbx, in place.

    Components that mmtbx does not know as amino acids or nucleotides are left as
    they are. mmtbx's own interpretation of atom names says what to write.

    Parameters
    ----------
    library
        A folder with CCP4's ``list/mon_lib_list.cif`` and with the nucleotide ``A``.
    """
    additions = _nucleotide_links_and_modifications(library)
    for path in sorted(library.glob("?/*.cif")):
        name, atom_names = _mmtbx_names(path)
        if atom_names:
            _rewrite(path, library / name[0].lower() / f"{name}.cif", atom_names)
    with (library / "list" / "mon_lib_list.cif").open("a") as stream:
        stream.write("\n" + additions)


def _read(path: Path):
    from iotbx import cif

    return cif.reader(file_path=str(path), strict=False).model()


def _mmtbx_names(path: Path) -> tuple[str, dict[str, str]]:
    """mmtbx's name for a component, and for those atoms that it calls otherwise."""
    from iotbx.pdb import residue_name_plus_atom_names_interpreter

    ccp4_names = list(_read(path)[f"comp_{path.stem}"]["_chem_comp_atom.atom_id"])
    found = residue_name_plus_atom_names_interpreter(
        residue_name=path.stem, atom_names=ccp4_names, return_mon_lib_dna_name=True
    )
    interpretation = found.atom_name_interpretation
    if interpretation is None:
        return path.stem, {}
    names = zip(ccp4_names, interpretation.mon_lib_names())
    different = {ccp4: name for ccp4, name in names if name and name != ccp4}
    return found.work_residue_name, different


def _rewrite(source: Path, target: Path, atom_names: dict[str, str]) -> None:
    from iotbx import cif

    rewritten = cif.model.cif()
    for key, block in _read(source).items():
        for tag in block.keys():
            if tag.endswith(".comp_id") or tag == "_chem_comp.id":
                _rename(block[tag], {source.stem: target.stem})
            elif ".atom_id" in tag:
                _rename(block[tag], atom_names)
        torsions = block.get_loop("_chem_comp_tor")
        if torsions is not None:
            _remove_pucker_torsions(torsions)
        rewritten[key.replace(f"comp_{source.stem}", f"comp_{target.stem}")] = block
    target.parent.mkdir(exist_ok=True)
    target.write_text(str(rewritten))


def _rename(column, new_names: dict[str, str]) -> None:
    for i, name in enumerate(column):
        column[i] = new_names.get(name, name)


def _remove_pucker_torsions(torsions) -> None:
    prefixes = tuple(_PREFIX_OF_PUCKER.values())
    names = list(torsions["_chem_comp_tor.id"])
    for i in reversed(range(len(names))):
        if names[i].startswith(prefixes) and names[i] != _KEPT_TORSION:
            torsions.delete_row(i)


def _nucleotide_links_and_modifications(library: Path) -> str:
    adenosine = library / "a" / "A.cif"
    _, atom_names = _mmtbx_names(adenosine)
    link = _read(library / "list" / "mon_lib_list.cif")["link_p"]
    torsions = _read(adenosine)["comp_A"].get_loop("_chem_comp_tor")
    for loop in (*link.loops.values(), torsions):
        for tag in loop.keys():
            if ".atom_id" in tag:
                _rename(loop[tag], atom_names)
    return f"{_links(link)}{_modifications(torsions)}"


def _links(link_p):
    from iotbx import cif

    links = cif.model.cif()
    for pucker in _PREFIX_OF_PUCKER:
        block = copy.deepcopy(link_p)
        for tag in block.keys():
            if tag.endswith(".link_id"):
                _rename(block[tag], {"p": pucker})
        links[f"link_{pucker}"] = block
    return links


def _modifications(torsions):
    """A modification per pucker and kind of base that adds the sugar's torsions."""
    from iotbx import cif

    atom_tags = [f"atom_id_{i}" for i in range(1, 5)]
    value_tags = ["value_angle", "value_angle_esd", "period"]
    header = ["mod_id", "function", "id", *atom_tags]
    header += [f"new_{tag}" for tag in value_tags]
    modifications = cif.model.cif()
    for pucker, prefix in _PREFIX_OF_PUCKER.items():
        for base in _BASES:
            loop = cif.model.loop(header=[f"_chem_mod_tor.{tag}" for tag in header])
            for row in torsions.iterrows():
                name = row["_chem_comp_tor.id"]
                if name.startswith(f"{prefix}nyu"):
                    kept = [row[f"_chem_comp_tor.{t}"] for t in atom_tags + value_tags]
                    name = name.removeprefix(prefix)
                    loop.add_row([pucker + base, "add", name, *kept])
            block = cif.model.block()
            block.add_loop(loop)
            modifications[f"mod_{pucker}{base}"] = block
    return modifications
