"""Analyses of normal modes as one self-contained page."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hnmref.files import write_text
from hnmref.report import page

#: Rows of a table: more would make a page nobody can open.
MAX_ROWS = 100


@dataclass(frozen=True)
class Picture:
    """A PNG, the text that stands for it, and the one under it."""

    png: bytes
    alt: str
    caption: str


@dataclass
class AnalysisResult:
    """What one analysis tells its reader.

    :ivar title: heading of its section.
    :ivar sentences: what was found, also for the log.
    :ivar table: titles and rows of texts, or nothing.
    :ivar files: what was written.
    """

    title: str
    sentences: list[str] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    table: tuple[Sequence[str], Sequence[Sequence[str]]] = ((), ())
    files: list[Path] = field(default_factory=list)


def write_mode_page(
    path: str | os.PathLike,
    title: str,
    facts: Sequence[tuple[str, str]],
    notes: Sequence[str],
    results: Sequence[AnalysisResult],
) -> Path:
    """Write the page, whole or not at all.

    :param facts: headline figures with their labels.
    :param notes: sentences about the modes and what was assumed.
    """
    body = [
        f"<header><h1>{page.escape(title)}</h1>",
        page.cards(*(page.card(value, label) for value, label in facts)) + "</header>",
        *(_section(result) for result in results),
        page.section("Notes", page.items(list(notes))),
    ]
    return write_text(path, page.page(title, filter(None, body)))


def _section(result: AnalysisResult) -> str:
    titles, rows = result.table
    cut = ""
    if len(rows) > MAX_ROWS:
        cut = page.paragraph(f"The first {MAX_ROWS} of {len(rows)}.", quiet=True)
    names = ", ".join(path.name for path in result.files)
    return page.section(
        result.title,
        *(page.paragraph(sentence) for sentence in result.sentences),
        *(_figure(picture) for picture in result.pictures),
        page.table(titles, rows[:MAX_ROWS]),
        cut,
        page.paragraph(f"Files: {names}", quiet=True) if names else "",
    )


def _figure(picture: Picture) -> str:
    content = base64.b64encode(picture.png).decode("ascii")
    return page.figure(
        f"data:image/png;base64,{content}", picture.alt, picture.caption
    )
