"""The answer first: what is fastest, by how much, how sure, and what was not measured."""

from __future__ import annotations

from collections import Counter
from itertools import groupby

from markupsafe import Markup

from reports import format as text
from reports import summary, tables, templates
from reports.context import Context
from reports.section import Section
from reports.summary import Finding
from reports.tables import Cell, Row, Table


def render(context: Context) -> Markup:
    """The headline, the best of each batch size, and the outcomes that are no numbers."""
    found = summary.findings(context)
    first = found[0] if found else None
    return templates.section(
        "summary",
        headline=summary.headline(context, first) if first else None,
        lead=summary.lead(context, first) if first else None,
        finding=first,
        baseline=context.baseline,
        table=_best(context, found) if found else None,
        exports=_exports(found),
        outcomes=_outcomes(context),
        gaps=summary.gap_sentences(context),
        details=summary.failure_details(context),
        remarks=summary.remarks(context),
    )


def _best(context: Context, found: tuple[Finding, ...]) -> Table:
    """The fastest implementation of each batch size."""
    several = len(context.scopes) > 1
    titles = ["Batch size", "Fastest", "Condition"]
    titles += ["Epoch"]
    if context.baseline:
        titles.append(f"Over {context.baseline}")
    if context.floors:
        titles.append("Of the floor's time")
    rows = []
    in_order = sorted(found, key=lambda one: (context.scopes.index(one.scope), one.batch_size))
    for one in in_order:
        heading = f"{one.batch_size}"
        if several:
            heading += f" ({context.scope_label(one.scope)})"
        undecided = text.listing(list(one.undecided))
        cells = [
            Cell(heading, one.batch_size, strong=True),
            Cell(
                one.best.implementation,
                notes=(f"not told apart from {undecided}",) if undecided else (),
                strong=True,
            ),
            Cell(context.label(one.best.condition)),
            tables.duration(one.seconds),
        ]
        if context.baseline:
            is_baseline = one.best.implementation == context.baseline
            missing = "is the baseline" if is_baseline else "baseline not measured"
            cells.append(tables.ratio(one.speed_up, missing=missing))
        if context.floors:
            cells.append(tables.ratio(one.over_floor, missing="floor not measured"))
        rows.append(tables.row(context, cells, batch_size=one.batch_size))
    caption = "The fastest implementation at each batch size, over all thread settings measured"
    return Table(caption, tables.columns(*titles, text_columns=3), tuple(rows))


def _exports(found: tuple[Finding, ...]) -> list[tuple[str, str]]:
    """Shell lines that give the best of each batch size its environment; equal ones once."""
    lines = [
        (summary.export_line(one.best), one.best.implementation, one)
        for one in found
        if summary.export_line(one.best)
    ]
    lines.sort(key=lambda entry: (entry[1], entry[0]))
    grouped = []
    for (line, name), entries in groupby(lines, key=lambda entry: (entry[0], entry[1])):
        sizes = sorted({one.batch_size for _, _, one in entries})
        word = "batch size" if len(sizes) == 1 else "batch sizes"
        grouped.append((f"{name} at {word} {text.listing([str(size) for size in sizes])}", line))
    return grouped


def _outcomes(context: Context) -> Table:
    """How many cells ended how, counted per process."""
    counts = Counter(gap.kind for gap in context.gaps)
    measured = sum(len(point.measured) for point in context.points.values())
    rows = [Row((Cell("measured"), Cell(str(measured), measured)))]
    rows += [Row((Cell(kind), Cell(str(number), number))) for kind, number in counts.items()]
    caption = "Outcomes, one per cell and process"
    return Table(caption, tables.columns("Outcome", "Count"), tuple(rows))


SECTION = Section("summary", "Summary", 10, render)
