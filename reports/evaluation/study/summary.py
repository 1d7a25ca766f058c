"""What every value of the parameter led to."""

from __future__ import annotations

from markupsafe import Markup

from impls.training.evaluation import Trained
from impls.training.history import CONVERGED_FOR, CONVERGED_WITHIN
from reports import charts, tables, templates
from reports import format as text
from reports.charts import Series
from reports.evaluation.context import (
    PARTS,
    Studied,
    accuracy_limits,
    share,
    tick,
    training_diverged,
)
from reports.figures import Figure, key_of
from reports.section import Absence, Section
from reports.tables import Table, TableCell, TableRow


def render(studied: Studied) -> Markup | Absence:
    """Return the headline, accuracies against the values, and a table of everything."""
    return templates.fill(
        "evaluation/study/summary.html",
        headline=headline(studied),
        note=studied.learned.data.note,
        noise=share(studied.uncertainty) if studied.finite else None,
        diverged=[one.name for one in studied.trained if training_diverged(one)],
        key=key_of(PARTS, section="outcome"),
        figure=Figure(_chart(studied)) if len(studied.finite) > 1 else None,
        table=_table(studied),
        within=CONVERGED_WITHIN,
        lasting=CONVERGED_FOR,
        command=studied.learned.command,
    )


def _chart(studied: Studied) -> Markup:
    """Accuracies at the end against the values that did not diverge, evenly spaced."""
    finite = [studied.trained[place].evaluation for place in studied.finite]
    train = [one.train.accuracy for one in finite]
    test = [one.test.accuracy for one in finite]
    lines = [
        Series(style, range(len(finite)), values)
        for (_, style), values in zip(PARTS, (train, test), strict=True)
    ]
    return charts.curves(
        "accuracy at the end",
        lines,
        (studied.parameter, "accuracy"),
        tick,
        y_limits=accuracy_limits(train + test),
        x_names=[studied.values[place] for place in studied.finite],
        description=(
            f"Accuracy on training and test examples for each value of {studied.parameter}."
        ),
    )


def _table(studied: Studied) -> Table:
    rows = [
        _row(value, one, best=place in studied.best)
        for place, (value, one) in enumerate(zip(studied.values, studied.trained, strict=True))
    ]
    titles = (
        studied.parameter, "Train", "Test", "Difference", "Penalty", "Mean error", "Converged",
        "Epochs", "Time",
    )  # fmt: skip
    return Table("At the end of each training", tables.columns(*titles), tuple(rows))


def _row(value: str, one: Trained, *, best: bool) -> TableRow:
    model, history = one.model, one.model.history
    return TableRow((
        TableCell(value),
        *([tables.word("-")] * 5 if training_diverged(one) else _learned(one, best=best)),
        convergence(one),
        TableCell(str(model.epochs), model.epochs),
        TableCell(text.seconds(history.seconds), history.seconds),
    ))  # fmt: skip


def _learned(one: Trained, *, best: bool) -> list[TableCell]:
    """Return what a training that did not diverge led to: accuracies, penalty and error."""
    train, test = one.evaluation.train.accuracy, one.evaluation.test.accuracy
    penalty, error = one.model.history.epochs[-1].penalty_share, one.evaluation.train.mean_error
    of_all = share(one.evaluation.penalty_share)
    return [
        TableCell(share(train), train),
        TableCell(share(test), test, strong=best),
        TableCell(share(train - test), train - test),
        TableCell(share(penalty), penalty, (f"{of_all} of all examples",)),
        TableCell(f"{error:.4g}", error),
    ]


def convergence(one: Trained) -> TableCell:
    """Return the epoch from which on the cost stayed near its last value, or why there is none."""
    if training_diverged(one):
        return tables.word("diverged")
    converged = one.model.history.converged
    return tables.word("not yet") if converged is None else TableCell(str(converged), converged)


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
    return text.listing(studied.values[place] for place in places)


SECTION = Section("summary", "Summary", 10, render)
