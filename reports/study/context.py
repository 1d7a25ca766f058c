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
    def best(self) -> int:
        """The place of the network with the highest test accuracy."""
        places = range(len(self.trained))
        return max(places, key=lambda place: self.trained[place].evaluation.test.accuracy)
