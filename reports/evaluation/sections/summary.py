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
    model, test = best.model, best.evaluation.test
    trained = (
        f"after {text.count(model.epochs, 'epoch')} in {text.seconds(model.history.seconds)} of "
        "training"
        if model.epochs
        else "without any training"
    )
    sentence = (
        f"{best.name} recognises {share(test.accuracy)} of the "
        f"{test.matrix.sum()} test examples {trained}."
    )
    others = [one for one in learned.trained if one is not best]
    if not others:
        return sentence
    found = sorted(other.evaluation.test.accuracy for other in others)
    lowest, highest = share(found[0]), share(found[-1])
    if len(others) == 1:
        return f"{sentence} {others[0].name} reaches {lowest}."
    reached = lowest if lowest == highest else f"{lowest} to {highest}"
    return f"{sentence} The {len(others)} others reach {reached}."


def stranger(one: Trained, data: TrainingData) -> str:
    """Return a sentence on a network that was trained on other examples than those of ``data``.

    It is empty where the network was trained on all of ``data`` and no other.  Accuracies are over
    all examples of the data, whatever a network has seen of them.
    """
    source, now = one.model.source, len(data.X)
    if source.sha256 != data.sha256:
        return (
            f"{one.name} was trained on {text.count(source.examples, 'example')} of {source.name}, "
            f"other data than these. Its train accuracy is over the {now} training examples of "
            f"{data.name}."
        )
    if source.examples != now:
        return (
            f"{one.name} was trained on the first {source.examples} of these {now} training "
            f"examples. Its train accuracy is over all {now}."
        )
    return ""


SECTION = Section("summary", "Summary", 10, render)
