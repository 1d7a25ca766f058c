"""The numbers behind everything, to take away."""

from __future__ import annotations

from markupsafe import Markup

from reports import attachments, frame, templates
from reports import format as text
from reports.context import Context
from reports.section import DETAILS, Section, Status


def render(context: Context) -> Markup:
    """Links that hold the rounds and the documents themselves."""
    document = attachments.json(context.results)
    is_block = isinstance(document, attachments.Block)
    return templates.section(
        "raw_data",
        table=attachments.csv(frame.tidy(context.results)),
        block=document if is_block else None,
        link=None if is_block else document,
        digits=attachments.DIGITS,
    )


def status(context: Context) -> Status:
    """Return what can be downloaded."""
    rounds = len(frame.tidy(context.results))
    return Status(f"{text.count(rounds, 'round')} as CSV, the results document as JSON")


SECTION = Section("raw-data", "Raw data", 130, render, DETAILS, status)
