"""``mlpbench report`` and ``mlpbench walk``: pages from results."""

from __future__ import annotations

import shlex
from pathlib import Path

import click
from rich.console import Console

from bench.cli.options import PATH, margin_option
from bench.cli.output import say
from bench.documents import files
from bench.documents.sources import read_any
from reports import page
from reports.answer import lines
from reports.gather import build_context
from reports.ladder_page.page import build_walk


@click.command("report")
@click.argument("sources", nargs=-1, required=True, type=PATH)
@click.option(
    "-o",
    "--output",
    type=PATH,
    default=Path("report.html"),
    show_default=True,
    help="The HTML file to write.",
)
@margin_option
def report_command(sources: tuple[Path, ...], output: Path, margin: float) -> None:
    """Write an HTML report from results.json, journal.jsonl or pytest-benchmark's JSON, mixed."""
    files.require_free(output, sources)
    results = [read_any(source) for source in sources]
    context = build_context(results, margin)
    files.write_bytes(output, page.render(context).encode())
    console = Console()
    for sentence in lines(context):
        say(console, sentence)
    say(console, f"Report: {output}")


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
    files.write_bytes(out, build_walk(read_any(source), source, out, command).encode())
    say(Console(), f"Page: {out}")
