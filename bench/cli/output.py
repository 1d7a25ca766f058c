"""What every command writes: lines for people, and files into a folder."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

from rich.console import Console

from bench.errors import ResultsError


def say(console: Console, text: str, style: str | None = None) -> None:
    """One line as it is: whole, in one colour, nothing in it read as markup."""
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def note(console: Console, text: str) -> None:
    """Something that a reader must know."""
    say(console, f"Note: {text}", style="yellow")


def open_folder(out: Path | None, kind: str) -> Path:
    """The folder ``out``, or ``results/KIND-DATE-TIME``; made where it does not exist.

    Raises:
        ResultsError: it cannot be made.
    """
    folder = out or Path("results") / f"{kind}-{dt.datetime.now().astimezone():%Y-%m-%d-%H%M%S}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResultsError(
            f"cannot write into {folder}: {error.strerror}. Choose a folder you may write to with "
            "--out."
        ) from error
    return folder


def file_name(name: str) -> str:
    """``name`` of an implementation as the name of a file, without what a path may not hold."""
    return re.sub(r"[^\w.=-]+", "-", name).strip("-.") or "unnamed"
