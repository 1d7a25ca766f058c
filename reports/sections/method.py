"""What is timed, what is included, how to read it, and where it ends."""

from __future__ import annotations

from markupsafe import Markup

from bench.stats.estimates import BLOCKS_FOR_INTERVAL, CONFIDENCE
from bench.stats.verdicts import ALPHA
from impls.networks import Network
from reports import format as text
from reports import templates
from reports.context import Context
from reports.facts.network_facts import Facts, described
from reports.section import DETAILS, Section, Status


def render(context: Context) -> Markup:
    """Prose with the effort and the commands of these documents."""
    return templates.section(
        "method",
        documents=context.results,
        trained=_trained(context),
        confidence=CONFIDENCE,
        minimum=BLOCKS_FOR_INTERVAL,
        margin=f"{100 * context.margin:.3g} %",
        alpha=f"{100 * ALPHA:.0f} %",
        baseline=context.baseline,
        has_floor=bool(context.floors),
    )


def _trained(context: Context) -> list[Facts]:
    """Return every network of the documents with its training; equal ones once."""
    found: dict[tuple[Network, str], Facts] = {}
    for document in context.results:
        plan = document.plan
        facts = described(plan.network, plan.trainings)
        found.setdefault((plan.network, repr(facts)), facts)
    return list(found.values())


def status(context: Context) -> Status:
    """Return what an estimate rests on."""
    blocks = sum(result.plan.effort.blocks for result in context.results)
    margin = text.percent(context.margin)
    return Status(f"{text.count(blocks, 'block')} of fresh processes, margin {margin}")


SECTION = Section("method", "Method", 120, render, DETAILS, status, whole=True)
