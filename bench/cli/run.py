"""``mlpbench run``: measure, write results and report, say what was found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from bench import exits
from bench.cli.options import (
    PATH,
    Cpus,
    Duration,
    Share,
    Threads,
    Whole,
    data_options,
    json_option,
    list_option,
    margin_option,
    network_options,
    out_option,
    parse_settings,
    require_alone,
    seed_option,
)
from bench.cli.output import REPORT, command_line, finish, folder_for, say
from bench.cli.progress import waiting
from bench.cli.run_measurement import measure
from bench.cli.run_plan import METRICS, plan_again, plan_run
from bench.documents import files
from bench.documents import journal as journals
from bench.documents.results import Measured, Results, Unavailable
from bench.observations.ratios import changes
from bench.planning.profiles import PROFILES
from bench.running import lock
from reports import page
from reports.answer import lines
from reports.context import Context
from reports.facts.trainings import as_data
from reports.gather import build_context
from reports.terminal import epoch_tables

WITH_RESUME = {"resume", "timeout", "as_json", "margin", "fail_on"}
"""What may be said beside --resume; everything else is in the plan of the interrupted run."""


@click.command("run")
@list_option(
    "--impl",
    "implementations",
    item=click.STRING,
    help="Implementations: names or patterns of 'mlpbench list', such as 'numpy-*', "
    "FILE.py:CLASS, or all. NAME@REVISION and FILE.py:CLASS@REVISION are taken from git. "
    "Default: all but the opt-in ones.",
)
@network_options
@list_option(
    "--batch-size",
    "batch_sizes",
    item=Whole(min=1),
    help="Batch sizes, such as 500,20000. Default: the profile's.",
)
@list_option(
    "--threads",
    item=Threads(),
    help="Thread counts, such as 1,2,unset. Default: the profile's. Rows on a GPU use the "
    "largest only.",
)
@list_option(
    "--neighbours",
    item=Whole(min=0),
    help="Busy foreign processes during the rounds, such as 0,1: which thread setting survives "
    "a shared machine? Default: none.",
)
@click.option(
    "--cpus",
    type=Cpus(),
    default=(),
    metavar="LIST",
    help="Pin workers to these processors, such as 2-3,6. Default: all that are usable.",
)
@click.option(
    "--env",
    "settings",
    multiple=True,
    callback=lambda _context, _option, assignments: parse_settings(assignments),
    metavar="NAME=V1,V2",
    help="Measure with each value of a variable; 'unset' removes it. A comma within a value is "
    "written \\, as in --env 'GOMP_CPU_AFFINITY=0\\,1'. Repeatable.",
)
@click.option(
    "--profile",
    type=click.Choice(list(PROFILES)),
    default="default",
    show_default=True,
    help="; ".join(f"{p.name}: {p.summary}" for p in PROFILES.values()) + ".",
)
@data_options
@click.option(
    "--device",
    type=click.Choice(["cpu", "gpu"]),
    help="Only implementations that run on this device.",
)
@seed_option("start weights, batch order and schedule")
@out_option("results.json and report.html", "DATE-TIME")
@click.option(
    "--timeout",
    type=Whole(min=1),
    default=1800,
    show_default=True,
    help="Seconds without an answer after which a worker is stopped.",
)
@click.option(
    "--blocks", type=Whole(min=1), help="Fresh processes per configuration. Default: the profile's."
)
@click.option(
    "--precision",
    type=Share(),
    help="Measure until every ratio to the baseline is known within this share, such as 2%.",
)
@click.option(
    "--budget",
    type=Duration(),
    help="Time budget, such as 3min. Blocks and sweeps are fitted to it.",
)
@margin_option
@click.option(
    "--metric",
    type=click.Choice(METRICS),
    default=METRICS[0],
    show_default=True,
    help="Time an epoch, or train until the test accuracy reaches --target and stays there.",
)
@click.option(
    "--target", type=Share(), help="The test accuracy of --metric time-to-accuracy, such as 0.96."
)
@click.option(
    "--epochs",
    type=Whole(min=1),
    help="Give up on --target after N epochs. Default: the network's.",
)
@click.option(
    "--fail-on",
    type=click.Choice(["slower"]),
    help="Exit with 1 if an implementation is slower than its own earlier @REVISION.",
)
@click.option("--bare", is_flag=True, help="Skip floor and control.")
@click.option(
    "--resume",
    type=PATH,
    metavar="DIR",
    help="Go on with the interrupted run in this folder, with its plan. Failed, refused "
    "and unverified measurements are repeated once.",
)
@json_option("prose")
@click.pass_context
def run_command(context: click.Context, /, **options: Any) -> int:
    """Measure implementations and write an HTML report.

    Each implementation runs in fresh processes, one per thread setting and block. It is compared
    with a float64 reference before it is timed. The processes of a block are alive together and
    take turns. The floor and a control are measured too: the products alone, and one implementation
    against itself.

    Exit code 3: something was invalid, unverified or failed. 4, if not 3: nothing was measured, or
    an implementation that --impl names exactly was not. 1: --fail-on found something slower. 75:
    another run is measuring on this machine. 130: interrupted by Ctrl-C; the measurements so far
    are kept.
    """
    console = Console(stderr=options["as_json"])
    resumed: Path | None = options["resume"]
    if resumed is not None:
        require_alone(context, WITH_RESUME, "the plan of the interrupted run")
    folder = resumed or folder_for(options["out"])
    has_ended = resumed is not None and journals.has_ended(resumed / journals.NAME)
    if has_ended:
        # It may have been killed before its report was written.
        say(console, f"The run in {resumed} has ended: writing its results and report again.")
        complete = True
    else:
        # What can be refused is refused before anyone is asked to wait for the machine.
        planned = plan_again(console, resumed) if resumed else plan_run(console, options)
        with lock.measuring(command_line()):
            complete = measure(
                console, *planned, folder, options["timeout"], is_resumed=resumed is not None
            )
    document = journals.read(folder / journals.NAME)
    files.save(document, folder / "results.json")
    with waiting(console, "writing the report"):
        report = build_context([document], options["margin"])
        files.write_bytes(folder / REPORT, page.render(report).encode())
    revised = changes(document, options["margin"])
    if options["as_json"]:
        _print_json(report, document, folder)
    else:
        # The note on the data was printed when they were read.
        noted = None if has_ended else document.dataset.note
        console.print()
        for sentence in lines(report):
            say(console, "See the dataset note above." if sentence == noted else sentence)
        for change in revised:
            say(console, change.sentence)
        console.print()
        go_on = () if document.complete else ("mlpbench", "run", "--resume", str(folder))
        finish(console, epoch_tables(report, console.width), folder / REPORT, go_on)
    if not complete:
        return exits.INTERRUPTED
    code = _exit_code(document)
    is_slower = any(change.verdict.kind == "slower" for change in revised)
    return exits.SLOWER if code == exits.FINE and options["fail_on"] and is_slower else code


def _print_json(report: Context, document: Results, folder: Path) -> None:
    answer: dict[str, Any] = {
        "summary": list(lines(report)),
        "complete": document.complete,
        "ended": document.ended,
        "results": str(folder / "results.json"),
        "report": str(folder / REPORT),
    }
    if document.plan.target is not None:
        answer["time_to_accuracy"] = as_data(report)
    click.echo(json.dumps(answer))


def _exit_code(document: Results) -> int:
    """Return what the outcomes of a complete run amount to: refused before not available."""
    if not all(isinstance(outcome, Measured | Unavailable) for outcome in document.outcomes):
        return exits.NOT_ALL_VALID
    measured = {
        outcome.cell.implementation
        for outcome in document.outcomes
        if isinstance(outcome, Measured)
    }
    named = set(document.plan.named)
    wanted = named | {row.name for row in document.rows if row.role == "trainer"}
    return exits.FINE if named <= measured and wanted & measured else exits.UNAVAILABLE
