"""How well labels were predicted: confusion matrix, precision, recall, F1.

All of it follows from one matrix of whole numbers, so that counts and ratios cannot disagree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from impls.errors import UsageError

Labels = npt.NDArray[np.integer[Any]]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ClassScores:
    """How well one class was predicted.

    With TP the examples of the class that were taken for it, FP those of other classes that were
    taken for it and FN those of the class that were not:

    - ``precision = TP / (TP + FP)``, None where nothing was taken for the class;
    - ``recall = TP / (TP + FN)``, None where the class has no examples;
    - ``f1 = TP / (TP + (FP + FN) / 2)``, their harmonic mean where both exist, None where the
      class neither has examples nor was predicted.
    """

    label: int
    true_positives: int
    false_positives: int
    false_negatives: int

    @property
    def support(self) -> int:
        """Examples of the class."""
        return self.true_positives + self.false_negatives

    @property
    def precision(self) -> float | None:
        """Share of what was taken for the class that belongs to it."""
        return _share(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float | None:
        """Share of the class that was recognised; the articles call it accuracy."""
        return _share(self.true_positives, self.support)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall, also where one of them is undefined."""
        mistakes = self.false_positives + self.false_negatives
        return _share(2 * self.true_positives, 2 * self.true_positives + mistakes)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def confusion_matrix(labels: Labels, predicted: Labels, classes: int) -> Counts:
    """Return the count of each pair: rows are true, columns predicted classes.

    ``labels`` and ``predicted`` have shape ``(examples,)``.

    Raises:
        UsageError: lengths that differ, or a label outside ``0 .. classes - 1``.
    """
    if labels.shape != predicted.shape or labels.ndim != 1:
        raise UsageError(
            f"labels have shape {labels.shape}, predictions {predicted.shape}: give one prediction "
            "for each label"
        )
    for name, values in (("labels", labels), ("predictions", predicted)):
        if values.size and not 0 <= values.min() <= values.max() < classes:
            raise UsageError(
                f"{name} run from {values.min()} to {values.max()}: with {classes} classes they "
                f"must lie in 0 to {classes - 1}"
            )
    cells = labels.astype(np.int64) * classes + predicted
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def class_scores(matrix: Counts) -> tuple[ClassScores, ...]:
    """Return the scores of every class, from its confusion matrix."""
    right, true, taken = matrix.diagonal(), matrix.sum(axis=1), matrix.sum(axis=0)
    return tuple(
        ClassScores(label, int(tp), int(all_taken - tp), int(all_true - tp))
        for label, (tp, all_true, all_taken) in enumerate(zip(right, true, taken, strict=True))
    )


def accuracy_of(matrix: Counts) -> float:
    """Return the share of examples on the diagonal.

    Raises:
        UsageError: the matrix counts no example.
    """
    total = int(matrix.sum())
    if not total:
        raise UsageError("there is no accuracy without examples: give at least one")
    return int(matrix.trace()) / total
