"""The answer first: what is fastest, by how much, how sure, and what was not measured."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import groupby

from markupsafe import Markup

from reports import format as text
from reports import summary, tables, templates, trainings
from reports.context import Context
from reports.findings import Finding, findings
from reports.section import Section
from reports.tables import Cell, Row, Table


def render(context: Context) -> Markup:
    """The headline, the best of each batch size, and the outcomes that are no numbers."""
    ranking = trainings.ranked(context)
    found = findings(ranking)
    first = found[0] if found else None
    return templates.section(
        "summary",
        headline=summary.headline(ranking, first) if first else summary.nothing(context),
        lead=summary.lead(ranking, first) if first else None,
        reasons=_reasons(ranking, found),
        finding=first,
        seconds_of=_seconds_of(ranking, first) if first else None,
        baseline=context.baseline,
        table=_best(ranking, found) if found else None,
        exports=_exports(found),
        outcomes=_outcomes(context),
        gaps=summary.gap_sentences(context),
        details=summary.failure_details(context),
        remarks=summary.remarks(context),
    )


def _seconds_of(context: Context, finding: Finding) -> str:
    """What the seconds of a finding are the time of."""
    target = context.target(finding.scope)
    if target is None:
        return f"per epoch of {finding.best.examples} examples"
    return (
        f"of training until it holds a test accuracy of {text.accuracy(target)}, "
        f"in {trainings.held_in(finding.best)} trainings"
    )


def _best(context: Context, found: tuple[Finding, ...]) -> Table:
    """The fastest implementation of each batch size."""
    several = len(context.scopes) > 1
    learns = {context.target(one.scope) is not None for one in found}
    titles = ["Batch size", "Fastest", "Condition"]
    kinds = ((False, "Epoch"), (True, "Time to accuracy"))
    titles.append(" or ".join(title for kind, title in kinds if kind in learns))
    if context.baseline:
        titles.append(f"Over {context.baseline}")
    with_floor = bool(context.floors) and False in learns
    if with_floor:
        titles.append("Of the floor's time")
    rows = []
    in_order = sorted(found, key=lambda one: (context.scopes.index(one.scope), one.batch_size))
    for one in in_order:
        heading = f"{one.batch_size}"
        if several:
            heading += f" ({context.scope_label(one.scope)})"
        cells = [
            Cell(heading, one.batch_size, strong=True),
            Cell(
                one.best.implementation,
                notes=(_doubt(one),) if _doubt(one) else (),
                strong=True,
                title=one.verdict.reason if one.verdict else "",
            ),
            Cell(context.label(one.best.condition)),
            _time(context, one),
        ]
        if context.baseline:
            is_baseline = one.best.implementation == context.baseline
            missing = "is the baseline" if is_baseline else "baseline not measured"
            over = tables.ratio(one.speed_up, missing=missing, verdict=one.over_baseline)
            cells.append(over)
        if with_floor:
            cells.append(tables.ratio(one.over_floor, missing="floor not measured"))
        rows.append(tables.row(context, cells, batch_size=one.batch_size))
    caption = "The fastest implementation at each batch size, over all thread settings measured"
    return Table(caption, tables.columns(*titles, text_columns=3), tuple(rows))


def _time(context: Context, finding: Finding) -> Cell:
    """Seconds of the best, and how many trainings they are of where there is a target."""
    cell = tables.duration(finding.seconds)
    if context.target(finding.scope) is None:
        return cell
    return replace(cell, notes=(f"held in {trainings.held_in(finding.best)}",))


def _reasons(context: Context, found: tuple[Finding, ...]) -> Table | None:
    """Why each lead of a fastest implementation is judged as it is."""
    verdicts = {
        (one.best.implementation, one.best.condition, one.batch_size): one.verdict
        for one in found
        if one.verdict
    }
    caption = "Verdicts on the lead of the fastest over the next"
    return tables.reasons(context, caption, verdicts) if verdicts else None


def _doubt(finding: Finding) -> str:
    """What speaks against calling it the fastest; empty where nothing does."""
    if finding.verdict and finding.verdict.code == "too-few":
        return "too few blocks to rank"
    names = text.listing(list(finding.undecided))
    return f"not told apart from {names}" if names else ""


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
    cells = (*context.points.values(), *context.controls.values())
    measured = sum(len(point.measured) for point in cells)
    rows = [Row((Cell("measured"), Cell(str(measured), measured)))]
    rows += [Row((Cell(kind), Cell(str(number), number))) for kind, number in counts.items()]
    caption = "Outcomes, one per cell and process"
    return Table(caption, tables.columns("Outcome", "Count"), tuple(rows))


SECTION = Section("summary", "Summary", 10, render)
