"""How learning went with every value of the parameter."""

from __future__ import annotations

import math
from collections.abc import Callable

from markupsafe import Markup

from impls.training.history import Epoch
from reports import charts, templates
from reports import format as text
from reports.charts import Series
from reports.evaluation.context import Studied, accuracy_limits, tick
from reports.figures import Figure, legend_of
from reports.section import Absence, Section


def render(studied: Studied) -> Markup | Absence:
    """Return a chart for each quantity, a line for each value."""
    named = [
        (f"{studied.parameter} {value}", charts.style_of(place))
        for place, value in enumerate(studied.values)
    ]
    return templates.fill(
        "evaluation/study/curves.html",
        key=legend_of(named, section="values"),
        figures=[*_accuracies(studied), *_by_epoch(studied)],
    )


def _accuracies(studied: Studied) -> list[Figure]:
    """Return test and training accuracy of the evaluated epochs, on the same scale."""
    # After an epoch whose loss is not finite the accuracy means nothing.
    looks = [
        [
            (epoch.number, epoch.standing.test_accuracy, epoch.standing.train_accuracy)
            for epoch in trained.model.history.epochs
            if epoch.standing and math.isfinite(epoch.standing.loss)
        ]
        for trained in studied.trained
    ]
    values = [value for points in looks for point in points for value in point[1:]]
    if not values:
        return []
    shown = []
    for part, title in enumerate(("test accuracy", "training accuracy"), start=1):
        lines = [
            Series(
                charts.style_of(place),
                [point[0] for point in points],
                [point[part] for point in points],
            )
            for place, points in enumerate(looks)
        ]
        chart = charts.curves(
            title,
            lines,
            ("epoch", "accuracy"),
            tick,
            y_limits=accuracy_limits(values),
            description=f"The {title} by epoch, a line for each value.",
        )
        shown.append(Figure(chart))
    return shown


def _by_epoch(studied: Studied) -> list[Figure]:
    """Return what every epoch has, looked at or not."""
    quantities: list[tuple[str, str, Callable[[Epoch], float], Callable[[float], str]]] = [
        ("cost per batch, penalty included", "cost", lambda epoch: epoch.cost, text.tick),
        ("share of the penalty in it", "share", _penalty_share, tick),
        ("mean error", "mean error", lambda epoch: epoch.mean_error, text.tick),
    ]
    shown = []
    for title, label, quantity, y_format in quantities:
        lines = [
            Series(
                charts.style_of(place),
                [epoch.number for epoch in trained.model.history.epochs],
                [quantity(epoch) for epoch in trained.model.history.epochs],
            )
            for place, trained in enumerate(studied.trained)
        ]
        chart = charts.curves(
            title,
            lines,
            ("epoch", label),
            y_format,
            linear=label == "share",
            description=f"The {title} by epoch, a line for each value.",
        )
        shown.append(Figure(chart))
    return shown


def _penalty_share(epoch: Epoch) -> float:
    """Return the share of the penalty in the cost of all batches of an epoch."""
    # Python's own numbers: of a training that diverged the share is NaN, without a warning.
    data, penalty, _ = map(float, epoch.losses.sum(axis=0))
    return penalty / (data + penalty) if data + penalty else 0.0


SECTION = Section("curves", "Learning curves", 20, render)
