"""What a page lays out of a large grid: one rule for all sections.

A page with many thousand cells is too heavy to open.  Its sections lay out some of the cells; every
ratio, verdict, count and winner is still computed from all of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from bench.observations.points import Condition, Point, PointKey, Scope
from reports import format as text
from reports import runs
from reports.context import Context, Winner

MOST_CELLS = 600
"""A page with no more measured cells than this lays out all of them."""
FOLDED_CELLS = 400
"""About how many a larger page lays out."""
MOST_SCOPES = 10
"""A page with more scopes, which are mostly runs, lays out a sample of this many."""
_FEWEST = ((5, 3, 2), (1, 1, 1))
"""How many batch sizes, thread counts and settings of a scope are kept at least: where even these
make too many cells, the second row holds."""

_Value = TypeVar("_Value")


def folded(context: Context) -> Context:
    """Return ``context`` with the cells that sections lay out: all of a small grid, some of others.

    Of each scope these are the smallest and the largest batch size and a sample of those between,
    thread counts and settings likewise, and as many of the fastest implementations as fit.  The
    baseline, the floors, the slowest implementation, and the winner at every batch size shown are
    always among them.  Of many scopes, the first, the last and a sample of the others are laid out.
    """
    if len(context.points) <= MOST_CELLS and len(context.scopes) <= MOST_SCOPES:
        return context
    winners: dict[Scope, list[Winner]] = {}
    for winner in (*context.winners, *context.for_ranking.winners):
        winners.setdefault(winner.scope, []).append(winner)
    scopes = sample(context.scopes, min(MOST_SCOPES, len(context.scopes)), [*winners][:1])
    of_scope: dict[Scope, list[Point]] = {scope: [] for scope in scopes}
    for key, point in context.points.items():
        if key.condition.scope in scopes:
            of_scope[key.condition.scope].append(point)
    cells = {
        scope: _Cells(context, points, winners.get(scope, []), FOLDED_CELLS // len(scopes))
        for scope, points in of_scope.items()
        if points
    }

    def is_shown(key: PointKey) -> bool:
        scope = key.condition.scope
        return scope in scopes and (scope not in cells or cells[scope].holds(key))

    return replace(
        context,
        conditions=tuple(
            condition
            for condition in context.conditions
            if condition.scope in scopes
            and (condition.scope not in cells or condition in cells[condition.scope].conditions)
        ),
        points={key: point for key, point in context.points.items() if is_shown(key)},
        gaps=tuple(gap for gap in context.gaps if is_shown(gap.key)),
        controls={key: point for key, point in context.controls.items() if is_shown(key)},
        unfolded=context,
    )


def left_out(context: Context) -> str:
    """Return how many cells sections do not lay out, and where they are; empty where it is none."""
    number, total = len(context.points), len(context.whole.points)
    if number == total:
        return ""
    kind = "runs" if runs.apart(context.whole) else "networks"
    some, every = len(context.scopes), len(context.whole.scopes)
    where = f", in {some} of {every} {kind}" if some < every else ""
    return (
        f"{total - number} of {text.count(total, 'measured cell')} are left out of this section. "
        "It shows the fastest, the slowest, the baseline, the floor, and a sample of batch sizes "
        f"and threads{where}. Verdicts and totals use all cells; Raw data has them."
    )


class _Cells:
    """About ``most`` cells of one scope, as the values that are kept on each axis."""

    def __init__(
        self, context: Context, points: Sequence[Point], winners: Sequence[Winner], most: int
    ) -> None:
        measured = {point.condition for point in points}
        conditions = [where for where in context.conditions if where in measured]
        sizes = sorted({point.batch_size for point in points})
        threads = list(dict.fromkeys(where.threads for where in conditions))
        settings = list(dict.fromkeys(where.setting for where in conditions))
        names = _by_time(points)
        trainers = [name for name in names if not context.is_floor(name)] or names
        always = {context.baseline, *context.floors.values(), trainers[0], trainers[-1]}

        axes = [len(sizes), len(threads), len(settings)]
        for fewest in _FEWEST:
            axes = shrunk(axes, fewest, most / len(names))
        self.batch_sizes = sample(sizes, axes[0], [winner.batch_size for winner in winners[:1]])
        best = [winner.best for winner in winners if winner.batch_size in self.batch_sizes]
        of_best = [point.condition for point in best]
        kept_threads = sample(threads, axes[1], [where.threads for where in of_best])
        kept_settings = sample(settings, axes[2], [where.setting for where in of_best])
        self.conditions: set[Condition] = {
            where
            for where in conditions
            if where.threads in kept_threads and where.setting in kept_settings
        }
        always |= {point.implementation for point in best}
        room = most // (len(self.batch_sizes) * len(self.conditions))
        others = [name for name in trainers if name not in always]
        self.names = always | set(others[: max(0, room - len(always))])

    def holds(self, key: PointKey) -> bool:
        name, condition, batch_size = key
        return (
            name in self.names and condition in self.conditions and batch_size in self.batch_sizes
        )


def _by_time(points: Iterable[Point]) -> list[str]:
    """Return the implementations of ``points`` by their shortest epoch."""
    shortest: dict[str, float] = {}
    for point in points:
        seconds = point.epoch.value if point.epoch else math.inf
        shortest[point.implementation] = min(seconds, shortest.get(point.implementation, math.inf))
    return sorted(shortest, key=shortest.__getitem__)


def shrunk(axes: Sequence[int], fewest: Sequence[int], most: float) -> list[int]:
    """Return ``axes``, the longest shortened until their product is ``most``, or all ``fewest``."""
    lengths = list(axes)
    while math.prod(lengths) > most:
        longest = max(range(len(lengths)), key=lambda axis: lengths[axis] / fewest[axis])
        if lengths[longest] <= fewest[longest]:
            break
        lengths[longest] -= 1
    return lengths


def sample(values: Sequence[_Value], number: int, always: Iterable[_Value]) -> set[_Value]:
    """Return the first, the last and evenly spread ``values``, ``number`` in all, and ``always``.

    Of one value alone, it is the first unless another is there ``always``.
    """
    kept = set(always)
    if number == 1:
        return kept or set(values[:1])
    last = len(values) - 1
    return kept | {values[round(place * last / (number - 1))] for place in range(number)}
