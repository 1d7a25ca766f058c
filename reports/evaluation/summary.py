"""What was learned, in one sentence and in a table, for page and terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from impls.data import TrainingData
from impls.training.evaluation import Trained
from reports import format as text
from reports.evaluation.context import Learned


def headline(learned: Learned) -> str:
    """Return the best network, with what it reached and what it took."""
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
    return sentence + _others([one for one in learned.trained if one is not best])


def _others(others: list[Trained]) -> str:
    """Return what the networks that are not the best reached."""
    if not others:
        return ""
    found = sorted(other.evaluation.test.accuracy for other in others)
    if len(others) == 1:
        return f" {others[0].name} reaches {share(found[0])}."
    if share(found[0]) == share(found[-1]):
        return f" The {len(others)} others reach {share(found[0])}."
    return f" The {len(others)} others reach {share(found[0])} to {share(found[-1])}."


def checks(trained: Sequence[Trained]) -> list[str]:
    """A sentence for each outcome of the comparison with the reference, with whom it is of."""
    names: dict[str, list[str]] = {}
    for one in trained:
        if one.checked:
            names.setdefault(one.checked, []).append(one.name)
    return [f"{text.listing(some)}: {said}." for said, some in names.items()]


def strangers(learned: Learned) -> list[str]:
    """A sentence for each network that was trained on other examples than it is looked at with.

    Accuracies are over all examples of the data, whatever a network has seen of them.
    """
    return [said for one in learned.trained if (said := stranger(one, learned.data))]


def stranger(one: Trained, data: TrainingData) -> str:
    """The sentence for one network; empty where it was trained on all of ``data`` and no other."""
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


def share(value: float) -> str:
    """Return an accuracy in percent with the digits that ten thousand examples carry."""
    return f"{100 * value:.2f} %"


QUANTITIES: dict[str, Callable[[Trained], tuple[float, str]]] = {
    "test accuracy": lambda one: _share(one.evaluation.test.accuracy),
    "train accuracy": lambda one: _share(one.evaluation.train.accuracy),
    "training examples looked at": lambda one: _count(int(one.evaluation.train.matrix.sum())),
    "examples trained on": lambda one: _count(one.model.source.examples),
    "epochs": lambda one: (one.model.epochs, str(one.model.epochs)),
    "training time": lambda one: (
        one.model.history.seconds,
        text.seconds(one.model.history.seconds),
    ),
    "learning rate at the end": lambda one: (
        one.model.learning_rate,
        f"{one.model.learning_rate:.6g}",
    ),
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


def _count(number: int) -> tuple[float, str]:
    return number, str(number)


def _number(value: float) -> tuple[float, str]:
    return value, f"{value:.4g}"
