"""How every point of the grid is refined: the thesis's protocol (4.1), as options.

All points of an entry have the same start, flags, weights, cycles and steps; only
U_group differs. A shaken start is made once an entry (:mod:`regression.shake`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Protocol:
    """What all refinements have in common.

    :ivar strategy: of ``hnmref.refine``; weights are searched in each step.
    :ivar b_iso: of every atom in the beginning, Å².
    :ivar shake_steps: steps of constant-temperature dynamics of the coordinates
        before the refinement; 0 for none. They need a monomer library.
    :ivar options: further PHIL of ``hnmref.refine``.
    """

    name: str
    strategy: str
    n_cycles: int
    b_iso: float = 20.0
    shake_steps: int = 0
    options: tuple[str, ...] = ()

    @property
    def parameters(self) -> tuple[str, ...]:
        """PHIL of ``hnmref.refine``."""
        return (
            f"strategy={self.strategy}",
            f"start.b_iso={self.b_iso:g}",
            f"main.number_of_macro_cycles={self.n_cycles}",
            *self.options,
        )


#: By name. ``fixed`` and ``sites`` are the two halves of the full regression.
PROTOCOLS = {
    "quick": Protocol("quick", "adp", n_cycles=1),
    "fixed": Protocol("fixed", "adp", n_cycles=20),
    "sites": Protocol(
        "sites",
        "sites+adp",
        n_cycles=20,
        shake_steps=200,
        options=(
            "sites.ncs_restraints=True",
            "sites.fit_rotamers=True",
            "sites.flip_nqh=True",
        ),
    ),
}


def protocol(name: str, n_cycles: int | None = None) -> Protocol:
    """One of :data:`PROTOCOLS`, with another number of macro-cycles if asked."""
    chosen = PROTOCOLS[name]
    return chosen if n_cycles is None else replace(chosen, n_cycles=n_cycles)
