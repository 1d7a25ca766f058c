"""Everything that the sections of a study may read."""

from __future__ import annotations

import math
from dataclasses import dataclass

from impls.training.evaluation import Trained
from reports.evaluation.context import Learned


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
        return tuple(place for place, one in enumerate(self.trained) if not training_diverged(one))

    @property
    def uncertainty(self) -> float:
        """Standard error of the highest test accuracy; a smaller difference means nothing.

        No number where every training diverged.
        """
        tests = [self.trained[place].evaluation.test for place in self.finite]
        if not tests:
            return math.nan
        return max(tests, key=lambda part: part.accuracy).uncertainty

    @property
    def best(self) -> tuple[int, ...]:
        """The places of the networks whose test accuracy none exceeds by more than that."""
        found = {place: self.trained[place].evaluation.test.accuracy for place in self.finite}
        least = max(found.values(), default=0.0) - self.uncertainty
        return tuple(place for place, accuracy in found.items() if accuracy >= least)


def training_diverged(one: Trained) -> bool:
    """Whether a loss or a weight is no finite number: what it predicts then means nothing."""
    return not math.isfinite(one.evaluation.train.loss) or bool(one.model.divergence)
