"""Everything that the sections of an evaluation may read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from impls.data import TrainingData
from impls.training.evaluation import Trained
from reports import charts
from reports.figures import Key


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
    generator: str

    @property
    def first(self) -> Trained:
        """The network that stands for all where showing every one would tire."""
        return self.trained[0]

    def style(self, place: int) -> charts.Style:
        """Return how the network at ``place`` looks in every chart of this page."""
        return charts.style_of(place)

    def key(self, section: str) -> tuple[Key, ...]:
        """Return the key to the lines of all networks; none for a single one."""
        if len(self.trained) == 1:
            return ()
        styles = [(one.name, self.style(place)) for place, one in enumerate(self.trained)]
        return tuple(
            Key(name, charts.swatch(style, key=section), style.series) for name, style in styles
        )

    def class_name(self, label: int) -> str:
        """Return what a class is called."""
        return self.data.class_names[label]


def most_missed(trained: Trained) -> int:
    """Return the class with the most false negatives among the test examples."""
    matrix = trained.evaluation.test.matrix
    return int(np.argmax(matrix.sum(axis=1) - matrix.diagonal()))
