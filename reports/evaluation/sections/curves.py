"""How cost, error and accuracy changed in training."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from markupsafe import Markup

from impls.training.evaluation import Trained
from impls.training.history import Losses, penalty_shares
from reports import charts, tables, templates
from reports import format as text
from reports.charts import Series
from reports.evaluation.context import PARTS, Learned, accuracy_limits, share, tick
from reports.figures import Figure, legend_of
from reports.section import Absence, Section
from reports.tables import Table, TableCell, TableRow

_QUANTITIES: list[tuple[str, str, Callable[[Losses], Losses], Callable[[float], str]]] = [
    ("cost of a batch, penalty included", "cost", lambda losses: losses[:, 0] + losses[:, 1],
     text.tick),
    ("share of the penalty in it", "share", penalty_shares, tick),
    ("mean error of a batch", "mean error", lambda losses: losses[:, 2], text.tick),
]  # fmt: skip
"""Title, label of the axis, values and ticks of the charts by batch."""


def render(learned: Learned) -> Markup | Absence:
    """Return three charts by batch with a line per network, and accuracies per network."""
    if not any(trained.model.epochs for trained in learned.trained):
        return Absence("No network was trained, so nothing changed.")
    several = len(learned.trained) > 1
    named = [
        (trained.name, charts.style_of(place)) for place, trained in enumerate(learned.trained)
    ]
    return templates.fill(
        "evaluation/sections/curves.html",
        key=legend_of(named, section="curves") if several else (),
        figures=_by_batch(learned),
        accuracy_key=legend_of(PARTS, section="accuracy"),
        accuracies=_accuracies(learned),
        tables=[_table(trained) for trained in learned.trained if trained.model.epochs],
    )


def _by_batch(learned: Learned) -> list[Figure]:
    """Return cost, share of the penalty in it, and mean error, batch after batch."""
    # Where each batch ended, in epochs.
    ends = []
    for trained in learned.trained:
        epochs = [
            epoch.number - 1 + np.arange(1, len(epoch.losses) + 1) / len(epoch.losses)
            for epoch in trained.model.history.epochs
        ]
        ends.append(np.concatenate([np.empty(0), *epochs]))
    shown = []
    for title, label, quantity, y_format in _QUANTITIES:
        lines = [
            Series(charts.style_of(place), ends[place], quantity(trained.model.history.losses))
            for place, trained in enumerate(learned.trained)
        ]
        described = f"The {title}, from the first batch to the last."
        chart = charts.curves(title, lines, ("epoch", label), y_format, description=described)
        shown.append(Figure(chart))
    return shown


def _accuracies(learned: Learned) -> list[Figure]:
    """Return training and test accuracy of each network, on the same scale."""
    looked = {
        trained.name: [
            (epoch.number, epoch.standing.train_accuracy, epoch.standing.test_accuracy)
            for epoch in trained.model.history.epochs
            if epoch.standing
        ]
        for trained in learned.trained
    }
    values = [value for points in looked.values() for point in points for value in point[1:]]
    shown = []
    for name, points in looked.items():
        if points:
            epochs, *parts = zip(*points, strict=True)
            lines = [
                Series(style, epochs, part) for (_, style), part in zip(PARTS, parts, strict=True)
            ]
            chart = charts.curves(
                name,
                lines,
                ("epoch", "accuracy"),
                tick,
                y_limits=accuracy_limits(values),
                description=f"Accuracy of {name} on training and test examples by epoch.",
            )
            shown.append(Figure(chart))
    return shown


def _table(trained: Trained) -> Table:
    """Return every epoch of one network."""
    rows = []
    for epoch in trained.model.history.epochs:
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
    return Table(f"Epochs of {trained.name}", tables.columns(*titles), tuple(rows))


SECTION = Section("curves", "Learning curves", 30, render)
