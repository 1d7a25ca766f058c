"""The numbers behind everything, to take away."""

from __future__ import annotations

from markupsafe import Markup

from reports import attachments, templates
from reports.context import Context
from reports.section import Section


def render(context: Context) -> Markup:
    """Links that hold the rounds and the documents themselves."""
    return templates.section(
        "raw_data",
        table=attachments.csv(context.results),
        document=attachments.json(context.results),
        digits=attachments.DIGITS,
    )


SECTION = Section("raw-data", "Raw data", 130, render)
