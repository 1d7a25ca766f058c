"""From which batch size on the GPU pays."""

from __future__ import annotations

from markupsafe import Markup

from bench.observations.points import Scope
from bench.stats.estimates import CONFIDENCE
from reports import charts, tables, templates
from reports import format as text
from reports.context import Context
from reports.facts.crossover import Node, told
from reports.facts.devices import DeviceContest, contests, missing
from reports.figures import Figure
from reports.section import SCALING, Absence, Section
from reports.tables import Table, TableCell, TableRow

_WORDS = ("time on the GPU / on the CPU", "CPU faster", "GPU faster")


def render(context: Context) -> Markup | Absence:
    """Return an answer for each network, one chart for all, and the table behind it."""
    by_scope = {scope: contests(context, scope) for scope in context.scopes}
    held = {scope: some for scope, some in by_scope.items() if some}
    if not held:
        reasons = dict.fromkeys(missing(context, scope) for scope in by_scope)
        return Absence(" ".join(reasons) or "No cell was measured.")
    answers: list[tuple[Markup | None, str]] = []
    curves: list[tuple[charts.Style, list[Node]]] = []
    for scope, some in by_scope.items():
        if some:
            style, nodes = charts.style_of(len(curves)), [_node(contest) for contest in some]
            curves.append((style, nodes))
            swatch = charts.swatch(style, key="crossover")
            answers.append((swatch, f"{_name(scope)}: {told(nodes)}"))
        else:
            answers.append((None, f"{_name(scope)}: {missing(context, scope)}"))
    title = text.listing(map(_name, held))
    described = (
        f"Time of the fastest on the GPU over that of the fastest on the CPU against batch size, "
        f"{title}; the values are in the table."
    )
    chart = charts.crossover(text.label(title), curves, _WORDS, description=described)
    return templates.section(
        "crossover",
        answers=answers,
        chosen=any(max(contest.candidates) > 1 for some in held.values() for contest in some),
        confidence=CONFIDENCE,
        figures=[Figure(chart)],
        table=_table(context, held),
    )


def _name(scope: Scope) -> str:
    """Return the network, and the run where runs are kept apart."""
    return f"{scope.network}, run {scope.run}" if scope.run else scope.network


def _node(contest: DeviceContest) -> Node:
    ratio, verdict = contest.ratio, contest.verdict
    likely = verdict is not None and verdict.kind.startswith("likely")
    return Node(contest.batch_size, ratio.value, ratio.low, ratio.high, likely)


def _table(context: Context, held: dict[Scope, tuple[DeviceContest, ...]]) -> Table:
    """Return who stands against whom at each batch size."""
    rows = []
    for scope, some in held.items():
        for contest in some:
            cells = [TableCell(_name(scope)), tables.whole(contest.batch_size)]
            sides = zip((contest.cpu, contest.gpu), contest.candidates, strict=True)
            for point, number in sides:
                # The fastest under which condition, and of how many.
                notes = (context.label(point.condition), f"of {text.count(number, 'candidate')}")
                cells.append(TableCell(point.implementation, notes=notes))
                cells.append(tables.estimate(point.epoch))
            cells.append(tables.ratio(contest.ratio))
            rows.append(TableRow(tuple(cells), batch_size=contest.batch_size))
    titles = (
        "Network", "Batch size", "Fastest on the CPU", "Epoch", "Fastest on the GPU", "Epoch",
        "GPU / CPU",
    )  # fmt: skip
    worded = {"Network", "Fastest on the CPU", "Fastest on the GPU"}
    kinds = tuple(tables.Column(title, title not in worded) for title in titles)
    caption = "The fastest on either device, and the time on the GPU over that on the CPU"
    return Table(caption, kinds, tuple(rows))


SECTION = Section("crossover", "GPU or CPU", 32, render, SCALING, whole=True)
