"""The points that are tried on every entry: mode numbers, TLS groups a chain.

A point is a row of the table of runs (:class:`benchmarks.runs.Run`): a name, which is
part of file names, and PHIL parameters. What all points have in common is the
protocol's (:mod:`regression.protocol`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

#: Smallest p and the step from one p to the next (thesis 4.1).
MODES_STEP = 5
SMALLEST_MODES = 10
#: In place of a number: found from the data in the refinement.
AUTO = "Auto"


@dataclass(frozen=True)
class Point:
    """One way to refine U_group.

    :ivar family: ``hnm``, ``tls`` or ``none``; points of one family compete for being
        the best of it.
    """

    name: str
    family: str
    parameters: tuple[str, ...]


@dataclass(frozen=True)
class Grid:
    """What is tried.

    :ivar modes: pairs (n, p) of ``hnm.n_whole`` and ``hnm.n_substructure``, numbers or
        :data:`AUTO`.
    :ivar weights: values of ``hnm.restraint_weight``, numbers or :data:`AUTO`; empty:
        its default alone.
    :ivar groups_per_chain: values of ``tls.groups_per_chain``.
    :ivar partitions: further PHIL for the TLS points, by the name that they then
        have: ``{"tlsmd": ("tls.partition=tlsmd",)}``. ``tls`` alone has none.
    :ivar with_none: whether isotropic B alone is refined, too.
    """

    modes: tuple[tuple[int | str, int | str], ...]
    groups_per_chain: tuple[int, ...]
    weights: tuple[float | str, ...] = ()
    partitions: dict[str, tuple[str, ...]] = field(default_factory=lambda: {"tls": ()})
    with_none: bool = True

    def points(self) -> list[Point]:
        """All points, those of one family together."""
        points = [Point("none", "none", ("group_adp=none",))] if self.with_none else []
        for label, extra in self.partitions.items():
            points += [tls_point(label, k, extra) for k in self.groups_per_chain]
        for n, p in self.modes:
            points += [hnm_point(n, p, weight) for weight in self.weights or (None,)]
        return points


def mode_pairs(n_values: Sequence[int], step: int = MODES_STEP) -> tuple:
    """Pairs (n, p) with p = 10, 10 + step, … up to each n."""
    return tuple(
        (n, p) for n in n_values for p in range(SMALLEST_MODES, n + 1, step)
    )


def hnm_point(
    n_whole: int | str, n_substructure: int | str, weight: float | str | None = None
) -> Point:
    """Normal modes: n of the whole complex, p of each substructure; or :data:`AUTO`."""
    name = f"hnm-{n_whole}-{n_substructure}"
    parameters = (
        "group_adp=hnm",
        f"hnm.n_whole={n_whole}",
        f"hnm.n_substructure={n_substructure}",
    )
    if weight is None:
        return Point(name, "hnm", parameters)
    value = weight if weight == AUTO else f"{weight:g}"
    return Point(
        f"{name}-w{value}", "hnm", (*parameters, f"hnm.restraint_weight={value}")
    )


def tls_point(label: str, groups_per_chain: int, extra: Sequence[str] = ()) -> Point:
    """TLS groups, so many a chain."""
    return Point(
        f"{label}-{groups_per_chain}",
        "tls",
        ("group_adp=tls", f"tls.groups_per_chain={groups_per_chain}", *extra),
    )


#: The thesis's: 45 pairs of mode numbers, up to 20 groups a chain.
FULL = Grid(modes=mode_pairs(range(10, 51, 5)), groups_per_chain=tuple(range(1, 21)))
#: What four hours are enough for with sites fixed, all entries; as many points of
#: normal modes as of TLS.
WIDE = Grid(
    modes=((10, 10), (20, 20), (30, 30), (50, 20)),
    groups_per_chain=(1, 3, 6, 10),
    with_none=False,
)
#: What twenty minutes are enough for: as many points of normal modes as of TLS.
QUICK = Grid(modes=((20, 20), (30, 30)), groups_per_chain=(1, 3), with_none=False)
