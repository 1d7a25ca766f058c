"""The page itself: everything that the template is filled with."""

from __future__ import annotations

from pathlib import Path

import jinja2

from bench.documents.results import Measured, Results
from bench.stats.disturbed import DISTURBED_SHARE
from bench.stats.estimates import BLOCKS_FOR_INTERVAL
from bench.stats.verdicts import MARGIN
from impls.registry import ROWS
from impls.row import Row
from reports import articles, markdown, remarks
from reports import format as text
from reports.context import Context
from reports.facts import disturbed_rounds
from reports.gather import build_context
from reports.ladder_page import measured
from reports.ladder_page.excerpts import EXPLANATIONS, ROOT, WORDS, code
from reports.markdown import escape


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
    # Markdown is not HTML: a filter escapes what comes from documents.
    environment = jinja2.Environment(  # noqa: S701 - see above
        loader=jinja2.PackageLoader("reports", "ladder_page"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "code": lambda excerpt: markdown.fenced(code(excerpt), "python"),
        "escaped": escape,
        "listing": text.listing,
        "link": lambda path: markdown.path_from(page, ROOT / path),
        "sentence": lambda words: f"{words[0].upper()}{words[1:]}.",
    }
    is_theirs = document.plan.network.layers == articles.LAYERS
    gains = measured.gains(context, stops())
    return environment.get_template("page.md").render(
        facts=facts(context),
        measured_with=markdown.fenced(document.command or "not recorded", "console"),
        made_with=markdown.fenced(command, "console"),
        results=markdown.path_from(page, source),
        words=WORDS.relative_to(ROOT),
        remarks=[
            *remarks.provisional(context),
            *remarks.facts(context),
            *remarks.cautions(context),
            *remarks.gap_sentences(context),
        ],
        overviews=measured.overviews(context, stops()),
        other_layers=None if is_theirs else "-".join(map(str, articles.LAYERS)),
        has_intervals=any(ratio.error is not None for ratio in context.speed_ups.values()),
        least_processes=BLOCKS_FOR_INTERVAL,
        margin=text.percent(context.margin),
        machine=articles.MACHINE,
        stops=[
            {
                "name": row.name,
                "path": row.target.partition(":")[0].replace(".", "/") + ".py",
                "said": EXPLANATIONS[row.target],
                "measured": gains[row.name],
                "published": _published(row) if is_theirs else None,
            }
            for row in stops()
        ],
    )


def facts(context: Context) -> list[tuple[str, str]]:
    """Return what was measured on what: pairs of what and value, of the first document."""
    document = context.results[0]
    machine, network, data = document.machine, document.plan.network, document.dataset
    processes = [outcome.process for outcome in document.outcomes if isinstance(outcome, Measured)]
    # What the workers found: every BLAS with its kernels, and the packages that they need.
    pools = {
        f"{pool.library} {pool.version} ({pool.detail})"
        for process in processes
        for pool in process.pools
        if pool.detail
    }
    versions = {
        f"{name} {version}" for process in processes for name, version in process.versions.items()
    }
    processor = [
        machine.cpu,
        text.count(machine.usable_cpus, "usable CPU"),
        *filter(None, (machine.vectors, "virtual" if machine.hypervisor else "")),
        *(f"{name} {size}" for name, size in machine.caches.items()),
    ]
    exported = [f"{name}={value}" for name, value in sorted(machine.environment.items())]
    layers = "-".join(map(str, network.layers))
    measured_by = f"{document.created_at[:10]}, by {document.generator}"
    if document.code and document.code.commit:
        changed = " with changes" if document.code.modified else ""
        measured_by += f", commit {document.code.commit[:12]}{changed}"
    number, rounds = disturbed_rounds.disturbed_rounds(context.points.values())
    disturbed = (
        f"{number} of {text.count(rounds, 'round')}, in which something else took more than "
        f"{text.percent(DISTURBED_SHARE)} of the time"
    )
    return [
        ("Processor", ", ".join(processor)),
        ("BLAS", "; ".join(sorted(pools)) or "unknown"),
        ("Versions", ", ".join([machine.python, *sorted(versions)])),
        ("System", machine.system),
        ("Exported", ", ".join(exported) or "no relevant variables"),
        ("Network", f"{network.name}: {layers}, {network.activation}, {network.loss}"),
        (
            "Data",
            f"{data.name}, {document.plan.examples} examples, normalised: {data.normalisation}",
        ),
        ("Measured", measured_by),
        ("Disturbed", disturbed if rounds else "not recorded"),
    ]


def _published(row: Row) -> tuple[str, list[str]] | None:
    """Return what the articles gained with this rung, and over which; None where they have none."""
    step = articles.STEPS.get(row.target)
    if step is None:
        return None
    factors = [
        f"{text.times(factor)} at batch {entry.batch_size}"
        for entry in articles.PUBLISHED
        if entry.step == step
        and (factor := articles.published_factor(step, entry.batch_size)) is not None
    ]
    before = [other.name for other in ROWS if articles.STEPS.get(other.target) == step - 1]
    return (before[0], factors) if factors else None
