"""Scripts that show a run in PyMOL, ChimeraX and Coot.

Each opens the refined model, the maps and the models of single levels that stand
beside it, shows 50 % ellipsoids, and has the largest refined motions as arrows, from an
atom to where it is displaced by its amplitude times a factor, in both directions.
Names of files are without directories: the scripts for PyMOL and Coot look where they
stand themselves, that for ChimeraX where it is started.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from hnmref.report.viewer import RADII

#: Red, green and blue of the first and second motion of a group.
MOTION_COLOURS = ((0.0, 0.45, 0.70), (0.84, 0.37, 0.0))
_COOT_COLOURS = ("blue", "orange")

#: The longest arrow of a motion is this long (Å).
_LONGEST_ARROW = 6.0

#: Contour levels, sigma, of 2mFo-DFc and mFo-DFc.
_LEVELS = (1.5, 3.0)


@dataclass
class Arrows:
    """One motion of a group as arrows.

    :ivar name: a word, for lists of objects.
    :ivar rank: 0 for the largest motion of its group.
    :ivar start, end: (n, 3) Å.
    :ivar factor: how many times the root-mean-square displacement they show.
    """

    name: str
    rank: int
    start: np.ndarray
    end: np.ndarray
    factor: float


@dataclass
class Scene:
    """What the scripts show; names of files without directories.

    :ivar model: the refined model.
    :ivar mtz: map coefficients, with hnmref's columns.
    :ivar maps: CCP4 maps by kind, ``2mFo-DFc`` and ``mFo-DFc``.
    :ivar levels: models with U of one level, by its name.
    :ivar isotropic: those of the models that have no anisotropic U.
    :ivar motions: the arrows.
    :ivar anisotropy: of each residue, by chain and number with insertion code.
    """

    model: str
    mtz: str
    maps: Mapping[str, str]
    levels: Mapping[str, str] = field(default_factory=dict)
    isotropic: Sequence[str] = ()
    motions: Sequence[Arrows] = ()
    anisotropy: Mapping[tuple[str, str], float] = field(default_factory=dict)


def motion_arrows(
    name: str, rank: int, coordinates: np.ndarray, displacements: np.ndarray
) -> Arrows:
    """Arrows at some atoms, long enough to be seen.

    :param coordinates: (n, 3) Å.
    :param displacements: (n, 3) Å, root-mean-square along the motion.
    """
    longest = np.linalg.norm(displacements, axis=1).max()
    factor = _LONGEST_ARROW / longest if longest > 0 else 1.0
    end = coordinates + factor * displacements
    return Arrows(name, rank, coordinates, end, float(factor))


def pymol_script(scene: Scene) -> str:
    """A Python script for PyMOL: ``pymol run_001_pymol.py``."""
    lines = [
        '"""The refined model, its maps, ellipsoids and motions, for PyMOL."""',
        "",
        "import os",
        "import pymol",
        "from pymol import cgo, cmd",
        "",
        'script = getattr(pymol, "__script__", None) or globals().get("__file__", "")',
        "here = os.path.dirname(os.path.abspath(script))",
        "",
        "# Chain and residue: smallest over largest principal value of U.",
        "anisotropy = {",
        *(f"    {key!r}: {value:.3f}," for key, value in scene.anisotropy.items()),
        "}",
        "",
        "",
        "def show(name, file_name):",
        '    """A model with its ellipsoids."""',
        "    cmd.load(os.path.join(here, file_name), name)",
        '    cmd.show("ellipsoids", name)',
        '    cmd.spectrum("b", "blue_white_red", name)',
        "",
        "",
        "def arrows(name, colour, ends):",
        '    """Cylinders with cones, both ways."""',
        "    shapes = []",
        "    for start, end in ends:",
        "        back = [2 * a - b for a, b in zip(start, end)]",
        "        for tip in (end, back):",
        "            neck = [a + 0.75 * (b - a) for a, b in zip(start, tip)]",
        "            shapes += [cgo.CYLINDER, *start, *neck, 0.12, *colour, *colour]",
        "            cone = [*neck, *tip, 0.3, 0.0, *colour, *colour, 1, 0]",
        "            shapes += [cgo.CONE, *cone]",
        "    cmd.load_cgo(shapes, name)",
        "",
        "",
        'cmd.set("ellipsoid_probability", 0.5)',
        f'show("refined", {scene.model!r})',
        'cmd.create("by_anisotropy", "refined")',
        'cmd.hide("everything", "by_anisotropy")',
        'cmd.show("cartoon", "by_anisotropy")',
        'cmd.alter("by_anisotropy", "b = table.get((chain, resi), 1.0)", '
        'space={"table": anisotropy})',
        'cmd.spectrum("b", "red_white_blue", "by_anisotropy", 0, 1)',
        'cmd.disable("by_anisotropy")',
    ]
    for level, name in scene.levels.items():
        lines += [f'show("U_{level}", {name!r})', f'cmd.disable("U_{level}")']
    for (kind, name), level in zip(scene.maps.items(), _LEVELS):
        title = kind.replace("-", "_")
        signs = (("", level, "slate"),)
        if kind == "mFo-DFc":
            signs = (("_plus", level, "green"), ("_minus", -level, "red"))
        lines.append(f'cmd.load(os.path.join(here, {name!r}), "map_{title}")')
        for sign, height, colour in signs:
            mesh = f"{title}{sign}"
            lines += [
                f'cmd.isomesh("{mesh}", "map_{title}", {height}, "refined", carve=2.5)',
                f'cmd.color("{colour}", "{mesh}")',
                f'cmd.disable("{mesh}")',
            ]
    for motion in scene.motions:
        colour = MOTION_COLOURS[motion.rank]
        lines += [
            f"# {motion.factor:.1f} times the root-mean-square displacement",
            f"arrows({motion.name!r}, {colour!r}, [",
            *(f"    ({_point(a)}, {_point(b)})," for a, b in _ends(motion)),
            "])",
        ]
    lines.append('cmd.orient("refined")')
    return "\n".join(lines) + "\n"


def chimerax_script(scene: Scene, arrows_file: str, anisotropy_file: str) -> str:
    """Commands for ChimeraX, with files of :func:`bild` and :func:`defattr`."""
    files = [scene.model, *scene.levels.values()]
    lines = ["# The refined model, its maps, ellipsoids and motions, for ChimeraX."]
    for number, name in enumerate(files, start=1):
        lines.append(f"open {name} id {number}")
        if name not in scene.isotropic:
            # ChimeraX scales ellipsoids of one sigma.
            lines.append(f"aniso #{number} scale {RADII[50]}")
        lines.append(f"color bfactor #{number} palette blue:white:red")
    lines += [f"hide #{number} models" for number in range(2, len(files) + 1)]
    if scene.anisotropy:
        lines += [
            "# Smallest over largest principal value of U by residue; to colour by it:",
            "# color byattribute r:anisotropy #1 palette red:white:blue range 0,1",
            f"open {anisotropy_file}",
        ]
    number = len(files)
    for (kind, name), level in zip(scene.maps.items(), _LEVELS):
        number += 1
        lines.append(f"open {name} id {number}")
        contour = f"sdLevel {level} color slateblue"
        if kind == "mFo-DFc":
            contour = f"sdLevel -{level} color red sdLevel {level} color green"
        lines += [f"volume #{number} style mesh {contour}", f"hide #{number} models"]
    if scene.motions:
        lines.append(f"open {arrows_file} id {number + 1}")
    lines.append("view #1")
    return "\n".join(lines) + "\n"


def bild(motions: Sequence[Arrows]) -> str:
    """Arrows in the BILD format, which ChimeraX and Chimera open."""
    lines = []
    for motion in motions:
        red, green, blue = MOTION_COLOURS[motion.rank]
        lines.append(
            f".comment {motion.name}: {motion.factor:.1f} times the root-mean-square "
            "displacement"
        )
        lines.append(f".color {red} {green} {blue}")
        for start, end in _ends(motion):
            for tip in (end, 2 * start - end):
                numbers = " ".join(f"{value:.3f}" for value in (*start, *tip))
                lines.append(f".arrow {numbers} 0.12 0.3 0.75")
    return "\n".join(lines) + "\n"


def defattr(scene: Scene) -> str:
    """Residues' anisotropy as an attribute that ChimeraX opens."""
    lines = ["attribute: anisotropy", "recipient: residues"]
    for (chain, residue), value in scene.anisotropy.items():
        # A chain without a name is left out.
        specification = f"/{chain}:{residue}" if chain else f":{residue}"
        lines.append(f"\t{specification}\t{value:.3f}")
    return "\n".join(lines) + "\n"


