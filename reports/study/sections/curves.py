"""How learning went with every value of the parameter."""

from __future__ import annotations

import math
from collections.abc import Callable

from markupsafe import Markup

from impls.training.evaluation import Trained
from impls.training.history import Epoch, Standing
from reports import charts, templates
from reports import format as text
from reports.charts import Curve, CurveAxes
from reports.figures import Figure, Key
from reports.section import Absence, Section
from reports.study.context import Studied
from reports.study.sections.summary import limits


def render(studied: Studied) -> Markup | Absence:
    """Return a chart for each quantity, a line for each value."""
    return templates.fill(
        "study/sections/curves.html",
        key=_key(studied),
        figures=[Figure(chart) for chart in (*_accuracies(studied), *_by_epoch(studied))],
    )


def _key(studied: Studied) -> tuple[Key, ...]:
    styles = [studied.learned.style(place) for place in range(len(studied.values))]
    return tuple(
        Key(f"{studied.parameter} {value}", charts.swatch(style, key="values"), style.series)
        for value, style in zip(studied.values, styles, strict=True)
    )


def _percent(value: float) -> str:
    return f"{100 * value:g} %"


def _accuracies(studied: Studied) -> list[Markup]:
    """Test and training accuracy where somebody looked, on the same scale."""
    shown = {}
    for name in ("test_accuracy", "train_accuracy"):
        shown[name] = [
            Curve.of(
                studied.learned.style(place),
                [number for number, _ in _looks(one)],
                [getattr(standing, name) for _, standing in _looks(one)],
            )
            for place, one in enumerate(studied.trained)
        ]
    lines = [one for several in shown.values() for one in several if one.y.size]
    if not lines:
        return []
    titles = {"test_accuracy": "test accuracy", "train_accuracy": "training accuracy"}
    return [
        charts.curves(
            titles[name],
            several,
            CurveAxes("epoch", "accuracy", _percent, limits(lines)),
            description=f"The {titles[name]} by epoch, a line for each value.",
        )
        for name, several in shown.items()
    ]


def _looks(one: Trained) -> list[tuple[int, Standing]]:
    """Epochs that were looked at, without those after which the loss was no finite number."""
    return [
        (epoch.number, epoch.standing)
        for epoch in one.model.history.epochs
        if epoch.standing and math.isfinite(epoch.standing.loss)
    ]


def _by_epoch(studied: Studied) -> list[Markup]:
    """Return what every epoch has, looked at or not."""
    quantities: list[tuple[str, str, Callable[[Epoch], float], Callable[[float], str]]] = [
        ("cost per batch, penalty included", "cost", lambda e: e.cost, text.tick),
        ("share of the penalty in it", "share", _penalty_share, _percent),
        ("mean error", "mean error", lambda e: e.mean_error, text.tick),
    ]
    charted = []
    for title, label, quantity, y_format in quantities:
        lines = [
            Curve.of(
                studied.learned.style(place),
                [e.number for e in one.model.history.epochs],
                [quantity(e) for e in one.model.history.epochs],
            )
            for place, one in enumerate(studied.trained)
        ]
        described = f"The {title} by epoch, a line for each value."
        axes = CurveAxes("epoch", label, y_format, linear=label == "share")
        charted.append(charts.curves(title, lines, axes, description=described))
    return charted


def _penalty_share(epoch: Epoch) -> float:
    """Of the cost of all batches of the epoch."""
    # Python's own numbers: of a training that diverged the share is no number, without a warning.
    data, penalty, _ = map(float, epoch.losses.sum(axis=0))
    return penalty / (data + penalty) if data + penalty else 0.0


SECTION = Section("curves", "Learning curves", 20, render)
