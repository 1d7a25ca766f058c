"""``mlpbench list``: what can be chosen, and what of it is available here."""

from __future__ import annotations

import json
from typing import Any

import click
from rich.console import Console

from bench.cli.output import facts_table
from impls import registry
from impls.data import DATASETS
from impls.presets import PRESETS

KINDS = ("implementations", "networks", "datasets")
ONLY_IN_JSON = {"dropout", "optimiser"}
"""The summary says it, and eight columns are too many for a terminal."""


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
        columns = [
            column
            for column in rows[0]
            if column not in ONLY_IN_JSON and any(_cell(row[column]) for row in rows)
        ]
        cells = [[_cell(row[column]) for column in columns] for row in rows]
        titles = [column.replace("_", " ") for column in columns]
        console.print(facts_table(name, titles, cells))


def _cell(value: Any) -> str:
    """A value in words; what does not hold leaves its place empty."""
    if value is None or value is False:
        return ""
    return "yes" if value is True else str(value)


def _rows(kind: str) -> list[dict[str, Any]]:
    if kind == "implementations":
        return [
            {
                "name": row.name,
                "device": row.device,
                "rung": row.rung,
                "by_name_only": row.by_name_only,
                "available": registry.missing(row) or registry.no_device(row) or "yes",
                "summary": row.summary,
            }
            for row in registry.known().values()
        ]
    if kind == "networks":
        return [
            {
                "name": name,
                "layers": "-".join(map(str, preset.network.layers)),
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
