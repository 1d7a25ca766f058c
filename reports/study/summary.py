"""What a study found, in one sentence."""

from __future__ import annotations

from reports import format as text
from reports.evaluation.summary import share
from reports.study.context import Studied


def headline(studied: Studied) -> str:
    """Return the values with the highest test accuracy, and which of them diverged."""
    lost = [place for place in range(len(studied.trained)) if place not in studied.finite]
    if not studied.finite:
        several = "every value" if len(lost) > 1 else "the only value"
        return f"The training diverged with {several} of {studied.parameter}: none can be ranked."
    sentence = _ranked(studied)
    if lost:
        sentence += f" With {_values(studied, lost)} the training diverged."
    return sentence


def _ranked(studied: Studied) -> str:
    """The values with the highest test accuracy, and how far the other finite ones stay behind."""
    accuracies = {
        place: studied.trained[place].evaluation.test.accuracy for place in studied.finite
    }
    best, count = max(accuracies.values()), len(accuracies)
    first = [place for place in studied.best if accuracies[place] == best]
    near = [place for place in studied.best if accuracies[place] != best]
    total = int(studied.learned.first.evaluation.test.matrix.sum())
    sentence = (
        f"{studied.parameter} {_values(studied, first)} {'reaches' if len(first) == 1 else 'reach'}"
        f" {share(best)} of the {total} test examples"
    )
    if len(first) == count:
        return sentence + "."
    sentence += f", the best of {count} values"
    if len(first) + len(near) == count:
        return f"{sentence}, but none is further from it than one standard error."
    if near:
        verb = "is" if len(near) == 1 else "are"
        sentence += f"; {_values(studied, near)} {verb} within one standard error of it"
    return f"{sentence}; the worst reaches {share(min(accuracies.values()))}."


def _values(studied: Studied, places: list[int]) -> str:
    return text.listing([studied.values[place] for place in places])
