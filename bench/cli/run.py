"""``mlpbench run``: measure, write results and report, say what was found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from bench.cli import exits
from bench.cli.implementations import choose_implementations, named_in_full
from bench.cli.measuring import begin, go_on, has_ended, measure, prepare, prepare_again
from bench.cli.options import parse_settings, require_alone
from bench.cli.output import REPORT, command_line, finish, folder_for, say
from bench.cli.planning import Choices, with_companions
from bench.cli.progress import waiting
from bench.cli.run_options import RUN_OPTIONS
from bench.cli.shared_options import with_options
from bench.documents import files
from bench.documents import journal as journals
from bench.documents.results import Measured, Results, Unavailable
from bench.running import lock
from bench.stats.ratios import changes
from impls.errors import UsageError
from impls.presets import find_preset
from reports import build_report
from reports.answer import lines
from reports.gather import build_context
from reports.terminal import epoch_tables
from reports.trainings import as_data

WITH_RESUME = {"resume", "timeout", "as_json", "margin", "fail_on"}
"""What may be said beside --resume; everything else is in the plan of the interrupted run."""


@click.command("run")
@with_options(RUN_OPTIONS)
@click.pass_context
def run_command(context: click.Context, /, **options: Any) -> int:
    """Measure implementations and write an HTML report.

    Each implementation runs in fresh processes, one per thread setting and block. It is compared
    with a float64 reference before it is timed. The processes of a block are alive together and
    take turns. The floor and a control run as well.

    Exit code, 3 takes precedence over 4. 3: something was invalid, unverified or failed. 4: nothing
    was measured, or not an implementation that --impl names in full. 1: --fail-on found something
    slower. 75: another run is measuring
    on this machine. 130: interrupted by Ctrl-C; the measurements so far are kept.
    """
    console = Console(stderr=options["as_json"])
    resumed: Path | None = options["resume"]
    if resumed is not None:
        require_alone(context, WITH_RESUME, "the plan of the interrupted run")
    if resumed is not None and has_ended(resumed):
        # It may have been killed before its report was written.
        again = f"The run in {resumed} has ended: writing its results and report again."
        say(console, again)
        folder, complete, noted = resumed, True, False
    else:
        folder = resumed or folder_for(options["out"])
        # What can be refused is refused before anyone is asked to wait for the machine.
        prepared = (
            prepare_again(console, resumed) if resumed else prepare(console, _choices(options))
        )
        with lock.measuring(command_line()):
            if resumed:
                started = go_on(console, prepared, folder)
            else:
                started = begin(console, prepared, folder)
            complete, noted = measure(console, started, options["timeout"]), True
    document = journals.read(folder / journals.NAME)
    _write(console, document, folder, options["margin"])
    _conclude(console, document, folder, options, noted=noted)
    if not complete:
        return exits.INTERRUPTED
    code = _exit_code(document)
    if code == exits.FINE and options["fail_on"] and _is_slower(document, options["margin"]):
        return exits.SLOWER
    return code


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


def _is_slower(document: Results, margin: float) -> bool:
    """Return whether any implementation is slower than its own earlier revision."""
    return any(change.verdict.kind == "slower" for change in changes(document, margin))


def _target(options: dict[str, Any]) -> float | None:
    """Return the target accuracy where that is the metric.

    Raises:
        UsageError: one of --metric, --target and --epochs without the others.
    """
    learns = options["metric"] == "time-to-accuracy"
    if learns != (options["target"] is not None):
        raise UsageError("--metric time-to-accuracy and --target go together: give both or neither")
    if options["epochs"] is not None and not learns:
        raise UsageError("--epochs belongs to --metric time-to-accuracy: without it, leave it out")
    target: float | None = options["target"]
    return target


def _choices(options: dict[str, Any]) -> Choices:
    rows = choose_implementations(options["implementations"], options["device"])
    if options["fail_on"] and not any(row.revision for row in rows):
        raise UsageError(
            "--fail-on compares an implementation with its own earlier revision: name both, "
            "such as --impl mine.py:Trainer,mine.py:Trainer@HEAD~1"
        )
    named = named_in_full(options["implementations"])
    target = _target(options)
    preset = find_preset(options["network"], activation=options["activation"], loss=options["loss"])
    return Choices(
        rows=rows if options["bare"] else with_companions(rows, learning=target is not None),
        preset=preset,
        batch_sizes=options["batch_sizes"],
        threads=options["threads"],
        settings=parse_settings(options["assignments"]),
        profile=options["profile"],
        device=options["device"],
        examples=options["examples"],
        seed=options["seed"],
        source=options["dataset"],
        label=options["label"],
        normalisation=options["normalise"] or preset.normalise,
        blocks=options["blocks"],
        precision=options["precision"],
        budget=options["budget"],
        neighbours=options["neighbours"],
        target=target,
        epochs=options["epochs"],
        named=tuple(row.name for row in rows if row.name in named),
        cpus=options["cpus"],
    )


def _write(console: Console, document: Results, folder: Path, margin: float) -> None:
    files.save(document, folder / "results.json")
    with waiting(console, "writing the report"):
        page = build_report([document], margin)
        files.write_bytes(folder / REPORT, page.encode())


def _conclude(
    console: Console, document: Results, folder: Path, options: dict[str, Any], *, noted: bool
) -> None:
    """The answer first, then the table, then where to read on.

    What was ``noted`` of the data at the beginning is not said in full again.
    """
    context = build_context([document], options["margin"])
    said = lines(context)
    if options["as_json"]:
        answer: dict[str, Any] = {
            "summary": list(said),
            "complete": document.complete,
            "ended": document.ended,
            "results": str(folder / "results.json"),
            "report": str(folder / REPORT),
        }
        if document.plan.target is not None:
            answer["time_to_accuracy"] = as_data(context)
        click.echo(json.dumps(answer))
        return
    console.print()
    for sentence in said:
        again = noted and sentence == document.dataset.note
        say(console, "See the dataset note above." if again else sentence)
    for change in changes(document, options["margin"]):
        say(console, change.sentence)
    console.print()
    go_on = () if document.complete else ("mlpbench", "run", "--resume", str(folder))
    finish(console, epoch_tables(context, console.width), folder / REPORT, go_on)
