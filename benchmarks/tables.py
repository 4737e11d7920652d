"""The comparison as Markdown and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from benchmarks.comparison import (
    Difference,
    EntryResult,
    mean_difference,
    n_at_least_as_low,
)
from benchmarks.rows import BASELINES, OURS, ROWS
from benchmarks.runs import Record

Records = dict[tuple[str, str], Record]

#: Goals: the share of entries at least as low, and the mean difference.
GOAL_ENTRIES = (12, 13)
GOAL_POINTS = -0.5

_ERROR_NOTE = (
    "± is one standard error of a paired bootstrap over the free reflections."
)

_COLUMNS = (
    "entry,row,r_work,r_free,start_r_work,start_r_free,hnm_minus_row,standard_error,"
    "n_parameters,seconds,peak_mb,error"
).split(",")


def markdown(
    records: Records,
    results: Sequence[EntryResult],
    entries: Sequence[str],
    not_kept: Sequence[str] = (),
) -> str:
    """The whole report.

    :param results: of the entries that have enough runs to be compared.
    :param entries: the order of the table's lines.
    :param not_kept: finished runs whose reflections are not there.
    """
    parts = [
        "# Group ADP: R_work/R_free in %",
        "\n".join(_table(records, results, entries)),
        "\n".join(
            [*_coverage(records, results, entries, not_kept), *_statistics(results)]
        ),
        _ERROR_NOTE,
        "\n".join(run_conditions(records, ROWS)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def csv_text(records: Records, results: Sequence[EntryResult]) -> str:
    """A line a run; differences in percent points, R as fractions."""
    against = {result.entry: result.against for result in results}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for (entry, row), record in records.items():
        difference = against.get(entry, {}).get(row)
        writer.writerow(
            [entry, row]
            + _figures(record)
            + ([f"{difference.points:.3f}", f"{difference.error:.3f}"]
               if difference else ["", ""])
            + [_n_group_parameters(record), record.seconds, record.peak_mb]
            + [record.error]
        )
    return out.getvalue()


def _figures(record: Record) -> list[str]:
    if record.error:
        return [""] * 4
    start = record.start
    values = (record.r_work, record.r_free, start["r_work"], start["r_free"])
    return [f"{value:.5f}" for value in values]


def _n_group_parameters(record: Record) -> int:
    """Parameters of U_group in the refined model: stage two's, or TLS's."""
    steps = record.n_parameters
    return steps.get("stage_two", steps.get("tls", 0))


def _table(
    records: Records, results: Sequence[EntryResult], entries: Sequence[str]
) -> Iterator[str]:
    yield f"| entry | {' | '.join(ROWS)} | hnm − best tls | | missing |"
    yield "|---" * (len(ROWS) + 4) + "|"
    by_entry = {result.entry: result for result in results}
    for entry in entries:
        cells = [figures_cell(records.get((entry, row))) for row in ROWS]
        result = by_entry.get(entry)
        end = ["", ""]
        if result is not None:
            difference = result.against_best
            end = [f"{_signed(difference)} ({result.best})", difference.verdict]
        missing = ", ".join(_missing(records, entry))
        yield f"| {' | '.join([entry, *cells, *end, missing])} |"
    complete = [result for result in results if not _missing(records, result.entry)]
    if complete:
        names = [result.entry for result in complete]
        means = [_mean_cell(records, names, row) for row in ROWS]
        best = mean_difference([result.against_best for result in complete])
        name = f"**mean of {len(complete)}**"
        yield f"| {' | '.join([name, *means, _signed(best)])} | | |"


def _missing(records: Records, entry: str) -> list[str]:
    """Rows of an entry without figures."""
    keys = [(entry, row) for row in ROWS]
    return [key[1] for key in keys if key not in records or records[key].error]


def figures_cell(record: Record | None) -> str:
    """R_work/R_free in %, "failed", or nothing."""
    if record is None:
        return ""
    if record.error:
        return "failed"
    return f"{100 * record.r_work:.2f}/{100 * record.r_free:.2f}"


def _mean_cell(records: Records, entries: Sequence[str], row: str) -> str:
    chosen = [records[entry, row] for entry in entries]
    r_work = sum(record.r_work for record in chosen) / len(chosen)
    r_free = sum(record.r_free for record in chosen) / len(chosen)
    return f"{100 * r_work:.2f}/{100 * r_free:.2f}"


def _signed(difference: Difference) -> str:
    return f"{difference.points:+.2f} ± {difference.error:.2f}"


def _coverage(
    records: Records,
    results: Sequence[EntryResult],
    entries: Sequence[str],
    not_kept: Sequence[str],
) -> Iterator[str]:
    """What is missing, where something is."""
    n_missing = sum(len(_missing(records, entry)) for entry in entries)
    if n_missing:
        yield (
            f"- {n_missing} of {len(entries) * len(ROWS)} runs are missing. "
            f"{len(results)} of {len(entries)} entries have hnm and a tls and are "
            "compared below; the mean in the table is of those with all rows."
        )
    partial = [result.entry for result in results if not result.has_all_baselines]
    if partial:
        yield (
            f"- Not all of {', '.join(BASELINES)} are compared in "
            f"{', '.join(partial)}, which favours hnm."
        )
    if not_kept:
        yield f"- Reflections were not kept, so not compared: {', '.join(not_kept)}."


def _statistics(results: Sequence[EntryResult]) -> Iterator[str]:
    if not results:
        return
    n = len(results)
    best = mean_difference([result.against_best for result in results])
    fair = sum(result.fair for result in results) / n
    wanted, of = GOAL_ENTRIES
    yield (
        f"- hnm at least as low in R_free as the best of {', '.join(BASELINES)} in "
        f"**{n_at_least_as_low(results)} of {n}** entries (goal: {wanted} of {of}). "
        "A difference within one standard error counts as equal."
    )
    yield (
        f"- Mean R_free difference, hnm − best tls: **{_signed(best)}** points "
        f"(goal: {GOAL_POINTS} or lower)."
    )
    yield (
        "- The best tls is chosen by the R_free that it is then judged by. Chosen on "
        f"one half of the free set and judged on the other: {fair:+.2f} points."
    )
    for row in [row for row in ROWS if row != OURS]:
        against = [result.against for result in results]
        differences = [others[row] for others in against if row in others]
        if not differences:
            continue
        verdicts = [difference.verdict for difference in differences]
        counts = ", ".join(
            f"{verdicts.count(word)} {word}" for word in ("lower", "equal", "higher")
        )
        mean = _signed(mean_difference(differences))
        yield f"- hnm − {row}: {mean} points on average; hnm {counts}."


def run_conditions(records: Records, rows: Iterable[str]) -> Iterator[str]:
    """What the numbers of some rows depend on, and which runs failed."""
    rows = list(rows)
    asked_for = [record for record in records.values() if record.row in rows]
    done = [record for record in asked_for if not record.error]
    for row in rows:
        of_row = [record for record in done if record.row == row]
        for text, hashes in _distinct(of_row):
            yield f"- {row}: `{text}` (all parameters: {hashes})"
    if done:
        yield f"- Source: {_joined(record.source for record in done)}"
    names = sorted({name for record in done for name in record.versions})
    versions = [
        f"{name} {_joined(record.versions.get(name, '?') for record in done)}"
        for name in names
    ]
    if versions:
        yield f"- Versions: {'; '.join(versions)}"
    for record in asked_for:
        if record.error:
            yield f"- Failed: {record.entry} {record.row}: {record.error}"


def _distinct(records: Sequence[Record]) -> list[tuple[str, str]]:
    """Parameters of a row's runs, each different set once, with its hash."""
    return sorted(
        {(" ".join(record.parameters), record.parameters_hash) for record in records}
    )


def _joined(values) -> str:
    return ", ".join(sorted(set(values)))
