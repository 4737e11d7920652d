"""The tables of the regression: one line an entry, one line a run, and the goals."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.comparison import Difference, mean_difference
from regression.entry_report import EntryReport, n_group_parameters
from regression.points import PointMeans, PointPair

#: What the entries shall show (percent points; improvements are TLS less ours).
GOAL_MEAN = 0.86
GOAL_GAP = 0.59
GOAL_ON_HALVES = 0.5
GOAL_HIGHER_ENTRIES = 1
#: Standard errors from which on a difference is significant.
SIGNIFICANT = 2.0


@dataclass(frozen=True)
class Column:
    """One column of the table of entries.

    :ivar key: in the CSV file; ``title``: on the page.
    :ivar value: of an entry; None where it has none.
    :ivar text: how the page shows a value; ``is_text``: it is no number.
    """

    key: str
    title: str
    value: Callable[[EntryReport], Any]
    text: Callable[[Any], str] = str
    is_text: bool = False

    def cell(self, report: EntryReport) -> str:
        """What the page shows."""
        value = self.value(report)
        return "–" if value is None else self.text(value)


def improvement(difference: Difference) -> float:
    """Theirs less ours, percent points: above 0, ours is better."""
    return -difference.points


def _percent(value: float) -> str:
    return f"{100 * value:.2f}"


def _with_error(pick: Callable[[EntryReport], Difference], key: str, title: str):
    """Two columns of an improvement: itself, and its standard error."""
    signed = "{:+.2f}".format
    return (
        Column(key, title, lambda r: improvement(pick(r)), signed),
        Column(f"{key}_error", "±", lambda r: pick(r).error, "{:.2f}".format),
    )


def _of_model(name: str, title: str, text: Callable) -> tuple[Column, Column]:
    """A figure of the best models, ours and theirs."""
    return (
        Column(
            f"hnm_{name}", f"{title} HNM", lambda r: r.figure(r.ours.row, name), text
        ),
        Column(
            f"tls_{name}", f"{title} TLS", lambda r: r.figure(r.theirs.row, name), text
        ),
    )


def _of_run(family: str, title: str, pick: Callable) -> tuple[Column, ...]:
    """The best run of a family: its row, R-factors and parameters."""
    return (
        Column(f"{family}_row", title, lambda r: pick(r).row, is_text=True),
        Column(f"{family}_r_work", "R_work", lambda r: pick(r).r_work, _percent),
        Column(f"{family}_r_free", "R_free", lambda r: pick(r).r_free, _percent),
        Column(
            f"{family}_parameters", "parameters", lambda r: n_group_parameters(pick(r))
        ),
        Column(f"{family}_tried", f"{title} tried", lambda r: r.n_candidates[family]),
    )


COLUMNS = (
    Column("entry", "entry", lambda r: r.entry, is_text=True),
    Column("n_free", "free", lambda r: r.n_free),
    *_of_run("hnm", "HNM", lambda r: r.ours),
    *_of_run("tls", "TLS", lambda r: r.theirs),
    *_with_error(lambda r: r.judgement.by_r_free, "improvement", "improvement"),
    *_with_error(lambda r: r.judgement.on_halves, "on_halves", "on halves"),
    *_with_error(lambda r: r.judgement.equal_budget, "equal_budget", "equal budgets"),
    Column("sparing_hnm", "HNM", lambda r: r.judgement.sparing_ours, is_text=True),
    Column("sparing_tls", "TLS", lambda r: r.judgement.sparing_theirs, is_text=True),
    *_with_error(lambda r: r.judgement.sparing, "sparing", "improvement"),
    *_with_error(
        lambda r: r.judgement.sparing_on_halves, "sparing_on_halves", "on halves"
    ),
    Column("gap", "gap", lambda r: r.gap_improvement, "{:+.2f}".format),
    *_of_model("b_kl", "B_KL", "{:.3f}".format),
    *_of_model("rama_favoured", "favoured (%)", "{:.1f}".format),
    *_of_model("map_cc", "map CC", "{:.4f}".format),
)

#: The page's tables: titles and the keys of their columns after the entry.
PAGE_TABLES = (
    (
        "Best by R_free",
        "hnm_row hnm_r_work hnm_r_free hnm_parameters tls_row tls_r_work tls_r_free "
        "tls_parameters improvement improvement_error gap",
    ),
    (
        "Judged on halves of the free set",
        "n_free hnm_tried tls_tried on_halves on_halves_error equal_budget "
        "equal_budget_error",
    ),
    (
        "Sparing of parameters",
        "sparing_hnm sparing_tls sparing sparing_error sparing_on_halves "
        "sparing_on_halves_error",
    ),
    (
        "The best models",
        "hnm_b_kl tls_b_kl hnm_rama_favoured tls_rama_favoured hnm_map_cc tls_map_cc",
    ),
)


#: The page's table of points.
POINT_TITLES = ("point", "parameters", "R_work", "R_free", "R_free − R_work")


def point_cells(point: PointMeans) -> list[str]:
    """What the page shows of a point."""
    percents = map(_percent, (point.r_work, point.r_free, point.gap))
    return [point.name, f"{point.n_parameters:.0f}", *percents]


def pair_cells(pairs: Sequence[PointPair]) -> list[list[str]]:
    """A row a point of normal modes, a column a point of TLS; titles first."""
    cells: dict[str, dict[str, str]] = {}
    for pair in pairs:
        cells.setdefault(pair.ours.name, {})[pair.theirs.name] = (
            f"{improvement(pair.r_free):+.2f} ± {pair.r_free.error:.2f} "
            f"({pair.gap_improvement:+.2f})"
        )
    titles = ["", *next(iter(cells.values()), {})]
    return [titles, *([name, *row.values()] for name, row in cells.items())]


def page_columns(keys: str) -> list[Column]:
    """Columns by their keys, the entry first."""
    by_key = {column.key: column for column in COLUMNS}
    return [by_key[key] for key in ("entry", *keys.split())]


def entries_csv(reports: Sequence[EntryReport]) -> str:
    """A line an entry; R as fractions, differences in percent points."""
    return _csv(
        [column.key for column in COLUMNS],
        ([_number(c.value(report)) for c in COLUMNS] for report in reports),
    )


def runs_csv(reports: Sequence[EntryReport]) -> str:
    """A line a finished run."""
    titles = "entry row r_work r_free n_group_parameters seconds source".split()
    return _csv(
        titles,
        (
            [report.entry, row, _number(run.r_work), _number(run.r_free)]
            + [n_group_parameters(run), run.seconds, run.source]
            for report in reports
            for row, run in report.records.items()
        ),
    )


def points_csv(points: Sequence[PointMeans]) -> str:
    """A line a point of the grid: means over entries, R as fractions."""
    titles = "point n_group_parameters r_work r_free gap".split()
    return _csv(
        titles,
        (
            [p.name, *map(_number, (p.n_parameters, p.r_work, p.r_free, p.gap))]
            for p in points
        ),
    )


def pairs_csv(pairs: Sequence[PointPair]) -> str:
    """A line a point of normal modes and one of TLS; percent points, above 0 better."""
    return _csv(
        "hnm_point tls_point improvement improvement_error gap".split(),
        (
            [pair.ours.name, pair.theirs.name]
            + [_number(improvement(pair.r_free)), _number(pair.r_free.error)]
            + [_number(pair.gap_improvement)]
            for pair in pairs
        ),
    )


def residues_csv(reports: Sequence[EntryReport]) -> str:
    """A line a residue: correlation of map and model in the two best models."""
    rows = []
    for report in reports:
        ours, theirs = (
            report.figure(run.row, "residue_cc") for run in (report.ours, report.theirs)
        )
        if ours and theirs:
            rows += [
                [report.entry, residue, _number(cc), _number(theirs[residue])]
                for residue, cc in ours.items()
            ]
    return _csv("entry residue hnm_cc tls_cc".split(), rows)


def _csv(titles: Sequence[str], rows: Iterable[Sequence]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(titles)
    writer.writerows(rows)
    return out.getvalue()


def _number(value) -> object:
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else value


def goals(reports: Sequence[EntryReport]) -> Iterator[str]:
    """What was to be reached, and what was; nothing without entries."""
    n = len(reports)
    if not n:
        return
    by_r_free = [report.judgement.by_r_free for report in reports]
    higher = [r.entry for r, d in zip(reports, by_r_free) if d.points > 0]
    worse = [
        r.entry for r, d in zip(reports, by_r_free) if d.points > SIGNIFICANT * d.error
    ]
    yield (
        f"R_free with HNM higher in {len(higher)} of {n} entries{_named(higher)}, goal: "
        f"{GOAL_HIGHER_ENTRIES} at most; higher by more than {SIGNIFICANT:g} standard "
        f"errors in {len(worse)}{_named(worse)}, goal: none."
    )
    yield _mean_line("improvement of R_free", by_r_free, GOAL_MEAN)
    on_halves = [report.judgement.on_halves for report in reports]
    yield _mean_line("improvement judged on halves", on_halves, GOAL_ON_HALVES)
    equal = [report.judgement.equal_budget for report in reports]
    yield _mean_line("improvement with equal budgets", equal, GOAL_ON_HALVES)
    gap = sum(report.gap_improvement for report in reports) / n
    yield f"Mean improvement of R_free − R_work: {gap:+.2f} points, goal: {GOAL_GAP}."
    yield from _boundaries(reports)


def _boundaries(reports: Sequence[EntryReport]) -> Iterator[str]:
    """In how many entries U jumps less at the borders of the TLS groups."""
    known, not_lower = [], []
    for report in reports:
        ours, theirs = (
            report.figure(run.row, "b_kl") for run in (report.ours, report.theirs)
        )
        if None in (ours, theirs):
            continue
        known.append(report.entry)
        if ours >= theirs:
            not_lower.append(report.entry)
    if known:
        yield (
            f"B_KL with HNM not lower in {len(not_lower)} of {len(known)} entries"
            f"{_named(not_lower)}, goal: none."
        )


def _mean_line(what: str, differences: Sequence[Difference], goal: float) -> str:
    mean = mean_difference(differences)
    return (
        f"Mean {what}: {improvement(mean):+.2f} ± {mean.error:.2f} points, "
        f"goal: {goal}."
    )


def _named(entries: Sequence[str]) -> str:
    return f" ({', '.join(entries)})" if entries else ""
