"""What every value of the parameter led to."""

from __future__ import annotations

from markupsafe import Markup

from impls.training.evaluation import Trained
from impls.training.history import CONVERGED_FOR, CONVERGED_WITHIN
from reports import charts, tables, templates
from reports.charts import Series
from reports.evaluation.context import (
    PARTS,
    Studied,
    accuracy_limits,
    share,
    tick,
    training_diverged,
)
from reports.figures import Figure, legend_of
from reports.section import Absence, Section
from reports.tables import Table, TableCell, TableRow
from reports.templates import sentence


def render(studied: Studied) -> Markup | Absence:
    """Return the headline, accuracies against the values, and a table of everything."""
    return templates.fill(
        "evaluation/study/summary.html",
        headline=headline(studied),
        note=studied.learned.data.note,
        noise=share(studied.uncertainty) if studied.finite else None,
        diverged=[trained.name for trained in studied.trained if training_diverged(trained)],
        key=legend_of(PARTS, section="outcome"),
        figure=Figure(_chart(studied)) if len(studied.finite) > 1 else None,
        table=_table(studied),
        within=CONVERGED_WITHIN,
        lasting=CONVERGED_FOR,
        command=studied.learned.command,
    )


def _chart(studied: Studied) -> Markup:
    """Return accuracies at the end against the values that did not diverge, evenly spaced."""
    finite = [studied.trained[place].evaluation for place in studied.finite]
    train = [trained.train.accuracy for trained in finite]
    test = [trained.test.accuracy for trained in finite]
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
    rows = []
    for place, (value, trained) in enumerate(zip(studied.values, studied.trained, strict=True)):
        cells = [TableCell(value)]
        if training_diverged(trained):
            cells += [tables.word("-")] * 5
        else:
            train, test = trained.evaluation.train.accuracy, trained.evaluation.test.accuracy
            penalty = trained.model.history.epochs[-1].penalty_share
            of_all = f"{share(trained.evaluation.penalty_share)} of all examples"
            error = trained.evaluation.train.mean_error
            cells += [
                TableCell(share(train), train),
                TableCell(share(test), test, strong=place in studied.best),
                TableCell(share(train - test), train - test),
                TableCell(share(penalty), penalty, (of_all,)),
                TableCell(f"{error:.4g}", error),
            ]
        cells += [
            convergence(trained),
            tables.whole(trained.model.epochs),
            tables.duration(trained.model.history.seconds),
        ]
        rows.append(TableRow(tuple(cells)))
    titles = (
        studied.parameter, "Train", "Test", "Difference", "Penalty", "Mean error", "Converged",
        "Epochs", "Time",
    )  # fmt: skip
    return Table("At the end of each training", tables.columns(*titles), tuple(rows))


def convergence(trained: Trained) -> TableCell:
    """Return the epoch from which on the cost stayed near its last value, or why there is none."""
    if training_diverged(trained):
        return tables.word("diverged")
    converged = trained.model.history.converged
    return tables.word("not yet") if converged is None else TableCell(str(converged), converged)


def headline(studied: Studied) -> str:
    """Return the values with the highest test accuracy, and which of them diverged."""
    diverged = [
        value
        for value, trained in zip(studied.values, studied.trained, strict=True)
        if training_diverged(trained)
    ]
    if not studied.finite:
        several = "every value" if len(diverged) > 1 else "the only value"
        return f"The training diverged with {several} of {studied.parameter}: none can be ranked."
    accuracies = {
        place: studied.trained[place].evaluation.test.accuracy for place in studied.finite
    }
    most = max(accuracies.values())
    return sentence(
        "learning",
        "study",
        parameter=studied.parameter,
        best=[studied.values[place] for place in studied.best if accuracies[place] == most],
        near=[studied.values[place] for place in studied.best if accuracies[place] != most],
        count=len(accuracies),
        reached=share(most),
        worst=share(min(accuracies.values())),
        total=studied.learned.first.evaluation.test.matrix.sum(),
        diverged=diverged,
    )


SECTION = Section("summary", "Summary", 10, render)
