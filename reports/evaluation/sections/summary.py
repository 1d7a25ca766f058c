"""What was reached: the answer in a sentence, and every number of every network."""

from __future__ import annotations

import math
from collections.abc import Callable

from markupsafe import Markup

from impls.data import TrainingData
from impls.training.evaluation import Trained
from reports import format as text
from reports import tables, templates
from reports.evaluation.context import Learned, share
from reports.section import Absence, Section
from reports.tables import Table, TableCell, TableRow
from reports.templates import sentence

QUANTITIES: dict[str, Callable[[Trained], tuple[float, str]]] = {
    "test accuracy": lambda one: _share(one.evaluation.test.accuracy),
    "train accuracy": lambda one: _share(one.evaluation.train.accuracy),
    "training examples looked at": lambda one: _whole(int(one.evaluation.train.matrix.sum())),
    "examples trained on": lambda one: _whole(one.model.source.examples),
    "epochs": lambda one: _whole(one.model.epochs),
    "training time": lambda one: (
        one.model.history.seconds,
        text.seconds(one.model.history.seconds),
    ),
    "learning rate at the end": lambda one: _number(one.model.learning_rate, 6),
    "loss per training example": lambda one: _number(one.evaluation.train.loss),
    "loss per test example": lambda one: _number(one.evaluation.test.loss),
    "penalty, share of the cost": lambda one: _share(one.evaluation.penalty_share),
    "mean error, training": lambda one: _number(one.evaluation.train.mean_error),
    "mean error, test": lambda one: _number(one.evaluation.test.mean_error),
    "sum of squared weights": lambda one: _number(one.evaluation.squared_weights),
}
"""What a table says of each network: the number and the text that shows it."""


def _share(value: float) -> tuple[float, str]:
    return value, share(value)


def _whole(number: int) -> tuple[float, str]:
    return number, str(number)


def _number(value: float, digits: int = 4) -> tuple[float, str]:
    return value, f"{value:.{digits}g}"


def render(learned: Learned) -> Markup | Absence:
    """Return the headline, four numbers of the first network, and all numbers of all networks."""
    first = learned.first
    checked: dict[str, list[str]] = {}
    for one in learned.trained:
        if one.checked:
            checked.setdefault(one.checked, []).append(one.name)
    rows = []
    for name, quantity in QUANTITIES.items():
        shown = [quantity(one) for one in learned.trained]
        rows.append(
            TableRow((TableCell(name), *(TableCell(words, value) for value, words in shown)))
        )
    columns = tables.columns("Quantity", *(one.name for one in learned.trained))
    return templates.fill(
        "evaluation/sections/summary.html",
        headline=headline(learned),
        note=learned.data.note,
        strangers=[said for one in learned.trained if (said := stranger(one, learned.data))],
        diverged=[
            one.name for one in learned.trained if not math.isfinite(one.evaluation.train.loss)
        ],
        tiles=[
            (share(first.evaluation.test.accuracy), "of the test examples recognised"),
            (share(first.evaluation.train.accuracy), "of the training examples recognised"),
            (f"{first.evaluation.train.mean_error:.4f}", "mean error over the training examples"),
            (text.seconds(first.model.history.seconds), "of training"),
        ],
        several=len(learned.trained) > 1,
        first=first.name,
        table=Table("At the end of training", columns, tuple(rows)),
        checks=[f"{text.listing(names)}: {said}." for said, names in checked.items()],
        command=learned.command,
    )


def headline(learned: Learned) -> str:
    """Return the best network, with what it reached and what it took, and what others reached."""
    best = max(learned.trained, key=lambda one: one.evaluation.test.accuracy)
    others = sorted(
        (one for one in learned.trained if one is not best),
        key=lambda one: one.evaluation.test.accuracy,
    )
    return sentence(
        "learning",
        "evaluation",
        network=best.name,
        reached=share(best.evaluation.test.accuracy),
        total=best.evaluation.test.matrix.sum(),
        epochs=best.model.epochs,
        seconds=best.model.history.seconds,
        others=[share(one.evaluation.test.accuracy) for one in others],
        other=others[0].name if others else "",
    )


def stranger(one: Trained, data: TrainingData) -> str:
    """Return a sentence on a network that was trained on other examples than those of ``data``.

    It is empty where the network was trained on all of ``data`` and no other.  Accuracies are over
    all examples of the data, whatever a network has seen of them.
    """
    return sentence(
        "learning",
        "stranger",
        network=one.name,
        source=one.model.source,
        data=data,
        number=len(data.X),
    )


SECTION = Section("summary", "Summary", 10, render)
