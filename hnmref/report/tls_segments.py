"""A chain's TLS segments told: table, selections for refinement, pictures.

Everything is made from the chains as the command's JSON file has them.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence

import hnmref  # noqa: F401  (before matplotlib)

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from hnmref.report.plots import INK, STYLE, residue_ticks

#: Colours of neighbouring segments; three, so that a border always shows.
_SEGMENT_COLOURS = ("#0072b2", "#e69f00", "#009e73")
_LINE, _MARK = "#0072b2", "#c04a00"
#: Chains that have a picture of their own: more would make a page nobody can open.
MAX_PICTURED = 24


def table_lines(chain: Mapping) -> Iterator[str]:
    """Residual against the number of segments, for readers."""
    yield (
        f"Chain {chain['label']}: {chain['n_residues']} residues, "
        f"{chain['n_atoms']} atoms, about {chain['n_effective']:.0f} independent data"
    )
    yield "     k  rms B (A**2)      BIC  first residues"
    for partition in chain["partitions"]:
        mark = "*" if partition["n_segments"] == chain["suggested"] else " "
        first = " ".join(segment["first"] for segment in partition["segments"])
        yield (
            f"  {mark}{partition['n_segments']:3d}  {partition['rms_b']:12.2f}"
            f"  {partition['bic']:7.1f}  {first}"
        )


def csv_columns(chains: Sequence[Mapping]) -> dict[str, list]:
    """A row a chain and number of segments."""
    keys = ("n_segments", "n_parameters", "rms_b", "residual", "bic")
    rows = [(chain, part) for chain in chains for part in chain["partitions"]]
    columns = {"chain": [chain["label"] for chain, _ in rows]}
    columns.update({key: [part[key] for _, part in rows] for key in keys})
    columns["suggested"] = [
        int(part["n_segments"] == chain["suggested"]) for chain, part in rows
    ]
    columns["first_residues"] = [
        " ".join(segment["first"] for segment in part["segments"]) for _, part in rows
    ]
    return columns


def selections_text(chains: Sequence[Mapping]) -> str:
    """Every partition of every chain, for both programs."""
    lines = ["# TLS groups of every chain and number of segments: take one a chain."]
    for chain in chains:
        for partition in chain["partitions"]:
            selections = [segment["selection"] for segment in partition["segments"]]
            suggested = partition["n_segments"] == chain["suggested"]
            lines += [
                "",
                f"# Chain {chain['label']}, k = {partition['n_segments']}, "
                f"rms B {partition['rms_b']:.2f} A**2"
                + (" (suggested)" if suggested else ""),
                phenix_parameters(selections),
                *(f'tls.selection="{text}"' for text in selections),
            ]
    return "\n".join(lines) + "\n"


def phenix_parameters(selections: Sequence[str]) -> str:
    """TLS groups as phenix.refine's parameters."""
    lines = [f'  tls = "{text}"' for text in selections]
    return "\n".join(["refinement.refine.adp {", *lines, "}"])


def hnmref_parameters(selections: Sequence[str]) -> str:
    """TLS groups as hnmref.refine's parameters."""
    lines = [f'  selection = "{text}"' for text in selections]
    return "\n".join(["group_adp = tls", "tls {", *lines, "}"])


def plot_segments(chains: Sequence[Mapping]) -> bytes:
    """PNG: of each chain the residual, and the segments for every k along it."""
    chains = chains[:MAX_PICTURED]
    with rc_context(STYLE):
        figure = Figure(figsize=(9.6, 2.9 * len(chains)), layout="constrained")
        rows = figure.subplots(
            len(chains), 2, squeeze=False, gridspec_kw={"width_ratios": (2, 5)}
        )
        for (left, right), chain in zip(rows, chains):
            _draw_residual(left, chain)
            _draw_bars(right, chain)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=130, metadata={"Software": None})
    return buffer.getvalue()


def _draw_residual(axes, chain: Mapping) -> None:
    """rms deviation against k; a ring around the suggested one."""
    numbers = [partition["n_segments"] for partition in chain["partitions"]]
    rms = [partition["rms_b"] for partition in chain["partitions"]]
    axes.plot(numbers, rms, "o-", color=_LINE, markersize=3)
    best = chain["suggested"]
    axes.plot(best, rms[best - 1], "o", color=_MARK, markersize=8, fillstyle="none")
    axes.set_ylim(0, None)
    axes.set_xlabel("segments")
    axes.set_ylabel("rms deviation of B (Å²)")
    axes.set_title(f"chain {chain['label']}", fontsize=10, loc="left", color=INK)


def _draw_bars(axes, chain: Mapping) -> None:
    """A row of bars for every k."""
    names = chain["residues"]
    for partition in chain["partitions"]:
        lengths = [segment["n_residues"] for segment in partition["segments"]]
        colours = [
            _SEGMENT_COLOURS[i % len(_SEGMENT_COLOURS)] for i in range(len(lengths))
        ]
        axes.barh(
            partition["n_segments"],
            lengths,
            left=np.cumsum([0, *lengths[:-1]]) - 0.5,
            height=0.8,
            color=colours,
            alpha=1.0 if partition["n_segments"] == chain["suggested"] else 0.55,
        )
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_ylim(len(chain["partitions"]) + 0.6, 0.4)
    ticks = residue_ticks(len(names))
    axes.set_xticks(ticks, [names[i] for i in ticks])
    axes.set_xlabel("residue")
    axes.set_ylabel("segments")
