"""What was reached: the answer in a sentence, and every number of every network."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

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
    "test accuracy": lambda trained: _share(trained.evaluation.test.accuracy),
    "train accuracy": lambda trained: _share(trained.evaluation.train.accuracy),
    "training examples looked at": lambda trained: _whole(
        int(trained.evaluation.train.matrix.sum())
    ),
    "examples trained on": lambda trained: _whole(trained.model.source.examples),
    "epochs": lambda trained: _whole(trained.model.epochs),
    "training time": lambda trained: (
        trained.model.history.seconds,
        text.seconds(trained.model.history.seconds),
    ),
    "learning rate at the end": lambda trained: _number(trained.model.learning_rate, 6),
    "loss per training example": lambda trained: _number(trained.evaluation.train.loss),
    "loss per test example": lambda trained: _number(trained.evaluation.test.loss),
    "penalty, share of the cost": lambda trained: _share(trained.evaluation.penalty_share),
    "mean error, training": lambda trained: _number(trained.evaluation.train.mean_error),
    "mean error, test": lambda trained: _number(trained.evaluation.test.mean_error),
    "sum of squared weights": lambda trained: _number(trained.evaluation.squared_weights),
}
"""What a table shows of each network: the number and its text."""


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
    for trained in learned.trained:
        if trained.checked:
            checked.setdefault(trained.checked, []).append(trained.name)
    return templates.fill(
        "evaluation/sections/summary.html",
        headline=headline(learned),
        note=learned.data.note,
        strangers=[
            said for trained in learned.trained if (said := stranger(trained, learned.data))
        ],
        diverged=[
            trained.name
            for trained in learned.trained
            if not math.isfinite(trained.evaluation.train.loss)
        ],
        tiles=[
            (share(first.evaluation.test.accuracy), "of the test examples recognised"),
            (share(first.evaluation.train.accuracy), "of the training examples recognised"),
            (f"{first.evaluation.train.mean_error:.4f}", "mean error over the training examples"),
            (text.seconds(first.model.history.seconds), "of training"),
        ],
        several=len(learned.trained) > 1,
        first=first.name,
        table=table_of(learned.trained),
        checks=[f"{text.listing(names)}: {said}." for said, names in checked.items()],
        command=learned.command,
    )


def table_of(several: Sequence[Trained]) -> Table:
    """Return every quantity of several networks: a row each, with a column for each network."""
    rows = []
    for name, quantity in QUANTITIES.items():
        shown = [quantity(trained) for trained in several]
        rows.append(
            TableRow((TableCell(name), *(TableCell(words, value) for value, words in shown)))
        )
    columns = tables.columns("Quantity", *(trained.name for trained in several))
    return Table("At the end of training", columns, tuple(rows))


def headline(learned: Learned) -> str:
    """Return the best network, with what it reached and what it took, and what others reached."""
    best = max(learned.trained, key=lambda trained: trained.evaluation.test.accuracy)
    others = sorted(
        (trained for trained in learned.trained if trained is not best),
        key=lambda trained: trained.evaluation.test.accuracy,
    )
    return sentence(
        "learning",
        "evaluation",
        network=best.name,
        reached=share(best.evaluation.test.accuracy),
        total=best.evaluation.test.matrix.sum(),
        epochs=best.model.epochs,
        seconds=best.model.history.seconds,
        others=[share(trained.evaluation.test.accuracy) for trained in others],
        other=others[0].name if others else "",
    )


def stranger(trained: Trained, data: TrainingData) -> str:
    """Return a sentence on a network that was trained on other examples than those of ``data``.

    It is empty where the network was trained on all of ``data`` and no other.  Accuracies are over
    all examples of the data, whatever a network has seen of them.
    """
    return sentence(
        "learning",
        "stranger",
        network=trained.name,
        source=trained.model.source,
        data=data,
        number=len(data.X),
    )


SECTION = Section("summary", "Summary", 10, render)
