"""CIF loops as text, for the tests that write a small monomer library."""

from __future__ import annotations


def loop(category: str, columns: str, *rows: str) -> str:
    """A loop of one category; columns, and the values of a row, parted by blanks."""
    names = "".join(f"_{category}.{column}\n" for column in columns.split())
    return f"loop_\n{names}" + "".join(f"{row}\n" for row in rows)
