"""What is written and said of trained networks, by every command that has some."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

import bench
from bench import documents
from bench.cli.progress import waiting
from bench.cli.training_progress import reached_table
from impls.data import TrainingData
from impls.evaluation import Trained
from reports.evaluation import build_evaluation
from reports.evaluation.as_data import as_data

REPORT, DATA = "report.html", "evaluation.json"


def conclude(
    console: Console,
    reached: Sequence[Trained],
    data: TrainingData,
    folder: Path,
    digit: int | None,
) -> None:
    """Write report and numbers into ``folder``, print the table."""
    command = shlex.join(["mlpbench", *sys.argv[1:]])
    with waiting(console, "writing the report"):
        page = build_evaluation(
            reached, data, digit=digit, command=command, generator=f"mlpbench {bench.__version__}"
        )
        documents.write_bytes(folder / REPORT, page.encode())
        numbers = json.dumps(as_data(reached, data, command), indent=1, allow_nan=False)
        documents.write_bytes(folder / DATA, numbers.encode())
    console.print()
    console.print(reached_table(reached))
    console.print(f"Report: {folder / REPORT}", highlight=False, soft_wrap=True)
