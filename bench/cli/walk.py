"""``mlpbench walk``: the ladder as a page of documentation."""

from __future__ import annotations

import shlex
from pathlib import Path

import click
from rich.console import Console

from bench.cli.options import PATH
from bench.cli.output import say
from bench.documents import files
from bench.documents.sources import read_any
from reports.ladder_page.page import build_walk


@click.command("walk")
@click.argument("source", type=PATH)
@click.option(
    "--out",
    type=PATH,
    default=Path("ladder.md"),
    show_default=True,
    help="The Markdown file to write; links lead from it to the sources.",
)
def walk_command(source: Path, out: Path) -> None:
    """Write a page that walks up the ladder, with code, gains and reasons.

    The numbers are those of SOURCE, a results.json; the code is that of the sources as they are.
    """
    files.require_free(out, [source])
    command = shlex.join(["mlpbench", "walk", str(source), "--out", str(out)])
    page = build_walk(read_any(source), source, out, command)
    files.write_bytes(out, page.encode())
    say(Console(), f"Page: {out}")
