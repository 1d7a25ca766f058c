"""Pieces of Markdown as GitHub reads it."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from reports import format as text


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """A table whose first ``left`` columns begin at the left and the others end at the right."""
    rule = [":---" if column < left else "---:" for column in range(len(headings))]
    return "\n".join(f"| {' | '.join(line)} |" for line in [headings, rule, *rows])


def fenced(content: str, language: str) -> str:
    """``content`` as code, within a fence that nothing in it can close."""
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
