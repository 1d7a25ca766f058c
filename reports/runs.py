"""Documents that are kept apart, each by itself: what is said of one run names it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from bench.observations.points import Condition, Point, PointKey
from reports import format as text
from reports.context import Context


def apart(context: Context) -> bool:
    """Return whether the documents are shown as separate runs."""
    return any(scope.run for scope in context.scopes)


def each(context: Context) -> Iterator[tuple[str, Context]]:
    """Yield the points of every run by themselves, and the words that set its sentences apart.

    One grid is one run without words, of however many documents.  Gaps stay those of all runs.
    """
    if not apart(context):
        yield "", context
        return
    conditions: dict[int, list[Condition]] = {}
    for condition in context.conditions:
        conditions.setdefault(condition.scope.run, []).append(condition)
    points, controls = _by_run(context.points), _by_run(context.controls)
    for run, of_run in sorted(conditions.items()):
        yield (
            named([run]),
            replace(
                context,
                conditions=tuple(of_run),
                points=points.get(run, {}),
                controls=controls.get(run, {}),
                unfolded=context.whole,
            ),
        )


def named(runs: list[int]) -> str:
    """Return what stands before a sentence that holds for ``runs`` alone: ``Run 2: ``."""
    word = "Run" if len(runs) == 1 else "Runs"
    return f"{word} {text.listing(runs)}: "


def notes(context: Context) -> tuple[str, ...]:
    """Return the notes on the data, each once, with the runs that used such data."""
    runs_of: dict[str, list[int]] = {}
    for run, document in enumerate(context.results, start=1):
        if document.dataset.note:
            runs_of.setdefault(document.dataset.note, []).append(run)
    names = apart(context)
    return tuple(f"{named(runs) if names else ''}{note}" for note, runs in runs_of.items())


def _by_run(points: Mapping[PointKey, Point]) -> dict[int, dict[PointKey, Point]]:
    by_run: dict[int, dict[PointKey, Point]] = {}
    for key, point in points.items():
        by_run.setdefault(key.condition.scope.run, {})[key] = point
    return by_run
