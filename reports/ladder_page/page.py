"""The page itself: everything that the template is filled with."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import jinja2

from bench.documents.results import Results
from bench.stats.estimates import MINIMUM_PROCESSES
from bench.stats.verdicts import MARGIN
from impls.registry import ROWS
from impls.row import Row
from reports import articles, markdown, remarks
from reports import format as text
from reports.context import Context
from reports.gather import build_context
from reports.ladder_page import after_ladder, gains, head, overview, rungs
from reports.ladder_page.excerpts import ROOT, Excerpt, Explanation, code
from reports.markdown import escape

EXPLANATIONS = {**rungs.RUNGS, **after_ladder.BEYOND}
"""What is said of an implementation, by the target of its row."""


@dataclass(frozen=True)
class _Shown:
    """An excerpt as the template shows it; ``target`` is what its reference leads to."""

    caption: str
    reference: str
    target: str
    code: str


@dataclass(frozen=True)
class _Stop:
    """One stop; ``measured`` are tables and sentences, ``path`` is that of its class."""

    name: str
    said: Explanation
    path: str
    target: str
    excerpts: tuple[_Shown, ...]
    measured: tuple[str, ...]


def stops() -> tuple[Row, ...]:
    """Return the rows that the walk passes, in order."""
    return tuple(row for row in ROWS if row.target in EXPLANATIONS)


def build_walk(document: Results, source: Path, page: Path, command: str) -> str:
    """Return the page in Markdown.

    ``source`` is where ``document`` lies and ``page`` where the page will, so that links lead from
    one to the other; ``command`` makes the page again.

    Raises:
        UsageError: an excerpt is not in the sources.
    """
    context = build_context([document], MARGIN)
    found = gains.gains(context, stops())
    return (
        _environment()
        .get_template("ladder_page/page.md")
        .render(
            facts=head.facts(context),
            measured_with=markdown.fenced(document.command or "not recorded", "console"),
            made_with=markdown.fenced(command, "console"),
            results=markdown.path_from(page, source),
            words=markdown.path_from(page, ROOT / "reports/ladder_page/rungs.py"),
            remarks=[
                *_other_network(context),
                *remarks.provisional(context),
                *remarks.facts(context),
                *remarks.cautions(context),
                *remarks.gap_sentences(context),
            ],
            overviews=overview.overviews(context, stops()),
            certainty=_certainty(context),
            stops=[_stop(context, row, found[row.name], page) for row in stops()],
        )
    )


@functools.cache
def _environment() -> jinja2.Environment:
    """Markdown is not HTML: what comes from documents is escaped by a filter of its own."""
    environment = jinja2.Environment(  # noqa: S701 - see above
        loader=jinja2.PackageLoader("reports", "."),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"escaped": escape, "sentence": _sentence}
    return environment


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


def _certainty(context: Context) -> str:
    """Return what stands behind the numbers: intervals, or why there are none."""
    if not any(ratio.error is not None for ratio in context.speed_ups.values()):
        return f"There are no intervals: fewer than {MINIMUM_PROCESSES} processes were measured."
    margin = text.percent(context.margin)
    return (
        "In brackets is the 95 % interval, from ratios within blocks of fresh processes. *Same* is "
        f"within {margin}. *Likely* is significant alone, not after correction for all "
        "comparisons. *Unclear* is not significant. All else is faster."
    )


def _stop(context: Context, row: Row, found: gains.Gains, page: Path) -> _Stop:
    said = EXPLANATIONS[row.target]
    path = row.target.partition(":")[0].replace(".", "/") + ".py"
    return _Stop(
        name=row.name,
        said=said,
        path=path,
        target=markdown.path_from(page, ROOT / path),
        excerpts=tuple(_shown(excerpt, page) for excerpt in said.excerpts),
        measured=(*gains.blocks(found), *_published(context, row)),
    )


def _shown(excerpt: Excerpt, page: Path) -> _Shown:
    return _Shown(
        excerpt.caption,
        excerpt.reference,
        markdown.path_from(page, ROOT / excerpt.path),
        markdown.fenced(code(excerpt), "python"),
    )


def _is_theirs(context: Context) -> bool:
    """Return whether the network is that of the articles, of which the words speak as well."""
    return all(document.plan.network.layers == articles.LAYERS for document in context.results)


def _other_network(context: Context) -> list[str]:
    if _is_theirs(context):
        return []
    layers = "-".join(map(str, articles.LAYERS))
    return [f"Sizes in the text are those of a network {layers}; these results are of another."]


def _published(context: Context, row: Row) -> list[str]:
    """Return what the articles gained with this rung, where they trained this network."""
    step = articles.STEPS.get(row.target)
    if step is None or not _is_theirs(context):
        return []
    factors = [
        f"{text.times(factor)} at batch {entry.batch_size}"
        for entry in articles.PUBLISHED
        if entry.step == step
        and (factor := articles.published_factor(step, entry.batch_size)) is not None
    ]
    before = next((one.name for one in ROWS if articles.STEPS.get(one.target) == step - 1), "")
    said = f"The articles that this ladder follows went from {before} to {row.name} in one step"
    gained = f"and gained {text.listing(factors)} on {articles.MACHINE}."
    return [f"{said} {gained}"] if factors else []
