"""``mlpbench run``: measure, write results and report, say what was found."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from rich.console import Console

from bench import documents, lock
from bench import journal as journals
from bench.cli.measuring import Started, begin, go_on, measure
from bench.cli.options import CommaList, Duration, Share, Threads, parse_settings
from bench.cli.planning import Choices, choose_implementations, with_companions
from bench.cli.progress import waiting
from bench.errors import UsageError
from bench.profiles import PROFILES
from bench.results import Measured, Results, Unavailable
from bench.verdicts import MARGIN
from impls.networks import find_preset
from reports import build_report
from reports.gather import build_context
from reports.summary import sentences
from reports.terminal import epoch_table

EXIT_FINE = 0
EXIT_NOT_ALL_VALID = 3
EXIT_INTERRUPTED = 130

WITH_RESUME = {"resume", "timeout", "as_json", "margin"}
"""What may be said beside --resume; everything else is in the plan of the interrupted run."""


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
@click.option(
    "--blocks",
    type=click.IntRange(min=1),
    default=None,
    help="Repeat every job in so many fresh processes. Default: the profile's.",
)
@click.option(
    "--precision",
    type=Share(),
    default=None,
    help="Go on until every ratio to the baseline is known this well, such as 2%.",
)
@click.option(
    "--budget",
    type=Duration(),
    default=None,
    help="Measure for so long, such as 3min: effort and blocks are fitted to it.",
)
@click.option(
    "--margin",
    type=Share(),
    default=MARGIN,
    show_default="3%",
    help="Differences within this share count as the same.",
)
@click.option("--bare", is_flag=True, help="No floor and no control beside what is asked for.")
@click.option(
    "--resume",
    type=click.Path(path_type=Path),
    default=None,
    metavar="DIR",
    help="Go on with the interrupted run in this folder, with its plan.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of prose.")
@click.pass_context
def run_command(context: click.Context, /, **options: Any) -> int:
    """Measure implementations and write an HTML report.

    Each implementation runs in fresh processes, one per thread setting and block, is compared
    with a float64 reference and only then timed.  Beside them run the floor and a control.  Exit
    code 3 if anything was invalid, unverified or failed.
    """
    console = Console(stderr=options["as_json"])
    with lock.measuring(" ".join(["mlpbench run", *_words(context)])):
        started = _resume(context, console) if options["resume"] else _start(console, options)
        complete = measure(console, started, options["timeout"])
    document = journals.read(started.journal.path)
    _write(console, document, started.folder, options["margin"])
    _conclude(console, document, started.folder, options)
    if not complete:
        return EXIT_INTERRUPTED
    fine = all(isinstance(outcome, Measured | Unavailable) for outcome in document.outcomes)
    return EXIT_FINE if fine else EXIT_NOT_ALL_VALID


def _words(context: click.Context) -> list[str]:
    """The options that were given, for whoever finds the machine busy."""
    return [f"{p.opts[0]} {context.params[p.name]}" for p in _given(context) if p.name]


def _given(context: click.Context) -> list[click.Parameter]:
    return [
        parameter
        for parameter in context.command.params
        if parameter.name
        and context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    ]


def _start(console: Console, options: dict[str, Any]) -> Started:
    """A new run in a folder of its own."""
    folder = options["out"] or Path("results") / f"{dt.datetime.now().astimezone():%Y-%m-%d-%H%M%S}"
    return begin(console, _choices(options), options["budget"], folder)


def _resume(context: click.Context, console: Console) -> Started:
    """The interrupted run that was named.

    Raises:
        UsageError: an option that the plan of that run has decided already.
    """
    others = [p.opts[0] for p in _given(context) if p.name not in WITH_RESUME]
    if others:
        raise UsageError(
            f"--resume goes on with the plan of the interrupted run: leave out {', '.join(others)}"
        )
    return go_on(console, context.params["resume"])


def _choices(options: dict[str, Any]) -> Choices:
    rows = choose_implementations(options["implementations"], options["device"])
    return Choices(
        rows=rows if options["bare"] else with_companions(rows),
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
        source=options["dataset"],
        blocks=options["blocks"],
        precision=options["precision"],
    )


def _write(console: Console, document: Results, folder: Path, margin: float) -> None:
    documents.save(document, folder / "results.json")
    with waiting(console, "writing the report"):
        page = build_report([document])
        documents.write_bytes(folder / "report.html", page.encode())


def _conclude(console: Console, document: Results, folder: Path, options: dict[str, Any]) -> None:
    """The answer first, then the table, then where to read on."""
    context = build_context([document])
    said = sentences(context)
    if options["as_json"]:
        answer = {
            "summary": list(said),
            "complete": document.complete,
            "ended": document.ended,
            "results": str(folder / "results.json"),
            "report": str(folder / "report.html"),
        }
        click.echo(json.dumps(answer))
        return
    console.print()
    for sentence in said:
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)
    console.print()
    console.print(epoch_table(context))
    if not document.complete:
        console.print(f"Go on with: mlpbench run --resume {folder}", highlight=False)
    console.print(f"Report: {folder / 'report.html'}", highlight=False, soft_wrap=True)
