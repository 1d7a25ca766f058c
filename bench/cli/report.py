"""``mlpbench report``: one HTML file from results of any origin."""

from __future__ import annotations

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
    files.write_bytes(output, page.of_context(context).encode())
    console = Console()
    for sentence in lines(context):
        say(console, sentence)
    say(console, f"Report: {output}")
