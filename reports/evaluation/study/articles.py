"""The articles' study of the penalty beside this one."""

from __future__ import annotations

import itertools

from markupsafe import Markup

from impls.training.evaluation import Trained
from reports import format as text
from reports import tables, templates
from reports.articles import L2, L2_EPOCHS, L2_SETTINGS, LAYERS, PublishedPenalty
from reports.evaluation.context import Studied, share, training_diverged
from reports.evaluation.study.summary import convergence
from reports.section import Absence, Section
from reports.tables import Table, TableCell, TableRow

_BEST = max(L2, key=lambda trained: trained.test).l2


def render(studied: Studied) -> Markup | Absence:
    """Return a row for every value that the articles have as well."""
    model = studied.learned.first.model
    dense = not model.network.convolutions
    same = dense and model.network.layers == LAYERS and model.source.name == "mnist"
    if studied.parameter != "l2" or not same:
        return Absence("The articles studied the factor l2 of their network's penalty on MNIST.")
    ours = {trained.model.training.l2: trained for trained in studied.trained}
    rows = [_row(theirs, ours[theirs.l2]) for theirs in L2 if theirs.l2 in ours]
    if not rows:
        values = ", ".join(f"{trained.l2:g}" for trained in L2)
        return Absence(f"The articles studied other values of l2: {values}.")
    titles = (
        "l2", "Train, articles", "Train", "Test, articles", "Test", "Converged, articles",
        "Converged",
    )  # fmt: skip
    epochs = [trained.model.epochs for trained in studied.trained]
    return templates.fill(
        "evaluation/study/articles.html",
        table=Table(
            "Accuracies and the epoch of convergence", tables.columns(*titles), tuple(rows)
        ),
        settings=L2_SETTINGS,
        fewer=max(epochs) if max(epochs) < L2_EPOCHS else None,
        findings=_findings(studied),
    )


def _row(theirs: PublishedPenalty, ours: Trained) -> TableRow:
    train, test = (
        tables.word("-")
        if training_diverged(ours)
        else TableCell(share(part.accuracy), part.accuracy)
        for part in (ours.evaluation.train, ours.evaluation.test)
    )
    return TableRow((
        TableCell(f"{theirs.l2:g}"),
        TableCell(share(theirs.train), theirs.train),
        train,
        TableCell(share(theirs.test), theirs.test),
        test,
        TableCell(f"near {theirs.converged}", theirs.converged),
        convergence(ours),
    ))  # fmt: skip


def _findings(studied: Studied) -> list[str]:
    """Return the two things the articles found, and whether they hold here."""
    if not studied.finite:
        return ["Here every training diverged."]
    finite = [studied.trained[place] for place in studied.finite]
    peak = text.listing([studied.values[place] for place in studied.best])
    if len(studied.best) > 1:
        peak += ", between which the test examples do not decide"
    if all(trained.model.training.l2 != _BEST for trained in finite):
        peak += f"; {_BEST:g} was not among the values"
    return [
        f"Training accuracy falls as the factor grows; here {_fall(finite)}.",
        f"Test accuracy is best at {_BEST:g}; here at {peak}.",
    ]


def _fall(finite: list[Trained]) -> str:
    """Return whether training accuracy falls with the factor, by more than its standard errors."""
    by_factor = sorted(finite, key=lambda trained: trained.model.training.l2)
    parts = [trained.evaluation.train for trained in by_factor]
    noise = max(part.uncertainty for part in parts)
    accuracies = [part.accuracy for part in parts]
    if len(parts) == 1:
        return "there is one factor alone"
    if max(accuracies) - min(accuracies) <= noise:
        return "no difference is larger than one standard error"
    rises = any(other - trained > noise for trained, other in itertools.pairwise(accuracies))
    return "as well" if not rises and accuracies[0] - accuracies[-1] > noise else "not"


SECTION = Section("articles", "Beside the articles", 30, render)
