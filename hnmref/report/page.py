"""The plain parts of a self-contained HTML page: frame, table, figure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
       color: #20262e; background: #fff; max-width: 1040px; margin: 0 auto;
       padding: 1.5rem 1.25rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .2rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .5rem; padding-bottom: .25rem;
     border-bottom: 1px solid #d5dae1; }
p { margin: .4rem 0; max-width: 72ch; }
.quiet { color: #565f6a; }
.cards { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1.1rem 0; }
.card { border: 1px solid #d5dae1; border-radius: 6px; padding: .55rem .8rem;
        flex: 1 1 auto; }
.card b { display: block; font-size: 1.35rem; font-weight: 600; line-height: 1.3;
          font-variant-numeric: tabular-nums; }
.card span { color: #565f6a; font-size: .85rem; }
figure { margin: .8rem 0 1.2rem; }
figure img { display: block; width: 100%; height: auto; }
.plot { width: 100%; }
.controls { display: flex; flex-wrap: wrap; gap: .4rem 1.1rem; align-items: center;
            margin: .6rem 0; font-size: .9rem; }
.controls select { max-width: 21rem; }
.controls input { vertical-align: middle; }
figcaption { color: #565f6a; font-size: .87rem; max-width: 110ch; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .88rem; margin: .5rem 0;
        font-variant-numeric: tabular-nums; }
th, td { padding: .22rem .7rem; text-align: right; border-bottom: 1px solid #e6e9ee;
         vertical-align: top; }
th { color: #565f6a; font-weight: 600; white-space: nowrap; }
th.text, td.text { text-align: left; overflow-wrap: anywhere; }
tr.rule td { border-top: 2px solid #c3cad3; }
pre { background: #f5f7f9; padding: .8rem; overflow-x: auto; font-size: .8rem; }
summary { cursor: pointer; }
@page { size: A4; margin: 15mm; }
@media print {
  .controls, .modebar { display: none !important; }
  .plot { min-height: 0 !important; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  figure, tr, .card { break-inside: avoid; }
  h2, section > p:not(:last-child) { break-after: avoid; }
  p { break-inside: avoid; }
  .scroll { overflow: visible; }
}
"""


def page(title: str, body: Iterable[str], scripts: str = "") -> str:
    """A whole page; ``body`` and ``scripts`` are HTML, ``title`` is text."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + f"\n{scripts}\n</body>\n</html>\n"
    )


def section(title: str, *parts: str) -> str:
    """A heading and what stands under it; nothing where nothing does."""
    content = "\n".join(part for part in parts if part)
    if not content:
        return ""
    return f"<section>\n<h2>{escape(title)}</h2>\n{content}\n</section>"


def paragraph(text: str, quiet: bool = False) -> str:
    """A paragraph of plain text."""
    mark = ' class="quiet"' if quiet else ""
    return f"<p{mark}>{escape(text)}</p>"


def items(texts: Sequence[str]) -> str:
    """A list of plain texts, or nothing."""
    rows = "".join(f"<li>{escape(text)}</li>\n" for text in texts)
    return f"<ul>\n{rows}</ul>" if rows else ""


def card(value: str, label: str) -> str:
    """A headline figure."""
    return f'<div class="card"><b>{escape(value)}</b><span>{escape(label)}</span></div>'


def cards(*parts: str) -> str:
    """Headline figures in a row."""
    return '<div class="cards">' + "\n".join(parts) + "</div>"


def figure(data_uri: str, alt: str, caption: str) -> str:
    """A picture with the text that stands for it and the one under it."""
    return (
        f'<figure><img src="{data_uri}" alt="{escape(alt)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def chart(name: str, height: int, alt: str, caption: str, controls: str = "") -> str:
    """Room for a chart that a script draws, with the text that stands for it.

    :param name: identifier of the element.
    :param height: pixels, kept free from the start.
    :param controls: HTML above it.
    """
    return (
        f'<figure>{controls}<div class="plot" id="{escape(name)}" role="img" '
        f'aria-label="{escape(alt)}" style="min-height: {height}px"></div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def table(
    titles: Sequence[str],
    rows: Sequence[Sequence[str]],
    text_columns: Sequence[int] = (0,),
    ruled_rows: Sequence[int] = (),
) -> str:
    """A table of plain texts, or nothing where it has no rows.

    :param text_columns: columns set to the left; the others hold numbers.
    :param ruled_rows: rows with a line above them.
    """
    if not rows:
        return ""
    marks = ['class="text"' if i in text_columns else "" for i in range(len(titles))]
    head = "".join(
        f'<th scope="col" {mark}>{escape(title)}</th>'
        for mark, title in zip(marks, titles)
    )
    body = "\n".join(
        _row(row, marks, ruled=i in ruled_rows) for i, row in enumerate(rows)
    )
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody></table></div>"
    )


def _row(cells: Sequence[str], marks: Sequence[str], ruled: bool) -> str:
    content = "".join(
        f"<td {mark}>{escape(cell)}</td>" for mark, cell in zip(marks, cells)
    )
    return f'<tr class="rule">{content}</tr>' if ruled else f"<tr>{content}</tr>"


def details(summary: str, text: str) -> str:
    """Long preformatted text, folded away."""
    return (
        f"<details><summary>{escape(summary)}</summary>"
        f"<pre>{escape(text)}</pre></details>"
    )
