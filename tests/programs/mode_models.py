"""A small peptide-like model, as PDB text without a unit cell."""

import math

#: Atom, element, radius (Å), turn (degrees) and rise (Å) on an alpha helix.
_ATOMS = (
    ("N", "N", 1.55, -28.0, -0.9),
    ("CA", "C", 2.28, 0.0, 0.0),
    ("C", "C", 1.66, 26.0, 1.1),
    ("O", "O", 2.0, 23.0, 2.3),
    ("CB", "C", 3.3, -18.0, -0.2),
)


def pdb_text(chain: str = "A", n_residues: int = 20, shift: float = 0.0) -> str:
    """Residues on a helix; CB of residue 5 has two conformers; one water."""
    lines = []
    for residue in range(1, n_residues + 1):
        for name, element, radius, turn, rise in _ATOMS:
            angle = math.radians(100.0 * residue + turn)
            place = (
                shift + radius * math.cos(angle),
                radius * math.sin(angle),
                1.5 * residue + rise,
            )
            if name == "CB" and residue == 5:
                higher = (*place[:2], place[2] + 0.5)
                lines.append(_line(name, "A", chain, residue, place, 0.4, element))
                lines.append(_line(name, "B", chain, residue, higher, 0.6, element))
            else:
                lines.append(_line(name, " ", chain, residue, place, 1.0, element))
    water = (shift + 6.0, 0.0, 15.0)
    lines.append(_line("O", " ", chain, 101, water, 1.0, "O", residue_name="HOH"))
    return "".join(lines)


def _line(name, altloc, chain, number, place, occupancy, element, residue_name="ALA"):
    record = "HETATM" if residue_name == "HOH" else "ATOM  "
    x, y, z = place
    return (
        f"{record}{number:5d}  {name:<3s}{altloc}{residue_name} {chain}{number:4d}    "
        f"{x:8.3f}{y:8.3f}{z:8.3f}{occupancy:6.2f}{20.0:6.2f}          {element:>2s}\n"
    )
