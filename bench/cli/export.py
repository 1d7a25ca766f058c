"""``mlpbench export``: results in the format of another tool."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from bench.cli.options import PATH, PHASE_NAMES, given, list_option, margin_option
from bench.cli.output import note, open_folder, say
from bench.documents import files
from bench.documents.results import Results
from bench.documents.sources import read_any
from bench.observations.ratios import changes
from bench.provenance.code import git_answer
from impls.errors import UsageError
from reports.exports import FORMATS, Format, Request
from reports.exports.asv import Revision


@click.command("export")
@click.argument("sources", nargs=-1, required=True, type=PATH)
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMATS)),
    required=True,
    help="; ".join(f"{name}: {form.summary}" for name, form in FORMATS.items()) + ".",
)
@click.option(
    "-o", "--output", type=PATH, help="File to write, or folder for asv. Default: text is printed."
)
@list_option(
    "--phase",
    "phases",
    item=click.Choice(PHASE_NAMES),
    help="Phases for pyperf, asv, bmf and github. Default: epoch, or step without epochs.",
)
@click.option(
    "--commit",
    metavar="REV",
    help="For asv, the commit that was measured, known to git in this folder. Default: the commit "
    "of mlpbench itself that the results name.",
)
@margin_option
@click.pass_context
def export_command(
    context: click.Context,
    sources: tuple[Path, ...],
    form: str,
    output: Path | None,
    phases: tuple[str, ...],
    commit: str | None,
    margin: float,
) -> None:
    """Write results in the format of another tool.

    SOURCES are results.json, journal.jsonl, pytest-benchmark's JSON or an exported parquet file;
    csv, parquet, asv and markdown take several. docs/exports.md shows what reads each format.
    """
    chosen = FORMATS[form]
    _require_fitting(context, form, chosen, output)
    if output is not None and not chosen.is_folder:
        files.require_no_source(output, sources)
    console = Console(stderr=True)
    results = tuple(read_any(source) for source in sources)
    revisions = _revisions(console, results, commit) if "commit" in chosen.options else ()

    def existing(path: str) -> bytes | None:
        """Return a file of the output folder as it is."""
        file = Path() if output is None else output / path
        return file.read_bytes() if file.is_file() else None

    made = chosen.make(
        Request(
            results=results,
            phases=phases,
            margin=margin,
            notes=tuple(change.sentence for each in results for change in changes(each, margin)),
            revisions=revisions,
            existing=existing,
        )
    )
    if output is None:
        click.echo(made[""], nl=False)
        return
    for path, content in made.items():
        target = output / path if path else output
        if chosen.is_folder:
            open_folder(target.parent, "-o")
        files.write_bytes(target, content)
    say(console, f"Wrote {output}")


def _require_fitting(
    context: click.Context, form: str, chosen: Format, output: Path | None
) -> None:
    """Refuse options that the format does not have.

    Raises:
        UsageError: see above.
    """
    for name, option in given(context).items():
        if name in {"phases", "commit", "margin"} and name not in chosen.options:
            able = [other for other, its in FORMATS.items() if name in its.options]
            raise UsageError(
                f"{option} has no meaning for --format {form}: leave it out, or use "
                f"--format {' or '.join(able)}"
            )
    if output is None and not chosen.is_text:
        what = "a folder" if chosen.is_folder else "a file"
        raise UsageError(f"--format {form} cannot be printed: name {what} with -o")


def _revisions(
    console: Console, results: Sequence[Results], commit: str | None
) -> tuple[Revision, ...]:
    """Return the commit of each document; print a note where the sources differed from it.

    Raises:
        UsageError: there is no commit, or git does not know it.
    """
    if commit is not None:
        if len(results) > 1:
            raise UsageError("--commit is the commit of one run: export each run separately")
        revision = _asked(commit)
        if revision is None:
            raise UsageError(
                f"--commit {commit}: git finds no such commit in {Path.cwd()}. Name a commit, and "
                "start mlpbench in its repository."
            )
        return (revision,)
    return tuple(_own(console, document) for document in results)


def _own(console: Console, document: Results) -> Revision:
    """Return the commit that a document names, with its date, or the run's where git has none."""
    code = document.code
    if code is None or code.commit is None:
        raise UsageError(
            "the results name no commit, which asv needs: name the one that was measured with "
            "--commit"
        )
    if code.modified:
        note(console, f"the sources differed from commit {code.commit[:8]} when they were measured")
    known = _asked(code.commit)
    if known is None:
        note(console, f"git does not find {code.commit[:8]} here: the date is that of the run")
        return Revision(code.commit, dt.datetime.fromisoformat(document.created_at))
    return known


def _asked(revision: str) -> Revision | None:
    """Return what git in the current folder knows of a revision; None where it knows nothing."""
    arguments = ("log", "-1", "--format=%H %cI", "--end-of-options", revision, "--")
    answer = git_answer(Path(), *arguments)
    if not answer:
        return None
    commit, _, date = answer.partition(" ")
    return Revision(commit, dt.datetime.fromisoformat(date))
