"""``mlpbench list``: what can be chosen, and what of it is available here."""

from __future__ import annotations

import itertools
import json
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.cli.output import say
from impls import registry
from impls.data import DATASETS
from impls.presets import PRESETS
from impls.row import Row

KINDS = ("implementations", "networks", "datasets")
OPT_IN = "*"
"""Stands behind a name instead of in a column, which would be nearly empty."""
FAMILIES = {
    "Numba": "numba",
    "Keras on TensorFlow": "tensorflow",
    "Keras on JAX and PyTorch": "keras",
    "PyTorch": "torch",
    "JAX": "jax",
}
"""Titles of families, each with a package that its rows require; the first match counts."""
NO_GPU = "no GPU found"
WIDEST = 16
"""Characters of the columns beside the summary where the terminal is narrow."""
ONLY_IN_JSON = {"by_name_only", "parameters", "activation", "dropout", "loss", "optimiser"}
"""Left out of the table: eight columns are too many for a terminal."""


@click.command("list")
@click.argument("kind", type=click.Choice(KINDS), required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_command(kind: str | None, *, as_json: bool) -> None:
    """List implementations, networks and data sets.

    An implementation whose packages are missing is shown with the command that installs them.
    Nothing is imported to find out. Opt-in implementations are measured only where --impl selects
    them.
    """
    chosen = KINDS if kind is None else (kind,)
    content: dict[str, list[dict[str, Any]]] = {name: _rows(name) for name in chosen}
    if as_json:
        click.echo(json.dumps(content if kind is None else content[kind], indent=2))
        return
    console = Console()
    for name in chosen:
        if name == "implementations":
            _print_implementations(console)
        else:
            console.print(_lines(name, content[name]))
        console.print()


def _print_implementations(console: Console) -> None:
    """Print a line per implementation, by family, and one for all that need an absent GPU."""
    rows = list(registry.known().values())
    hidden = [row for row in rows if registry.no_device(row)]
    shown = [row for row in rows if row not in hidden]
    for family, group in itertools.groupby(shown, key=_family):
        table = Table(title=Text(family), title_justify="left", box=None, show_header=False)
        table.add_column(no_wrap=True, min_width=22)
        table.add_column(no_wrap=True, overflow="ellipsis", max_width=console.width - 24)
        for row in group:
            missing = registry.missing(row)
            name = f"{row.name} {OPT_IN}" if row.by_name_only else row.name
            table.add_row(Text(name, style="dim" if missing else ""), Text(missing or row.summary))
        console.print(table)
    if hidden:
        say(console, f"GPU: {len(hidden)} more ({hidden[0].name}, ...): {NO_GPU}")
    if any(row.by_name_only for row in shown):
        say(console, f"{OPT_IN} opt-in: select with --impl")


def _family(row: Row) -> str:
    """Return what a row is listed under."""
    if row.rung is not None:
        return "NumPy ladder"
    if row.is_floor:
        return "Floor"
    return next((title for title, module in FAMILIES.items() if module in row.requires), "Others")


def _lines(title: str, rows: list[dict[str, Any]]) -> Table:
    """Return one line per row, cut at the width of the terminal."""
    table = Table(title=Text(title.capitalize()), title_justify="left", box=None)
    columns = [column for column in rows[0] if column not in ONLY_IN_JSON]
    for column in columns:
        widest = max(len(str(row[column])) for row in rows)
        width = None if column == "summary" else min(widest, WIDEST)
        table.add_column(
            column, no_wrap=True, overflow="ellipsis", min_width=width, max_width=width
        )
    for row in rows:
        values = [row[column] for column in columns]
        table.add_row(*(Text("" if value is None else str(value)) for value in values))
    return table


def _rows(kind: str) -> list[dict[str, Any]]:
    if kind == "implementations":
        return [
            {
                "name": row.name,
                "device": row.device,
                "rung": row.rung,
                "by_name_only": row.by_name_only,
                "available": registry.absent(row) or "yes",
                "summary": row.summary,
            }
            for row in registry.known().values()
        ]
    if kind == "networks":
        return [
            {
                "name": name,
                "layers": preset.network.description,
                "activation": preset.network.activation,
                "dropout": ", ".join(map(str, preset.network.dropout)) or None,
                "loss": preset.network.loss,
                "optimiser": preset.training.optimiser,
                "parameters": preset.network.parameter_count,
                "summary": preset.summary,
            }
            for name, preset in PRESETS.items()
        ]
    return [{"name": name, "summary": summary} for name, summary in DATASETS.items()]
