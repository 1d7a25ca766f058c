"""Pieces of Markdown as GitHub reads it."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from reports import format as text
from reports.tables import Table

_PLAIN = frozenset(" .,;%+-/()=")
_ADDRESS = re.compile("(?i)(?<=www)[.]")


def escape(content: str) -> str:
    """Return ``content`` as text that is never markup, not even in a table.

    Everything but letters, digits and harmless marks becomes a character reference; an at sign
    also gets a space of no width behind it, or it would call a person, and what starts like an
    address does not become one.
    """
    harmless = "".join(
        one if one.isalnum() or one in _PLAIN else f"&#{ord(one)};" + "&#8203;" * (one == "@")
        for one in text.printable(content)
    )
    return _ADDRESS.sub("&#46;", harmless)


def table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], *, left: Collection[int] = (0,)
) -> str:
    """Return a table of Markdown; columns at the places ``left`` are aligned to the left."""
    rule = [":---" if place in left else "---:" for place in range(len(headings))]
    return "\n".join(f"| {' | '.join(line)} |" for line in [headings, rule, *rows])


def draw(full: Table) -> str:
    """Return a table with its caption above; every text in it is escaped."""
    drawn = table(
        [escape(column.title) for column in full.columns],
        ([escape(cell.text) for cell in row.cells] for row in full.rows),
        left=[place for place, column in enumerate(full.columns) if not column.numeric],
    )
    return f"{escape(full.caption)}\n\n{drawn}" if full.caption else drawn


def folded(summary: str, content: str) -> str:
    """Return Markdown that is shown when a reader opens its ``summary``."""
    return f"<details>\n<summary>{escape(summary)}</summary>\n\n{content}\n\n</details>"


def fenced(content: str, language: str) -> str:
    """Return ``content`` as code, within a fence that nothing in it can close."""
    runs = [len(run) for run in re.findall("`+", content)]
    fence = "`" * max(3, 1 + max(runs, default=0))
    lines = "\n".join(map(text.printable, content.split("\n")))
    return f"{fence}{language}\n{lines}\n{fence}"


def anchor(heading: str) -> str:
    """Return what a heading of letters, digits, blanks and hyphens is linked by."""
    return heading.lower().replace(" ", "-")


def path_from(page: Path, target: Path) -> str:
    """Return the path of ``target`` for a link in ``page``."""
    return Path(os.path.relpath(target, page.parent)).as_posix()
