"""``mlpbench list``: what can be chosen, and what of it is available here."""

from __future__ import annotations

import json
from typing import Any

import click
from rich.console import Console

from bench.cli.output import facts_table, say
from impls import registry
from impls.data import DATASETS
from impls.presets import PRESETS

KINDS = ("implementations", "networks", "datasets")
BY_NAME_ONLY = "*"
"""Stands behind a name instead of in a column, which would be nearly empty."""
ONLY_IN_JSON = {"by_name_only", "activation", "dropout", "loss", "optimiser"}
"""Said elsewhere in the table, and eight columns are too many for a terminal."""


@click.command("list")
@click.argument("kind", type=click.Choice(KINDS), required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_command(kind: str | None, *, as_json: bool) -> None:
    """List implementations, networks and data sets.

    An implementation whose packages are missing is shown with the command that installs them;
    nothing is imported to find out.  One that is measured by name only has no part in a run that
    names none.
    """
    chosen = KINDS if kind is None else (kind,)
    content: dict[str, list[dict[str, Any]]] = {name: _rows(name) for name in chosen}
    if as_json:
        click.echo(json.dumps(content if kind is None else content[kind], indent=2))
        return
    console = Console()
    for name, rows in content.items():
        columns = [column for column in rows[0] if column not in ONLY_IN_JSON]
        cells = [[_cell(row, column) for column in columns] for row in rows]
        console.print(facts_table(name, columns, cells, whole={"name"}))
        if any(row.get("by_name_only") for row in rows):
            say(console, f"{BY_NAME_ONLY} measured by name only: no part of a run that names none")


def _cell(row: dict[str, Any], column: str) -> str:
    text = "" if row[column] is None else str(row[column])
    return f"{text} {BY_NAME_ONLY}" if column == "name" and row.get("by_name_only") else text


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
