"""The answer first: what is fastest, by how much, how sure, and what was not measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from markupsafe import Markup

from reports import answer, remarks, tables, templates
from reports import format as text
from reports.context import Context, Winner
from reports.facts.trainings import held_in
from reports.section import RESULT, Section
from reports.tables import Table, TableCell


def render(context: Context) -> Markup:
    """Return the answer in three lines, and on demand what stands behind it."""
    ranking = context.for_ranking
    winners = answer.in_order(ranking)
    headline = answer.headline(context)
    leads = {winner.best.key: winner.verdict for winner in winners if winner.verdict}
    counts = Counter(gap.kind for gap in context.gaps)
    cells = (*context.points.values(), *context.controls.values())
    return templates.section(
        "summary",
        headline=headline,
        start=answer.start(context),
        doubt=answer.doubt(context),
        facts=[fact for fact in remarks.facts(context) if fact != headline],
        notes=remarks.cautions(context),
        table=_best(ranking, winners) if winners else None,
        reasons=tables.reasons(ranking, "Verdicts on the lead of the fastest over the next", leads)
        if leads
        else None,
        exports=_exports(ranking, winners),
        outcomes=tables.of_items(
            "Outcomes, one per cell and process",
            [("measured", sum(len(point.measured) for point in cells)), *counts.items()],
            {
                "Outcome": lambda outcome: TableCell(outcome[0]),
                "Count": lambda outcome: tables.whole(outcome[1]),
            },
        ),
        missing=list(dict.fromkeys(gap.cell.implementation for gap in context.gaps)),
        gaps=remarks.gap_sentences(context),
        details=remarks.failure_details(context),
    )


def _best(ranking: Context, winners: Sequence[Winner]) -> Table:
    """Return the one with the lowest time at each batch size, and whether it is the fastest."""
    learns = {ranking.target(winner.scope) is not None for winner in winners}
    what = {False: "Epoch", True: "Time to accuracy"}
    columns: dict[str, Callable[[Winner], TableCell]] = {
        "Batch size": lambda winner: TableCell(
            f"{winner.batch_size} ({ranking.scope_label(winner.scope)})"
            if len(ranking.scopes) > 1
            else str(winner.batch_size),
            winner.batch_size,
            strong=True,
        ),
        "Lowest time": lambda winner: TableCell(
            winner.best.implementation,
            notes=(winner.doubt,) if winner.doubt else (),
            strong=True,
            title=winner.verdict.reason if winner.verdict else "",
        ),
        "Condition": lambda winner: TableCell(ranking.label(winner.best.condition)),
        " or ".join(what[kind] for kind in sorted(learns)): lambda winner: TableCell(
            text.seconds(winner.seconds),
            winner.seconds,
            () if ranking.target(winner.scope) is None else (f"held in {held_in(winner.best)}",),
        ),
    }
    if ranking.baseline:
        columns[f"Over {ranking.baseline}"] = lambda winner: tables.ratio(
            winner.speed_up,
            missing="is the baseline"
            if winner.best.implementation == ranking.baseline
            else "baseline not measured",
            verdict=winner.over_baseline,
        )
    if ranking.floors and False in learns:
        columns["Times the floor's time"] = lambda winner: tables.ratio(
            winner.over_floor, missing="floor not measured"
        )
    rows = tuple(
        tables.row(
            ranking, [cell(winner) for cell in columns.values()], batch_size=winner.batch_size
        )
        for winner in winners
    )
    measure = "ranked"
    if all(winner.is_too_few for winner in winners):
        if all(winner.unranked for winner in winners):
            measure = "over enough blocks"
        elif not any(winner.unranked for winner in winners):
            measure = "measured"
    caption = f"The lowest time {measure} at each batch size, over all thread settings measured"
    return Table(caption, tables.columns(*columns, text_columns=3), rows)


def _exports(
    ranking: Context, winners: Sequence[Winner]
) -> dict[str, dict[tuple[str, str], list[int]]]:
    """Shell lines that give the best of each batch size its environment.

    Each with the implementations and scopes that it is for, and their batch sizes.
    """
    exports: dict[str, dict[tuple[str, str], list[int]]] = {}
    for winner in winners:
        line = remarks.export_line(winner.best)
        if line:
            key = (winner.best.implementation, ranking.scope_label(winner.scope))
            exports.setdefault(line, {}).setdefault(key, []).append(winner.batch_size)
    return exports


SECTION = Section("summary", "Answer", 10, render, RESULT, bare=True, whole=True)
