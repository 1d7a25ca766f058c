"""Everything that the sections of a study may read."""

from __future__ import annotations

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
    def uncertainty(self) -> float:
        """Standard error of the highest test accuracy; a smaller difference means nothing."""
        tests = [one.evaluation.test for one in self.trained]
        return max(tests, key=lambda part: part.accuracy).uncertainty

    @property
    def best(self) -> tuple[int, ...]:
        """The places of the networks whose test accuracy none exceeds by more than that."""
        accuracies = [one.evaluation.test.accuracy for one in self.trained]
        least = max(accuracies) - self.uncertainty
        return tuple(place for place, found in enumerate(accuracies) if found >= least)
