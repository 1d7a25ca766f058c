"""What a study found, in one sentence."""

from __future__ import annotations

from reports import format as text
from reports.evaluation.summary import share
from reports.study.context import Studied


def headline(studied: Studied) -> str:
    """The values with the highest test accuracy, and how far the others stay behind."""
    accuracies = [one.evaluation.test.accuracy for one in studied.trained]
    best, count = max(accuracies), len(accuracies)
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
    return f"{sentence}; the worst reaches {share(min(accuracies))}."


def _values(studied: Studied, places: list[int]) -> str:
    return text.listing([studied.values[place] for place in places])