def coot_script(scene: Scene) -> str:
    """A Python script for Coot (0.9 and 1): ``coot --script run_001_coot.py``."""
    lines = [
        '"""The refined model, its maps, ellipsoids and motions, for Coot."""',
        "",
        "import inspect",
        "import os",
        "import coot",
        "",
        "here = os.path.dirname(os.path.abspath(inspect.getfile(lambda: None)))",
        "",
        "",
        "def lines(name, colour, ends):",
        '    """A generic object of lines, both ways."""',
        "    number = coot.new_generic_object_number(name)",
        "    for start, end in ends:",
        "        back = [2 * a - b for a, b in zip(start, end)]",
        "        both = back + list(end)",
        "        coot.to_generic_object_add_line(number, colour, 3, *both)",
        "    coot.set_display_generic_object(number, 1)",
        "",
        "",
        f"molecule = coot.read_pdb(os.path.join(here, {scene.model!r}))",
        f"coot.auto_read_make_and_draw_maps(os.path.join(here, {scene.mtz!r}))",
        "coot.set_aniso_probability(50.0)",
        'if hasattr(coot, "set_show_aniso_atoms"):',
        "    coot.set_show_aniso_atoms(molecule, 1)",
        "else:",
        "    coot.set_show_aniso(1)",
        "coot.graphics_to_b_factor_representation(molecule)",
    ]
    for level, name in scene.levels.items():
        lines += [
            f"level_{level} = coot.read_pdb(os.path.join(here, {name!r}))",
            f"coot.set_mol_displayed(level_{level}, 0)",
        ]
    for motion in scene.motions:
        colour = _COOT_COLOURS[motion.rank]
        lines += [
            f"# {motion.factor:.1f} times the root-mean-square displacement",
            f'lines({motion.name!r}, "{colour}", [',
            *(f"    ({_point(a)}, {_point(b)})," for a, b in _ends(motion)),
            "])",
        ]
    return "\n".join(lines) + "\n"


def _ends(motion: Arrows):
    return zip(motion.start, motion.end)


def _point(values: np.ndarray) -> str:
    return "[" + ", ".join(f"{value:.3f}" for value in values) + "]"
