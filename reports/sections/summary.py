"""The answer first: what is fastest, by how much, how sure, and what was not measured."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import NamedTuple

from markupsafe import Markup

from reports import format as text
from reports import summary, tables, templates
from reports.context import Context
from reports.findings import Finding, findings
from reports.section import Section
from reports.tables import Cell, Row, Table
from reports.trainings import held_in


class _Tile(NamedTuple):
    """A word or a number that stands out, its unrounded value, and what it is."""

    shown: str
    value: float | None
    words: str


def render(context: Context) -> Markup:
    """The headline, the best of each batch size, and the outcomes that are no numbers."""
    ranking = context.ranked
    found = findings(ranking)
    first = found[0] if found else None
    headline = summary.headline(ranking, first) if first else summary.nothing(context)
    return templates.section(
        "summary",
        provisional=summary.provisional(context),
        headline=headline,
        lead=summary.lead(ranking, first) if first else None,
        reasons=_reasons(ranking, found),
        tiles=_tiles(ranking, first) if first else (),
        why=first.verdict.reason if first and first.verdict else "",
        table=_best(ranking, found) if found else None,
        exports=_exports(ranking, _in_order(ranking, found)),
        outcomes=_outcomes(context),
        gaps=summary.gap_sentences(context),
        details=summary.failure_details(context),
        remarks=[said for said in summary.remarks(context) if said != headline],
    )


def _tiles(context: Context, finding: Finding) -> tuple[_Tile, ...]:
    """The headline in numbers, each with what the verdicts make of it."""
    epochs = context.target(finding.scope) is None
    tiles = [
        _Tile(finding.best.implementation, None, _standing(finding)),
        _Tile(text.seconds(finding.seconds), finding.seconds, _seconds_of(context, finding)),
    ]
    if finding.speed_up:
        value, doubt = finding.speed_up.value, tables.open_verdict(finding.over_baseline)
        said = f"as fast as {context.baseline}" + (f": {doubt}" if doubt else "")
        tiles.append(_Tile(text.times(value), value, said))
    if finding.over_floor and epochs:
        value = finding.over_floor.value
        said = "the floor's time: a step's matrix products by NumPy's BLAS"
        tiles.append(_Tile(text.times(value), value, said))
    return tuple(tiles)


def _standing(finding: Finding) -> str:
    """What the best is at its batch size, as far as that is known."""
    where = f"at batch {finding.batch_size}"
    if finding.verdict is None:
        return f"the only one ranked {where}"
    if finding.is_too_few:
        return f"lowest time {_measure(finding)} {where}; {finding.doubt}"
    if finding.doubt:
        return f"lowest time ranked {where}: {finding.doubt}"
    return f"fastest {where}"


def _measure(finding: Finding) -> str:
    """Among what the best has the lowest time; where nothing can be ranked, it is not ranked."""
    is_lowest = finding.is_too_few and not finding.unranked
    return "measured" if is_lowest else "over enough blocks" if finding.is_too_few else "ranked"


def _in_order(context: Context, found: tuple[Finding, ...]) -> list[Finding]:
    """As everywhere on the page: by scope, then by batch size."""
    return sorted(found, key=lambda one: (context.scopes.index(one.scope), one.batch_size))


def _seconds_of(context: Context, finding: Finding) -> str:
    """What the seconds of a finding are the time of."""
    target = context.target(finding.scope)
    if target is None:
        return f"per epoch of {finding.best.examples} examples"
    return (
        f"of training until it holds a test accuracy of {text.target(target)}, "
        f"in {held_in(finding.best)} trainings"
    )


def _best(context: Context, found: tuple[Finding, ...]) -> Table:
    """The one with the lowest time at each batch size, and whether it is the fastest."""
    several = len(context.scopes) > 1
    learns = {context.target(one.scope) is not None for one in found}
    titles = ["Batch size", "Lowest time", "Condition"]
    kinds = ((False, "Epoch"), (True, "Time to accuracy"))
    titles.append(" or ".join(title for kind, title in kinds if kind in learns))
    if context.baseline:
        titles.append(f"Over {context.baseline}")
    with_floor = bool(context.floors) and False in learns
    if with_floor:
        titles.append("Times the floor's time")
    rows = []
    for one in _in_order(context, found):
        heading = f"{one.batch_size}"
        if several:
            heading += f" ({context.scope_label(one.scope)})"
        cells = [
            Cell(heading, one.batch_size, strong=True),
            Cell(
                one.best.implementation,
                notes=(one.doubt,) if one.doubt else (),
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
    words = {_measure(one) for one in found}
    word = words.pop() if len(words) == 1 else "ranked"
    caption = f"The lowest time {word} at each batch size, over all thread settings measured"
    return Table(caption, tables.columns(*titles, text_columns=3), tuple(rows))


def _time(context: Context, finding: Finding) -> Cell:
    """Seconds of the best, and how many trainings they are of where there is a target."""
    cell = tables.duration(finding.seconds)
    if context.target(finding.scope) is None:
        return cell
    return replace(cell, notes=(f"held in {held_in(finding.best)}",))


def _reasons(context: Context, found: tuple[Finding, ...]) -> Table | None:
    """Why each lead of a fastest implementation is judged as it is."""
    verdicts = {
        (one.best.implementation, one.best.condition, one.batch_size): one.verdict
        for one in found
        if one.verdict
    }
    caption = "Verdicts on the lead of the fastest over the next"
    return tables.reasons(context, caption, verdicts) if verdicts else None


def _exports(context: Context, found: list[Finding]) -> list[tuple[str, str]]:
    """Shell lines that give the best of each batch size its environment; equal ones once."""
    of_line: dict[str, dict[tuple[str, str], list[str]]] = {}
    for one in found:
        line = summary.export_line(one.best)
        if line:
            whose = (one.best.implementation, context.scope_label(one.scope))
            of_line.setdefault(line, {}).setdefault(whose, []).append(str(one.batch_size))
    return [
        ("; ".join(_whose(*whose, sizes) for whose, sizes in places.items()), line)
        for line, places in of_line.items()
    ]


def _whose(name: str, scope: str, sizes: list[str]) -> str:
    """An implementation with its batch sizes, and the scope where there are several."""
    word = "batch size" if len(sizes) == 1 else "batch sizes"
    return f"{name} at {word} {text.listing(sizes)}" + (f" ({scope})" if scope else "")


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
