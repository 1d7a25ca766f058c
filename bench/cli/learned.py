"""What is written and said of trained networks, by every command that has some."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.cli.output import GENERATOR, REPORT, command_line, finish
from bench.cli.progress import waiting
from bench.cli.training_progress import reached_table
from bench.documents import files
from impls.data import TrainingData
from impls.training.evaluation import Trained
from reports.evaluation import build_evaluation
from reports.evaluation.as_data import as_data

EVALUATION = "evaluation.json"
WRITTEN = (EVALUATION, REPORT)
"""What :func:`conclude` writes."""


def conclude(
    console: Console,
    reached: Sequence[Trained],
    data: TrainingData,
    folder: Path,
    digit: int | None,
    go_on: Sequence[str] = (),
) -> None:
    """Write report and numbers into ``folder``, print the table and how to ``go_on``."""
    command = command_line()

    def page() -> str:
        return build_evaluation(reached, data, digit=digit, command=command, generator=GENERATOR)

    numbers = as_data(reached, data, command)
    write(console, page, numbers, folder / EVALUATION, reached_table(reached), go_on)


def write(
    console: Console,
    page: Callable[[], str],
    numbers: dict[str, Any],
    file: Path,
    table: Table,
    go_on: Sequence[str] = (),
) -> None:
    """Write the ``numbers`` into ``file`` and the report beside it, print the ``table``."""
    report = file.with_name(REPORT)
    with waiting(console, "writing the report"):
        files.write_bytes(report, page().encode())
        files.write_bytes(file, json.dumps(numbers, indent=1, allow_nan=False).encode())
    console.print()
    finish(console, table, report, go_on)
