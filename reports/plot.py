"""The top picture of the report as a matplotlib figure, for notebooks and documents."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

from bench.observations.points import Point, Scope
from bench.stats.estimates import Estimate
from reports import format as text
from reports import rounding
from reports.context import Context

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW_INCHES = 0.27
_PANEL_INCHES = 0.75
_INK, _MUTED, _FLOOR = "#1f2933", "#7b8794", "#b45309"


def draw(context: Context) -> Figure:
    """Return one panel per batch size: every implementation, fastest first, on a log axis.

    Filled markers are the largest thread count, hollow ones all others.  Whiskers are 95 %
    intervals, the dashed line is the floor.  The label gives the lowest time of the row and its
    speed-up over the baseline.

    Raises:
        ValueError: nothing was measured.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - heavy

    class Picture(Figure):
        """A figure that a notebook shows without pyplot."""

        def _repr_png_(self) -> bytes:
            written = io.BytesIO()
            self.savefig(written, format="png", dpi=110)
            return written.getvalue()

    ranking = context.for_ranking
    panels = [
        (scope, size, rows)
        for scope in ranking.scopes
        for size in ranking.batch_sizes(scope)
        if (rows := _rows(ranking, scope, size))
    ]
    if not panels:
        raise ValueError("nothing was measured, so there is nothing to draw")
    heights = [_PANEL_INCHES + _ROW_INCHES * len(rows) for _, _, rows in panels]
    figure = Picture(figsize=(8.0, sum(heights)), layout="constrained")
    axes = figure.subplots(len(panels), 1, squeeze=False, gridspec_kw={"height_ratios": heights})
    for axis, (scope, size, rows) in zip(axes[:, 0], panels, strict=True):
        _panel(axis, ranking, scope, size, rows)
    over = f", and how many times faster than {ranking.baseline}" if ranking.speed_ups else ""
    figure.suptitle(f"Time per epoch{over}", x=0.01, ha="left", fontsize=10, color=_INK)
    return figure


_Row = list[tuple[Point, Estimate]]
"""The points of one implementation with their times, the fastest first."""


def _timed(context: Context, name: str, scope: Scope, size: int) -> _Row:
    points = [context.point(name, where, size) for where in context.conditions_of(scope)]
    timed = [(point, point.epoch) for point in points if point and point.epoch]
    return sorted(timed, key=lambda entry: entry[1].value)


def _rows(context: Context, scope: Scope, size: int) -> list[_Row]:
    """Return the rows of all trainers, by their lowest times."""
    rows = [_timed(context, name, scope, size) for name in context.trainers]
    return sorted(filter(None, rows), key=lambda row: row[0][1].value)


def _panel(axis: Axes, context: Context, scope: Scope, size: int, rows: list[_Row]) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter  # noqa: PLC0415 - heavy

    most = max(point.cell.threads or math.inf for row in rows for point, _ in row)
    for place, row in enumerate(rows):
        for point, epoch in reversed(row):
            sparse = point.row is not None and point.row.sparse
            colour = "#0f766e" if sparse else "#2563eb"
            if epoch.low is not None and epoch.high is not None:
                axis.plot([epoch.low, epoch.high], [place, place], color=colour, linewidth=1.5)
            axis.plot(
                epoch.value,
                place,
                marker="D" if sparse else "o",
                markersize=6,
                markerfacecolor=colour if (point.cell.threads or math.inf) == most else "white",
                markeredgecolor=colour,
                linestyle="",
            )
        best, epoch = row[0]
        label = rounding.seconds(epoch)
        ratio = context.speed_ups.get(best.key)
        if ratio is not None and best.implementation != context.baseline:
            label += f", {rounding.with_interval(ratio)}"
        axis.annotate(
            label,
            (1.01, place),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=9,
            color=_INK,
        )
    floors = [_timed(context, name, scope, size) for name in context.floors.values()]
    if any(floors):
        lowest = min(row[0][1].value for row in floors if row)
        axis.axvline(lowest, color=_FLOOR, linestyle="--", linewidth=1)
    axis.set_xscale("log")
    axis.set_yticks(range(len(rows)), [row[0][0].implementation for row in rows], fontsize=9)
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.xaxis.set_major_formatter(lambda value, _: text.seconds(value, 1))
    axis.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.tick_params(axis="x", labelsize=8, colors=_MUTED)
    axis.grid(axis="x", color="#e4e7eb", linewidth=0.6)
    axis.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
    title = ", ".join(filter(None, (f"Batch {size}", context.scope_title(scope))))
    axis.set_title(title, loc="left", fontsize=10, color=_INK)
