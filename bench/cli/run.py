"""``mlpbench run``: measure, write results and report, say what was found."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from bench import documents
from bench import journal as journals
from bench.cli.options import CommaList, Threads, parse_settings
from bench.cli.planning import (
    Choices,
    build_plan,
    choose_implementations,
    examples_wanted,
    new_document,
)
from bench.cli.progress import RunProgress, duration, waiting
from bench.estimate import run_seconds
from bench.executor import LocalExecutor
from bench.plan import Plan, jobs
from bench.profiles import PROFILES
from bench.results import Measured, Results, Unavailable
from bench.runner import Runner
from bench.timing import Clock
from impls.data import TrainingData, load_dataset
from impls.networks import find_preset
from impls.parameters import Floats
from impls.row import Row
from reports import build_report
from reports.gather import build_context
from reports.summary import sentences
from reports.terminal import epoch_table

EXIT_FINE = 0
EXIT_NOT_ALL_VALID = 3
EXIT_INTERRUPTED = 130


@click.command("run")
@click.option(
    "--impl",
    "implementations",
    type=CommaList(click.STRING),
    default=(),
    help="Implementations: names from 'mlpbench list', or FILE.py:CLASS. Default: all.",
)
@click.option(
    "--network",
    default="blog",
    show_default=True,
    help="A network from 'mlpbench list', or sizes such as 784-512-10.",
)
@click.option(
    "--activation",
    type=click.Choice(["sigmoid", "tanh", "relu"]),
    default=None,
    help="Activation of the hidden layers, where not the network's own.",
)
@click.option(
    "--loss",
    type=click.Choice(["logloss", "mse", "cross-entropy"]),
    default=None,
    help="Loss, where not the network's own.",
)
@click.option(
    "--batch-size",
    "batch_sizes",
    type=CommaList(click.IntRange(min=1)),
    default=(),
    help="Batch sizes, such as 500,20000. Default: the profile's.",
)
@click.option(
    "--threads",
    type=CommaList(Threads()),
    default=(),
    help="Thread counts, such as 1,2,unset. Default: the profile's.",
)
@click.option(
    "--env",
    "assignments",
    multiple=True,
    metavar="NAME=V1,V2",
    help="Sweep an environment variable; 'unset' removes it. Repeatable.",
)
@click.option(
    "--profile",
    type=click.Choice(list(PROFILES)),
    default="default",
    show_default=True,
    help="; ".join(f"{p.name}: {p.summary}" for p in PROFILES.values()) + ".",
)
@click.option(
    "--dataset",
    default="auto",
    show_default=True,
    help="auto, mnist, digits, or the path of an npz file or a folder of IDX files.",
)
@click.option(
    "--examples",
    type=click.IntRange(min=1),
    default=None,
    help="Use only so many training examples.",
)
@click.option(
    "--device",
    type=click.Choice(["cpu", "gpu"]),
    default=None,
    help="Only implementations that run on this device.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="Seed of start weights, batch order and schedule.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=None,
    help="Folder for results.json and report.html. Default: results/DATE-TIME.",
)
@click.option(
    "--timeout",
    type=click.IntRange(min=1),
    default=1800,
    show_default=True,
    help="Seconds after which a worker process is stopped.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of prose.")
def run_command(**options: Any) -> int:
    """Measure implementations and write an HTML report.

    Each implementation runs in fresh processes, one per thread setting and block, is compared
    with a float64 reference and only then timed.  Exit code 3 if anything was invalid,
    unverified or failed.
    """
    out = options["out"] or Path("results") / f"{dt.datetime.now().astimezone():%Y-%m-%d-%H%M%S}"
    console = Console(stderr=options["as_json"])
    choices = _choices(options)
    with waiting(console, "reading the data"):
        data = load_dataset(options["dataset"], progress=console.is_terminal)
        data = data.take(examples_wanted(choices, len(data.X)))
    plan = build_plan(choices, data)
    document = new_document(plan, data)
    journal = journals.Journal(out, document)
    X, Y = data.X, data.one_hot()
    _announce(console, plan, data, (X, Y))
    complete = _measure(console, plan, choices.rows, journal, (X, Y), options["timeout"])
    document = journals.read(journal.path)
    _write(console, document, out)
    _conclude(console, document, out, as_json=options["as_json"])
    if not complete:
        return EXIT_INTERRUPTED
    fine = all(isinstance(outcome, Measured | Unavailable) for outcome in document.outcomes)
    return EXIT_FINE if fine else EXIT_NOT_ALL_VALID


def _choices(options: dict[str, Any]) -> Choices:
    return Choices(
        rows=choose_implementations(options["implementations"], options["device"]),
        preset=find_preset(
            options["network"], activation=options["activation"], loss=options["loss"]
        ),
        batch_sizes=options["batch_sizes"],
        threads=options["threads"],
        settings=parse_settings(options["assignments"]),
        profile=options["profile"],
        device=options["device"],
        examples=options["examples"],
        seed=options["seed"],
    )


def _announce(
    console: Console, plan: Plan, data: TrainingData, arrays: tuple[Floats, Floats]
) -> None:
    """What is about to happen, and for how long."""
    number = len(jobs(plan))
    seconds = run_seconds(plan, arrays, Clock())
    console.print(
        f"{plan.examples} examples of {data.name} ({data.source}), network {plan.network.name}, "
        f"{number} worker {'process' if number == 1 else 'processes one after another'}: "
        f"about {duration(seconds)}.",
        highlight=False,
        soft_wrap=True,
    )
    if data.note:
        console.print(f"Note: {data.note}", style="yellow", highlight=False, soft_wrap=True)


def _measure(
    console: Console,
    plan: Plan,
    rows: Sequence[Row],
    journal: journals.Journal,
    arrays: tuple[Floats, Floats],
    timeout: float,
) -> bool:
    """Run the plan; return whether it came to its end.  Ctrl-C keeps what was measured."""
    with RunProgress(console, jobs(plan)) as progress:
        runner = Runner(
            plan,
            rows,
            LocalExecutor(),
            journal,
            environment=os.environ,
            timeout=timeout,
            on_progress=progress.show,
        )
        try:
            runner.run(*arrays)
        except KeyboardInterrupt:
            console.print("interrupted: writing what was measured", style="yellow")
            return False
        finally:
            journal.close()
    return True


def _write(console: Console, document: Results, out: Path) -> None:
    documents.save(document, out / "results.json")
    with waiting(console, "writing the report"):
        documents.write_bytes(out / "report.html", build_report([document]).encode())


def _conclude(console: Console, document: Results, out: Path, *, as_json: bool) -> None:
    """The answer first, then the table, then where to read on."""
    context = build_context([document])
    said = sentences(context)
    if as_json:
        answer = {
            "summary": list(said),
            "complete": document.complete,
            "results": str(out / "results.json"),
            "report": str(out / "report.html"),
        }
        click.echo(json.dumps(answer))
        return
    console.print()
    for sentence in said:
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)
    console.print()
    console.print(epoch_table(context))
    console.print(f"Report: {out / 'report.html'}", highlight=False, soft_wrap=True)
