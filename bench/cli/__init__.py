"""The command line: the only part of this project that prints and that ends the process.

Each command is a file; this one joins them and turns errors into one clear line and an exit code.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

import click
from rich.console import Console

import bench
from bench.cli import exits
from bench.errors import BenchError, BusyError

COMMANDS = {
    "run": ("bench.cli.run:run_command", "Measure implementations, write an HTML report."),
    "submit": ("bench.cli.submit:submit_command", "Run on many machines, by SLURM or here."),
    "report": ("bench.cli.report:report_command", "Write an HTML report from results."),
    "walk": ("bench.cli.walk:walk_command", "Write a page that walks up the ladder of steps."),
    "compare": ("bench.cli.compare:compare_command", "Compare runs, or cells of a run."),
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
        """Names in the order in which a newcomer meets them."""
        return [*COMMANDS, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command called ``cmd_name``, or None."""
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """A line for each, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Each command explains itself: mlpbench COMMAND --help. Exit codes of all commands: "
    f"{exits.USAGE}, what was asked for cannot be done; {exits.BUSY}, this machine is measuring "
    f"already, try again later; {exits.INTERRUPTED}, interrupted.",
)
@click.version_option(bench.__version__, prog_name="mlpbench")
def cli() -> None:
    """Compare implementations of a multi-layer perceptron.

    Every implementation is first proven to compute the same numbers, then timed in fresh
    processes over batch sizes and thread counts, and explained in one HTML file.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    try:
        code = cli.main(
            list(sys.argv[1:] if arguments is None else arguments),
            prog_name="mlpbench",
            standalone_mode=False,
        )
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.UsageError as error:
        _explain(error)
        return exits.USAGE
    except (KeyboardInterrupt, click.Abort):
        _complain("interrupted")
        return exits.INTERRUPTED
    except MemoryError:
        _complain("there is not enough memory for a network or a batch of this size")
        return exits.USAGE
    except BenchError as error:
        _complain(str(error))
        return exits.BUSY if isinstance(error, BusyError) else exits.USAGE
    return code if isinstance(code, int) else exits.FINE


def _explain(error: click.UsageError) -> None:
    """What is wrong with the command and where to read on; the help itself where nothing is."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return
    command = error.ctx.command_path if error.ctx else "mlpbench"
    message = error.format_message()
    stop = "" if message.endswith((".", "?")) else "."
    _complain(f"{message}{stop} See '{command} --help'.")


def _complain(message: str) -> None:
    """One line on standard error."""
    console = Console(stderr=True, soft_wrap=True)
    console.print(f"mlpbench: {message}", style="red", markup=False, highlight=False)
