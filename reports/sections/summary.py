"""The answer first: what is fastest, by how much, how sure, and what was not measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from markupsafe import Markup

from reports import answer, remarks, tables, templates
from reports import format as text
from reports.context import Context, Winner
from reports.section import RESULT, Section
from reports.tables import Table, TableCell, TableRow
from reports.trainings import held_in


def render(context: Context) -> Markup:
    """Return the answer in three lines, and on demand what stands behind it."""
    ranking = context.ranked
    winners = answer.in_order(ranking)
    headline = answer.headline(context)
    return templates.section(
        "summary",
        headline=headline,
        start=answer.start(context),
        doubt=answer.doubt(context),
        facts=[fact for fact in remarks.facts(context) if fact != headline],
        notes=remarks.cautions(context),
        table=_best(ranking, winners) if winners else None,
        reasons=_reasons(ranking, winners),
        exports=_exports(ranking, winners),
        outcomes=_outcomes(context),
        missing=list(dict.fromkeys(gap.cell.implementation for gap in context.gaps)),
        gaps=remarks.gap_sentences(context),
        details=remarks.failure_details(context),
    )


def _measure(finding: Winner) -> str:
    """Among what the best has the lowest time; where nothing can be ranked, it is not ranked."""
    is_lowest = finding.is_too_few and not finding.unranked
    return "measured" if is_lowest else "over enough blocks" if finding.is_too_few else "ranked"


def _best(context: Context, winners: Sequence[Winner]) -> Table:
    """Return the one with the lowest time at each batch size, and whether it is the fastest."""
    several = len(context.scopes) > 1
    learns = {context.target(one.scope) is not None for one in winners}
    titles = ["Batch size", "Lowest time", "Condition"]
    kinds = ((False, "Epoch"), (True, "Time to accuracy"))
    titles.append(" or ".join(title for kind, title in kinds if kind in learns))
    if context.baseline:
        titles.append(f"Over {context.baseline}")
    with_floor = bool(context.floors) and False in learns
    if with_floor:
        titles.append("Times the floor's time")
    rows = []
    for one in winners:
        heading = f"{one.batch_size}"
        if several:
            heading += f" ({context.scope_label(one.scope)})"
        cells = [
            TableCell(heading, one.batch_size, strong=True),
            TableCell(
                one.best.implementation,
                notes=(one.doubt,) if one.doubt else (),
                strong=True,
                title=one.verdict.reason if one.verdict else "",
            ),
            TableCell(context.label(one.best.condition)),
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
    words = {_measure(one) for one in winners}
    word = words.pop() if len(words) == 1 else "ranked"
    caption = f"The lowest time {word} at each batch size, over all thread settings measured"
    return Table(caption, tables.columns(*titles, text_columns=3), tuple(rows))


def _time(context: Context, finding: Winner) -> TableCell:
    """Return seconds of the best, and how many trainings they are of where there is a target."""
    cell = tables.duration(finding.seconds)
    if context.target(finding.scope) is None:
        return cell
    return replace(cell, notes=(f"held in {held_in(finding.best)}",))


def _reasons(context: Context, winners: Sequence[Winner]) -> Table | None:
    """Return why each lead of a fastest implementation is judged as it is."""
    verdicts = {
        (one.best.implementation, one.best.condition, one.batch_size): one.verdict
        for one in winners
        if one.verdict
    }
    caption = "Verdicts on the lead of the fastest over the next"
    return tables.reasons(context, caption, verdicts) if verdicts else None


def _exports(context: Context, winners: Sequence[Winner]) -> list[tuple[str, str]]:
    """Shell lines that give the best of each batch size its environment; equal ones once."""
    of_line: dict[str, dict[tuple[str, str], list[str]]] = {}
    for one in winners:
        line = remarks.export_line(one.best)
        if line:
            whose = (one.best.implementation, context.scope_label(one.scope))
            of_line.setdefault(line, {}).setdefault(whose, []).append(str(one.batch_size))
    return [
        ("; ".join(_whose(*whose, sizes) for whose, sizes in places.items()), line)
        for line, places in of_line.items()
    ]


def _whose(name: str, scope: str, sizes: list[str]) -> str:
    """Return an implementation with its batch sizes, and the scope where there are several."""
    word = "batch size" if len(sizes) == 1 else "batch sizes"
    return f"{name} at {word} {text.listing(sizes)}" + (f" ({scope})" if scope else "")


def _outcomes(context: Context) -> Table:
    """Return how many cells ended how, counted per process."""
    counts = Counter(gap.kind for gap in context.gaps)
    cells = (*context.points.values(), *context.controls.values())
    measured = sum(len(point.measured) for point in cells)
    rows = [TableRow((TableCell("measured"), TableCell(str(measured), measured)))]
    rows += [
        TableRow((TableCell(kind), TableCell(str(number), number)))
        for kind, number in counts.items()
    ]
    caption = "Outcomes, one per cell and process"
    return Table(caption, tables.columns("Outcome", "Count"), tuple(rows))


SECTION = Section("summary", "Answer", 10, render, RESULT, bare=True, whole=True)
