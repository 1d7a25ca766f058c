"""What is timed, what is included, how to read it, and where it ends."""

from __future__ import annotations

from markupsafe import Markup

from bench.stats import CONFIDENCE, MINIMUM_PROCESSES
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
        baseline=context.baseline,
        has_floor=bool(context.floors),
    )


SECTION = Section("method", "Method", 120, render)
