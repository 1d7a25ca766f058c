"""Everything that the sections of an evaluation or a study may read, and what they share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from impls.data import TrainingData
from impls.training.evaluation import Trained
from reports import charts

PARTS = (("training examples", charts.style_of(0)), ("test examples", charts.style_of(1)))
"""How training and test examples are drawn beside each other."""


@dataclass(frozen=True, eq=False)
class Learned:
    """Trained networks in the order in which they were given, and the data they saw.

    ``digit`` is the class whose hits and misses are shown.  ``command`` is empty where there was
    none.
    """

    trained: tuple[Trained, ...]
    data: TrainingData
    digit: int
    command: str

    @property
    def first(self) -> Trained:
        """The network that stands for all where showing every one would tire."""
        return self.trained[0]


@dataclass(frozen=True, eq=False)
class Studied:
    """What was learned, the parameter that was varied, and its value for each network."""

    learned: Learned
    parameter: str
    values: tuple[str, ...]

    @property
    def trained(self) -> tuple[Trained, ...]:
        """The networks in the order of the values."""
        return self.learned.trained

    @property
    def finite(self) -> tuple[int, ...]:
        """The places of the networks whose training did not diverge."""
        return tuple(
            place for place, trained in enumerate(self.trained) if not training_diverged(trained)
        )

    @property
    def uncertainty(self) -> float:
        """Standard error of the highest test accuracy; a smaller difference means nothing.

        NaN where every training diverged.
        """
        tests = [self.trained[place].evaluation.test for place in self.finite]
        if not tests:
            return math.nan
        return max(tests, key=lambda part: part.accuracy).uncertainty

    @property
    def best(self) -> tuple[int, ...]:
        """The places of the networks whose test accuracy none exceeds by more than that."""
        accuracies = {place: self.trained[place].evaluation.test.accuracy for place in self.finite}
        least = max(accuracies.values(), default=0.0) - self.uncertainty
        return tuple(place for place, accuracy in accuracies.items() if accuracy >= least)


def training_diverged(trained: Trained) -> bool:
    """Return whether the loss or a weight is not finite: predictions then mean nothing."""
    return not math.isfinite(trained.evaluation.train.loss) or bool(trained.model.divergence)


def share(value: float) -> str:
    """Return an accuracy in percent with the digits that ten thousand examples carry."""
    return f"{100 * value:.2f} %"


def tick(value: float) -> str:
    """Return a share of one in percent for an axis."""
    return f"{100 * value:g} %"


def accuracy_limits(accuracies: Sequence[float]) -> tuple[float, float]:
    """Return the limits of an axis that holds all ``accuracies``."""
    lowest = min(accuracies)
    room = max(0.06 * (1 - lowest), 0.002)
    return max(0.0, lowest - room), 1 + room / 2
