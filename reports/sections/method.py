"""What is timed, what is included, how to read it, and where it ends."""

from __future__ import annotations

from markupsafe import Markup

from bench.stats import CONFIDENCE, MINIMUM_PROCESSES
from bench.verdicts import ALPHA
from reports import templates
from reports.context import Context
from reports.section import Section


def render(context: Context) -> Markup:
    """Prose with the effort and the commands of these documents."""
    return templates.section(
        "method",
        documents=context.results,
        confidence=CONFIDENCE,
        minimum=MINIMUM_PROCESSES,
        margin=f"{100 * context.margin:.3g} %",
        alpha=f"{100 * ALPHA:.0f} %",
        baseline=context.baseline,
        has_floor=bool(context.floors),
    )


SECTION = Section("method", "Method", 120, render)
