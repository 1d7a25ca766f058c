"""The command line: the only part of this project that prints and that ends the process.

Commands are files; this one joins them and turns errors into one clear line and an exit code.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

import bench
from bench import exits
from bench.cli import crash, defaults
from bench.cli.output import say
from impls.errors import BenchError, BusyError, UsageError

COMMANDS = {
    "run": ("bench.cli.run:run_command", "Measure implementations, write an HTML report."),
    "submit": ("bench.cli.submit:submit_command", "Run on many machines, by SLURM or here."),
    "report": ("bench.cli.report:report_command", "Write an HTML report from results."),
    "walk": ("bench.cli.report:walk_command", "Write a page that walks up the ladder of steps."),
    "compare": ("bench.cli.compare:compare_command", "Compare runs, or cells of a run."),
    "export": ("bench.cli.export:export_command", "Write results in the format of another tool."),
    "train": ("bench.cli.train:train_command", "Train networks and see what they learned."),
    "evaluate": ("bench.cli.evaluate:evaluate_command", "Report on networks that were saved."),
    "study": ("bench.cli.study:study_command", "Train once for each value of a parameter."),
    "list": ("bench.cli.listing:list_command", "List implementations, networks and data sets."),
    "selfcheck": ("bench.cli.selfcheck:selfcheck_command", "Check the measuring itself."),
    "doctor": ("bench.cli.doctor:doctor_command", "See what differences this machine can show."),
}
"""Where each command is, and its summary: listing them needs no import."""


class LazyGroup(click.Group):
    """Imports a command when it is used: ``list`` need not wait for the charts of ``report``."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which a newcomer meets them."""
        return [*COMMANDS, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command called ``cmd_name``, or None."""
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a line for each command, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


@click.group(
    "mlpbench",
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Help on a command: mlpbench COMMAND --help. Exit codes of all commands: "
    f"{exits.USAGE}, a mistake in the command line or its files; {exits.CRASHED}, an internal "
    f"error; {exits.UNWRITABLE}, the output could not be written; {exits.BUSY}, another run is "
    f"measuring on this machine, try again later; {exits.INTERRUPTED}, interrupted.",
)
@click.version_option(bench.__version__, prog_name="mlpbench")
@click.option(
    "--isolated",
    is_flag=True,
    help="Ignore pyproject.toml and variables such as MLPBENCH_RUN_THREADS.",
)
@click.pass_context
def cli(context: click.Context, *, isolated: bool) -> None:
    """Compare implementations of a multi-layer perceptron.

    Every implementation is first checked to compute the same numbers, then timed in fresh
    processes over batch sizes and thread counts, and explained in one HTML file.

    The nearest pyproject.toml may hold defaults, such as threads = [1, 2] in the table
    [tool.mlpbench.run]. A variable such as MLPBENCH_RUN_THREADS=1,2 overrides it.
    """
    name = context.invoked_subcommand
    command = cli.get_command(context, name) if name else None
    if name is None or command is None or isolated:
        return
    file = defaults.find_file(Path.cwd())
    tables = defaults.read_tables(file, COMMANDS) if file else {}
    chosen = defaults.of_command(command, name, file=file, tables=tables, environment=os.environ)
    defaults.install(context, name, chosen)


def main(arguments: Sequence[str] | None = None, command: click.Command = cli) -> int:
    """Run the command line, or another ``command``; return the exit code."""
    crash.escape_output()
    try:
        code = _run(list(sys.argv[1:] if arguments is None else arguments), command)
        if sys.stdout is not None:  # the shell may have closed it
            sys.stdout.flush()
    except BrokenPipeError:
        crash.abandon_output()
        return exits.NO_READER
    except OSError as error:
        # The answer may be cut short: its exit code would pass for that of a whole one.
        _complain(f"cannot write the output: {error.strerror}. What is in files is whole.")
        crash.abandon_output()
        return exits.UNWRITABLE
    return code


def _run(arguments: Sequence[str], command: click.Command) -> int:
    """Return the exit code of ``command``, also after an error.

    Raises:
        OSError: the output does not take what is printed.
    """
    streams = sys.stdout, sys.stderr
    try:
        _require_printable(arguments)
        code = command.main(arguments, prog_name=command.name, standalone_mode=False)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.UsageError as error:
        _explain(error)
        return exits.USAGE
    except BaseException as error:
        if isinstance(error.__context__, BrokenPipeError):
            raise error.__context__ from None  # rich raises this where the reader has ended
        if sys.stdout is not streams[0]:
            # Newer versions of click replace the streams there, and exit with 1.
            sys.stdout, sys.stderr = streams
            raise BrokenPipeError from None
        if crash.is_of_output(error):
            raise
        code, message = _code_and_message(error)
        _complain(message)
    return code if isinstance(code, int) else exits.FINE


def _code_and_message(error: BaseException) -> tuple[int, str]:
    match error:
        case KeyboardInterrupt() | click.Abort():
            return exits.INTERRUPTED, "interrupted"
        case MemoryError():
            return exits.USAGE, "there is not enough memory for a network or a batch of this size"
        case BusyError():
            return exits.BUSY, str(error)
        case BenchError():
            return exits.USAGE, str(error)
        case _:
            message = f"unexpected error, which ended the command: {crash.described(error)}."
            return exits.CRASHED, f"{message} {crash.where_traced(error)}"


def _require_printable(arguments: Sequence[str]) -> None:
    """Refuse what neither a terminal nor a document can show: it would fail after measuring.

    Raises:
        UsageError: an argument with control characters, or not in UTF-8.
    """
    for argument in arguments:
        if any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in argument):
            raise UsageError(
                f"the argument {argument!a} has control characters or is not UTF-8, and "
                "documents and reports cannot hold it: rename what it names"
            )


def _explain(error: click.UsageError) -> None:
    """Print what is wrong with the command and where to read on, or the help that it asks for."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return
    command = error.ctx.command_path if error.ctx else "mlpbench"
    message = error.format_message()
    if isinstance(error, click.BadParameter) and (place := defaults.origin(error)):
        message = f"{place}: {message}"
    stop = "" if message.endswith((".", "?")) else "."
    _complain(f"{message}{stop} See '{command} --help'.")


def _complain(message: str) -> None:
    """Print one line on standard error; where that takes nothing, the exit code has to do."""
    with contextlib.suppress(OSError):
        say(Console(stderr=True), f"mlpbench: {message}", style="red")
