"""What every command writes: lines for people, and files into a folder."""

from __future__ import annotations

import datetime as dt
import os
import re
import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import click
import rich.table
from rich.console import Console, RenderableType

import bench
from bench.cli import defaults
from bench.documents.files import unwritable_folder
from impls.errors import ResultsError
from reports.format import printable
from reports.tables import Table, TableCell, TableRow, columns
from reports.terminal import draw

GENERATOR = f"mlpbench {bench.__version__}"
REPORT = "report.html"


def say(console: Console, text: str, style: str | None = None) -> None:
    """Print lines as they are: whole, in one colour, nothing in them read as markup.

    Names come from foreign documents and files; a terminal must obey none of their characters.
    """
    shown = "\n".join(map(printable, text.split("\n")))
    console.print(shown, style=style, markup=False, highlight=False, soft_wrap=True)


def note(console: Console, text: str) -> None:
    """Print something that a reader must know."""
    say(console, f"Note: {text}", style="yellow")


def finish(
    console: Console, table: RenderableType, report: Path, go_on: Sequence[str] = ()
) -> None:
    """Print the table, the command to ``go_on`` with, if any, and where to read on."""
    console.print(table)
    if go_on:
        say(console, f"Go on with: {shlex.join(go_on)}")
    say(console, f"Report: {report}")


def facts_table(
    title: str, headings: Sequence[str], rows: Iterable[Iterable[str | TableCell]]
) -> rich.table.Table:
    """Return a table of texts as they are; what is too long for its column is folded."""
    cells = (
        TableRow(tuple(TableCell(cell) if isinstance(cell, str) else cell for cell in row))
        for row in rows
    )
    return draw(Table(title, columns(*headings, text_columns=len(headings)), tuple(cells)))


def command_line() -> str:
    """Return the command as it was given, with the defaults that took effect."""
    applied = defaults.applied(click.get_current_context(silent=True))
    given = shlex.join(["mlpbench", *sys.argv[1:]])
    return f"{given} {defaults.as_arguments(applied)}".rstrip()


def folder_for(out: Path | None, kind: str = "") -> Path:
    """Return ``out``, or a folder below ``results`` that is named after ``kind`` and the time."""
    now = f"{dt.datetime.now().astimezone():%Y-%m-%d-%H%M%S}"
    return out or Path("results") / "-".join(filter(None, [kind, now]))


def require_untaken(folder: Path, names: Iterable[str]) -> Path:
    """Return ``folder``, in which nothing has one of the ``names`` that are to be written.

    Raises:
        ResultsError: it holds such a name already, and whatever that is would be replaced.
    """
    try:
        taken = [name for name in names if os.path.lexists(folder / name)]
    except OSError as error:
        raise unwritable_folder(folder, error) from error
    if taken:
        raise ResultsError(
            f"{folder} holds {', '.join(taken)} already, which would be replaced. Choose another "
            "folder with --out, or remove what is there."
        )
    return folder


def open_folder(folder: Path, option: str = "--out") -> Path:
    """Return ``folder``, made where it does not exist; ``option`` chooses another one.

    Raises:
        ResultsError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable_folder(folder, error, option) from error
    return folder


def file_name(name: str) -> str:
    """Return the name of a file for an implementation, without what a path may not hold."""
    return re.sub(r"[^\w.=-]+", "-", name).strip("-.") or "unnamed"
