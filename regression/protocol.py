"""How every point of the grid is refined: the thesis's protocol (4.1), as options.

All points of an entry have the same start, flags, weights, cycles and steps; only
U_group differs. A shaken start is made once an entry (:mod:`regression.shake`).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Protocol:
    """What all refinements have in common.

    :ivar parameters: PHIL of ``hnmref.refine``.
    :ivar shake_steps: steps of constant-temperature dynamics of the coordinates
        before the refinement; 0 for none. More need a monomer library.
    """

    name: str
    parameters: tuple[str, ...]
    shake_steps: int = 0


def protocol(name: str, n_cycles: int | None = None) -> Protocol:
    """One of :data:`PROTOCOLS`, with another number of macro-cycles if asked."""
    chosen = PROTOCOLS[name]
    if n_cycles is None:
        return chosen
    cycles = f"main.number_of_macro_cycles={n_cycles}"
    return Protocol(chosen.name, (*chosen.parameters, cycles), chosen.shake_steps)


_FLAT_START = ("start.b_iso=20",)

#: By name. ``sites`` and ``fixed`` are the two halves of the full regression.
PROTOCOLS = {
    "quick": Protocol(
        "quick", ("strategy=adp", *_FLAT_START, "main.number_of_macro_cycles=2")
    ),
    "fixed": Protocol(
        "fixed", ("strategy=adp", *_FLAT_START, "main.number_of_macro_cycles=20")
    ),
    "sites": Protocol(
        "sites",
        ("strategy=sites+adp", *_FLAT_START, "main.number_of_macro_cycles=20"),
        shake_steps=200,
    ),
}
