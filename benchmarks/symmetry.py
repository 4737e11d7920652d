"""A model with all of its unit cell written out, its data and free flags with it.

    python -m benchmarks.symmetry model.pdb data.mtz DIRECTORY

writes DIRECTORY/expanded.cif and expanded.mtz, in P1: larger, and of the same kind.
"""

from __future__ import annotations

import sys
from pathlib import Path


def expand(model: str, data: str, directory: Path) -> None:
    """Write both files."""
    import hnmref  # noqa: F401  (cctbx's extensions must load before scipy's)

    import iotbx.pdb
    from hnmref import params as scopes
    from hnmref.refine.inputs import read_inputs

    params = iotbx.phil.parse(scopes.REFINE).extract()
    inputs = read_inputs(model, data, [], params)
    cell = inputs.model.crystal_symmetry().unit_cell()
    whole = iotbx.pdb.hierarchy.root()
    whole.append_model(iotbx.pdb.hierarchy.model())
    group = inputs.model.crystal_symmetry().space_group()
    for number, operation in enumerate(group.all_ops()):
        copy = inputs.model.get_hierarchy().deep_copy()
        sites = cell.fractionalize(copy.atoms().extract_xyz())
        moved = operation.as_double_array()
        rotation, translation = moved[:9], moved[9:]
        copy.atoms().set_xyz(cell.orthogonalize(rotation * sites + translation))
        copy.atoms().reset_i_seq()
        for chain in copy.only_model().chains():
            chain = chain.detached_copy()
            chain.id = f"{chain.id}{number}"
            whole.only_model().append_chain(chain)
    in_p1 = inputs.data.f_obs.expand_to_p1()
    text = whole.as_mmcif_string(crystal_symmetry=in_p1.crystal_symmetry())
    (directory / "expanded.cif").write_text(text, encoding="utf-8")
    columns = in_p1.as_mtz_dataset(column_root_label="F")
    flags = inputs.data.r_free_flags.expand_to_p1()
    columns.add_miller_array(
        flags.array(data=flags.data().as_int()), column_root_label="R-free-flags"
    )
    columns.mtz_object().write(str(directory / "expanded.mtz"))


if __name__ == "__main__":
    expand(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
