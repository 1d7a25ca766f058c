"""Which trainings to a target there are, and which of them are not ranked.

Only cells of which every training held the target are: all others are counted and named.
"""

from __future__ import annotations

from collections.abc import Iterator

from bench.observations.points import Point, Scope, holds, reached, trainings
from reports import format as text
from reports.context import Context


def held_in(point: Point) -> str:
    """How many trainings held the target: ``2 of 3``."""
    found = trainings(point)
    return f"{len(reached(found))} of {len(found)}"


def not_held(context: Context) -> tuple[str, ...]:
    """A sentence for each batch size on cells that are not ranked, for trainings without a time."""
    said = []
    for scope, batch_size, some in of_targets(context):
        missed = [point for point in some if not holds(point)]
        if not missed:
            continue
        names = text.listing(
            [
                f"{point.implementation} with {context.label(point.condition)} ({held_in(point)})"
                for point in missed
            ]
        )
        accuracy = text.target(context.target(scope) or 0.0)
        if len(missed) < len(some):
            start = f"Not ranked at batch {batch_size}, because not every training held {accuracy}"
        else:
            start = (
                f"At batch {batch_size} nothing held a test accuracy of {accuracy} in every "
                "training, so nothing is ranked"
            )
        said.append(f"{start}: {names}.")
    return tuple(said)


def of_targets(context: Context) -> Iterator[tuple[Scope, int, list[Point]]]:
    """Every point that was trained to a target, by scope and batch size."""
    for scope in context.scopes:
        if context.target(scope) is None:
            continue
        for batch_size in context.batch_sizes(scope):
            some = [
                point
                for name in context.implementations
                for condition in context.conditions_of(scope)
                if (point := context.point(name, condition, batch_size)) and trainings(point)
            ]
            if some:
                yield scope, batch_size, some
