"""The regression as one self-contained page: goals, figures, tables, conditions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import hnmref  # noqa: F401  (cctbx's extensions load first)

from matplotlib import rc_context

from hnmref.files import write_text
from hnmref.report import page
from hnmref.report.plots import STYLE, svg_uri
from regression.entry_report import EntryReport
from regression.figures import boundary_figure, improvement_figure, points_figure
from regression.points import PointMeans, PointPair, point_means, point_pairs
from regression.tables import (
    PAGE_TABLES,
    POINT_TITLES,
    goals,
    page_columns,
    pair_cells,
    point_cells,
)

_HOW_JUDGED = (
    "Improvements are R_free of the best TLS less that of the best normal modes, in "
    "percent points; ± is one standard error of a paired bootstrap over the free "
    "reflections. The best by R_free is flattered by the same R_free, more so in a "
    "family with more candidates. On halves: each family's candidate is chosen on one "
    "random half of the free set and judged on the other, both ways, over many pairs "
    "of halves. Equal budgets: the same, the larger family having only as many "
    "candidates as the smaller, drawn anew for every pair. Sparing: of the candidates "
    "within one standard error of the lowest R_free, the one with the fewest "
    "parameters is chosen. The gap's improvement is that of R_free − R_work. "
    "Parameters are those refined for U_group, of stage one and stage two, or of TLS."
)
_MODELS = (
    "B_KL: P_KL across the borders of the best TLS's partition over P_KL inside, atoms "
    "within 5 Å. Favoured: residues in favoured regions of the Ramachandran plot; "
    "where sites are fixed, the input model's. Map CC: correlation of 2mFo−DFc with "
    "the model's map within 2 Å of a residue's atoms, mean over residues."
)

_PAIRS = (
    "R_free of TLS less that of normal modes, percent points, mean over entries; in "
    "brackets by how much R_free − R_work is narrower. The same points in all entries: "
    "nothing is chosen by R_free."
)


def write_page(
    title: str,
    reports: Sequence[EntryReport],
    missing: Sequence[str],
    conditions: Sequence[str],
    path: Path,
) -> None:
    """Write the page, whole or not at all.

    :param missing: sentences on what is not there.
    :param conditions: sentences on how the runs were made.
    """
    points = point_means(reports)
    sections = [
        f"<header><h1>{page.escape(title)}</h1></header>",
        page.section("Goals", page.items(list(goals(reports)))),
        page.section("Missing", page.items(missing)),
        page.section("Figures", *_figures(reports, points)),
        *(_table(reports, name, keys) for name, keys in PAGE_TABLES),
        _points_table(points, len(reports)),
        _pairs_table(point_pairs(reports)),
        page.section(
            "How this was judged", page.paragraph(_HOW_JUDGED), page.paragraph(_MODELS)
        ),
        page.section("Conditions", page.items(conditions)),
    ]
    write_text(path, page.page(title, filter(None, sections)))


def _figures(
    reports: Sequence[EntryReport], points: Sequence[PointMeans]
) -> list[str]:
    if not reports:
        return []
    drawn = [
        (
            improvement_figure(reports),
            "Improvement of R_free by normal modes, entry by entry",
            "Improvement of R_free over the best TLS, with one standard error.",
        ),
        (
            boundary_figure(reports),
            "B_KL of TLS and of normal modes, entry by entry",
            "Jumps of U at the borders of the best TLS's groups.",
        ),
        (
            points_figure(points),
            "Mean R_free against mean R_work, point by point",
            "Every point of the grid (in brackets its parameters), mean over entries: "
            "nothing is chosen by R_free.",
        ),
    ]
    with rc_context(STYLE):
        return [
            page.figure(svg_uri(figure), alt, caption)
            for figure, alt, caption in drawn
            if figure is not None
        ]


def _points_table(points: Sequence[PointMeans], n_entries: int) -> str:
    return page.section(
        f"Points of the grid, means of {n_entries} entries",
        page.table(POINT_TITLES, [point_cells(point) for point in points]),
    )


def _pairs_table(pairs: Sequence[PointPair]) -> str:
    titles, *rows = pair_cells(pairs)
    return page.section(
        "Each point of normal modes against each of TLS",
        page.paragraph(_PAIRS) if rows else "",
        page.table(titles, rows),
    )


def _table(reports: Sequence[EntryReport], name: str, keys: str) -> str:
    columns = page_columns(keys)
    texts = [i for i, column in enumerate(columns) if column.is_text]
    return page.section(
        name,
        page.table(
            [column.title for column in columns],
            [[column.cell(report) for column in columns] for report in reports],
            text_columns=texts,
        ),
    )
