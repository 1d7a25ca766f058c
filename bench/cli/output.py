"""Where a command writes: a folder of its own, unless it was told another."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

from bench.errors import ResultsError


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
