"""How cost, error and accuracy changed in training."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from impls.training.evaluation import Trained
from impls.training.history import History, Losses, penalty_shares
from reports import charts, tables, templates
from reports import format as text
from reports.charts import Curve, CurveAxes
from reports.evaluation.context import Learned
from reports.evaluation.summary import share
from reports.figures import Figure, Key
from reports.section import Absence, Section
from reports.tables import Table, TableCell, TableRow

_TRAIN, _TEST = charts.style_of(0), charts.style_of(1)


def render(learned: Learned) -> Markup | Absence:
    """Three charts by batch with a line per network, and accuracies per network."""
    if not any(one.model.epochs for one in learned.trained):
        return Absence("No network was trained, so nothing changed.")
    return templates.fill(
        "evaluation/sections/curves.html",
        key=learned.key("curves"),
        figures=[Figure(chart) for chart in _by_batch(learned)],
        accuracy_key=_accuracy_key(),
        accuracies=[Figure(chart) for chart in _accuracies(learned)],
        tables=[_table(one) for one in learned.trained if one.model.epochs],
    )


def _by_batch(learned: Learned) -> list[Markup]:
    """Cost, share of the penalty in it, and mean error, batch after batch."""
    shown: list[tuple[str, str, Callable[[Losses], Losses], Callable[[float], str]]] = [
        ("cost of a batch, penalty included", "cost", _costs, text.tick),
        ("share of the penalty in it", "share", penalty_shares, _percent),
        ("mean error of a batch", "mean error", lambda losses: losses[:, 2], text.tick),
    ]
    charted = []
    for title, label, quantity, y_format in shown:
        several = [
            Curve(
                learned.style(place), _places(one.model.history), quantity(one.model.history.losses)
            )
            for place, one in enumerate(learned.trained)
        ]
        axes = CurveAxes("epoch", label, y_format)
        described = f"The {title}, from the first batch to the last."
        charted.append(charts.curves(title, several, axes, description=described))
    return charted


def _costs(losses: Losses) -> Losses:
    costs: Losses = losses[:, :2].sum(axis=1)
    return costs


def _percent(value: float) -> str:
    return f"{100 * value:g} %"


def _places(history: History) -> npt.NDArray[np.float64]:
    """Return where each batch ended, in epochs."""
    parts = [
        epoch.number - 1 + np.arange(1, len(epoch.losses) + 1) / len(epoch.losses)
        for epoch in history.epochs
    ]
    return np.concatenate([np.empty(0), *parts])


def _accuracies(learned: Learned) -> list[Markup]:
    """Training and test accuracy of each network, on the same scale."""
    looked = {one.name: _looked(one.model.history) for one in learned.trained}
    values = [value for points in looked.values() for value in np.ravel([p[1:] for p in points])]
    if not values:
        return []
    room = max(0.06 * (1 - min(values)), 0.002)
    limits = (max(0.0, min(values) - room), 1 + room / 2)
    axes = CurveAxes("epoch", "accuracy", _percent, limits)
    charted = []
    for name, points in looked.items():
        if points:
            epochs, train, test = np.array(points).T
            lines = [Curve(_TRAIN, epochs, train), Curve(_TEST, epochs, test)]
            described = f"Accuracy of {name} on training and test examples by epoch."
            charted.append(charts.curves(name, lines, axes, description=described))
    return charted


def _looked(history: History) -> list[tuple[float, float, float]]:
    return [
        (e.number, e.standing.train_accuracy, e.standing.test_accuracy)
        for e in history.epochs
        if e.standing
    ]


def _accuracy_key() -> Sequence[Key]:
    return tuple(
        Key(name, charts.swatch(style, key="accuracy"), style.series)
        for name, style in (("training examples", _TRAIN), ("test examples", _TEST))
    )


def _table(one: Trained) -> Table:
    """Return every epoch of one network."""
    rows = []
    for epoch in one.model.history.epochs:
        standing = epoch.standing
        looked = ("-", "-") if standing is None else (
            share(standing.train_accuracy), share(standing.test_accuracy)
        )  # fmt: skip
        words = (
            str(epoch.number), f"{epoch.cost:.5g}", f"{epoch.penalty_share:.3%}",
            f"{epoch.mean_error:.5f}", *looked, repr(epoch.learning_rate),
            text.seconds(epoch.seconds),
        )  # fmt: skip
        rows.append(TableRow(tuple(TableCell(word) for word in words)))
    titles = (
        "Epoch", "Cost per batch", "Penalty, last batch", "Mean error", "Train", "Test", "Rate",
        "Time",
    )  # fmt: skip
    return Table(f"Epochs of {one.name}", tables.columns(*titles), tuple(rows))


SECTION = Section("curves", "Learning curves", 30, render)
