"""``mlpbench compare``: verdicts on cells against cells, for people and for a build server."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console

from bench.cli.compare_answer import FAILURES, answer
from bench.cli.options import PATH, PHASE_NAMES, json_option, list_option, margin_option
from bench.cli.output import say
from bench.documents import files
from bench.documents.sources import read_any
from impls.errors import ResultsError, UsageError
from reports.comparison import tables
from reports.comparison.answer import Answer, full_name
from reports.comparison.data import as_data
from reports.comparison.markdown import markdown
from reports.comparison.words import legend, noise, sentences
from reports.format import printable
from reports.terminal import draw

MOST_REMEDIES = 3
MOST_COLUMNS = 1000
FILE_COLUMNS = 120


RESULTS = Path("results")
"""Where ``mlpbench run`` writes without ``--out``."""
DOCUMENT = "results.json"
FEWEST = 2


class Last(click.ParamType["int | Path"]):
    """How many runs, at least two; anything else is the folder that they are in."""

    name = "n"

    def convert(self, value: Any, param: Any, ctx: Any) -> int | Path:
        """Return a number, or the path that stands in its place."""
        text = str(value)
        if not text.removeprefix("-").isdecimal():
            return Path(text)
        if int(text) < FEWEST:
            self.fail(f"{text} runs cannot be compared: use 2 or more", param, ctx)
        return int(text)


class Failure(click.Choice[str]):
    """What makes ``compare`` fail; ``unresolved`` is the earlier word for ``unclear``."""

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """Return one of the choices."""
        return super().convert("unclear" if value == "unresolved" else value, param, ctx)


@click.command("compare")
@click.argument("sources", nargs=-1, type=PATH)
@click.option(
    "--last",
    type=Last(),
    is_flag=False,
    flag_value=FEWEST,
    metavar="[N]",
    help="Compare the newest run in a results folder with the one before, or the last N runs with "
    "the first of them. SOURCES is then the folder. Default: results.",
)
@click.option(
    "--by",
    "coordinate",
    metavar="COORDINATE",
    help="Compare along run, implementation, threads, batch-size or the NAME of a variable. "
    "Default with several documents: run.",
)
@click.option(
    "--baseline",
    metavar="VALUE",
    help="Compare with this value of the coordinate. Default: the first; of implementations the "
    "ladder's rung 0.",
)
@click.option(
    "--phase",
    type=click.Choice(PHASE_NAMES),
    help="What is compared. Default: epoch, or step where a document holds no epochs.",
)
@click.option(
    "--filter",
    "filters",
    multiple=True,
    metavar="FIELD=PATTERN,...",
    help="Only cells that match, such as 'implementation=numba,numpy-*'. Repeatable.",
)
@margin_option
@click.option(
    "--threshold",
    "thresholds",
    multiple=True,
    metavar="FIELD=PATTERN,...:SHARE",
    help="Another margin for cells that match, such as 'implementation=numba:5%'. Repeatable; the "
    "first match wins.",
)
@list_option(
    "--fail-on",
    item=Failure(FAILURES),
    default=FAILURES,
    show_default=",".join(FAILURES),
    help="What makes the exit code 1, 2 or 3.",
)
@click.option(
    "--across-machines", is_flag=True, help="Compare although processors or their number differ."
)
@click.option(
    "--markdown",
    "markdown_file",
    metavar="FILE",
    help="Write a table for a pull request; - prints it instead of the tables.",
)
@json_option("tables")
def compare_command(
    sources: tuple[Path, ...],
    *,
    last: int | Path | None,
    markdown_file: str | None,
    as_json: bool,
    **question: Any,
) -> int:
    """Compare runs, or cells of a run along one coordinate.

    SOURCES are results.json, journal.jsonl, pytest-benchmark's JSON or an exported parquet file:
    one to compare within it, or the reference followed by those that are compared with it. Controls
    are left out unless --filter or --baseline names them.

    Exit code 1: a cell is slower. 2: one is likely slower, or unclear. 3: one was invalid or
    failed where its partner was measured. 4: the documents are not comparable. Precedence: 4, 1,
    3, 2.
    """
    if last is not None:
        sources = last_runs(last, sources)
    if not sources:
        raise UsageError(
            "missing SOURCES: name results documents, or give --last to compare the newest runs"
        )
    if as_json and markdown_file == "-":
        raise UsageError("--json and --markdown - both print to stdout: give --markdown a file")
    if markdown_file not in {None, "-"}:
        files.require_free(Path(markdown_file), sources)
    result = answer(sources, [read_any(source) for source in sources], **question)
    if markdown_file == "-":
        click.echo(markdown(result), nl=False)
        return result.exit_code
    if markdown_file is not None:
        files.write_bytes(Path(markdown_file), markdown(result).encode())
    if as_json:
        click.echo(json.dumps(as_data(result)))
    else:
        print_answer(result, Console())
    return result.exit_code


def print_answer(result: Answer, console: Console) -> None:
    """Print the answer first, then the table, then what may explain it."""
    if not console.is_terminal:
        console.width = max(FILE_COLUMNS, console.width)
    for sentence in sentences(result):
        say(console, printable(sentence))
    if result.comparison.pairs:
        table = tables.verdicts(result)
        unlimited = console.options.update(width=MOST_COLUMNS)
        width = console.measure(draw(table), options=unlimited).maximum
        if not console.is_terminal:
            console.width = max(width, console.width)
        console.print()
        if width > console.width:
            console.print(draw(tables.stacked(table), lines_between=True))
        else:
            console.print(draw(table))
        for code, meaning in legend(result):
            say(console, f"{code}: {meaning}")
        _print_remedies(result, console)
    if result.of_interest:
        console.print()
        console.print(draw(tables.differences(result, "Other differences", shortened=True)))
    if noise(result):
        console.print(noise(result))
    if result.comparison.apart:
        console.print()
        console.print(draw(tables.apart(result, "Not compared, or not in full")))


def _print_remedies(result: Answer, console: Console) -> None:
    """Print what would settle the open verdicts, each remedy once."""
    remedies: dict[str, list[str]] = {}
    for pair in result.comparison.pairs:
        if pair.verdict.is_open:
            remedies.setdefault(pair.verdict.remedy, []).append(full_name(pair.other.cell))
    for remedy, names in list(remedies.items())[:MOST_REMEDIES]:
        who = names[0] if len(names) == 1 else f"{len(names)} cells"
        say(console, printable(f"{who}: {remedy}"))
    rest = sum(len(names) for names in list(remedies.values())[MOST_REMEDIES:])
    if rest:
        say(console, f"And {rest} more: --json says why.")


def last_runs(last: int | Path, sources: tuple[Path, ...]) -> tuple[Path, ...]:
    """Return the documents that ``--last`` means, oldest first; ``sources`` may name the folder.

    Raises:
        UsageError: several paths, or one that is no folder or holds too few runs.
        ResultsError: a results.json in it cannot be read.
    """
    folders = (last, *sources) if isinstance(last, Path) else sources
    if len(folders) > 1:
        named = ", ".join(map(str, folders))
        raise UsageError(f"--last looks into one folder of results, not into {named}: name one")
    folder = folders[0] if folders else RESULTS
    if not folder.is_dir():
        raise UsageError(f"--last: {folder} is no folder: name the folder that holds the runs")
    count = FEWEST if isinstance(last, Path) else last
    runs = sorted((_created(path), path) for path in folder.glob(f"*/{DOCUMENT}"))
    if len(runs) < count:
        raise UsageError(
            f"--last {count} needs {count} runs, but {folder} holds {len(runs)} "
            f"({folder}/*/{DOCUMENT}): measure again, or name the folder of results"
        )
    return tuple(path for _, path in runs[-count:])


class _Created(msgspec.Struct):
    created_at: str


def _created(path: Path) -> dt.datetime:
    """Return when the run began that wrote the document at ``path``."""
    try:
        text = msgspec.json.decode(files.read_bytes(path), type=_Created).created_at
        created = dt.datetime.fromisoformat(text)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise ResultsError(
            f"{path} is no results document: {error}. Move it out of this folder, or name the "
            "documents to compare."
        ) from error
    return created if created.tzinfo else created.replace(tzinfo=dt.UTC)
