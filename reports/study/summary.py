"""What a study found, in one sentence."""

from __future__ import annotations

from reports.evaluation.summary import share
from reports.study.context import Studied


def headline(studied: Studied) -> str:
    """The value with the highest test accuracy, and how far the others stay behind."""
    accuracies = [one.evaluation.test.accuracy for one in studied.trained]
    best = max(accuracies)
    winners = [v for v, found in zip(studied.values, accuracies, strict=True) if found == best]
    total = int(studied.learned.first.evaluation.test.matrix.sum())
    sentence = (
        f"{studied.parameter} {' and '.join(winners)} reaches {share(best)} of the {total} test "
        "examples"
    )
    rest = [found for found in accuracies if found != best]
    if not rest:
        return sentence + "."
    return (
        f"{sentence}, the best of {len(accuracies)} values; the worst reaches {share(min(rest))}."
    )
