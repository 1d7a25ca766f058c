"""The numbers behind everything, to take away."""

from __future__ import annotations

from markupsafe import Markup

from reports import attachments, templates
from reports import format as text
from reports.context import Context
from reports.section import DETAILS, Section, Status


def render(context: Context) -> Markup:
    """Links that hold the rounds and the documents themselves, unless they are too long."""
    is_short = attachments.fits(context.table)
    document = attachments.json(context.results) if is_short else None
    return templates.section(
        "raw_data",
        rounds=context.table.rounds,
        table=attachments.csv(context.table) if is_short else None,
        block=document if isinstance(document, attachments.Block) else None,
        link=document if isinstance(document, attachments.Attachment) else None,
        digits=attachments.DIGITS,
    )


def status(context: Context) -> Status:
    """Return what can be downloaded."""
    rounds = text.count(context.table.rounds, "round")
    if not attachments.fits(context.table):
        return Status(f"{rounds}, not in this page: mlpbench export writes them")
    return Status(f"{rounds} as CSV, the results document as JSON")


SECTION = Section("raw-data", "Raw data", 130, render, DETAILS, status, whole=True)
