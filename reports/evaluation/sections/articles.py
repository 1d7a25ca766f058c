"""A training of the articles, repeated: their printed values beside those reached here."""

from __future__ import annotations

from collections.abc import Callable

from markupsafe import Markup

from impls.training.evaluation import Trained
from reports import format as text
from reports import tables, templates
from reports.articles import EPOCHS, PublishedRun, published_run
from reports.evaluation.context import Learned
from reports.section import Absence, Section
from reports.tables import Table, TableCell, TableRow

_REASON = (
    f"The articles print values for their own network on MNIST, {EPOCHS} epochs with batches of "
    "500 at a rate of 0.001 or of 20000 at 0.0001; this is another training."
)


def render(learned: Learned) -> Markup | Absence:
    """Return one table per printed training that was repeated."""
    repeated: dict[int, tuple[PublishedRun, list[Trained]]] = {}
    for trained in learned.trained:
        run = published_run(trained.model)
        if run is not None:
            repeated.setdefault(run.batch_size, (run, []))[1].append(trained)
    if not repeated:
        return Absence(_REASON)
    return templates.fill(
        "evaluation/sections/articles.html",
        tables=[_table(run, ours) for run, ours in repeated.values()],
    )


def _table(run: PublishedRun, ours: list[Trained]) -> Table:
    """Return printed values, then those found by other runs of this project."""
    rows = []

    def add(name: str, theirs: str, show: Callable[[Trained], str], note: str = "") -> None:
        printed = TableCell(theirs, notes=(note,) if note else ())
        rows.append(
            TableRow((TableCell(name), printed, *(TableCell(show(trained)) for trained in ours)))
        )

    add(
        "rate after the last epoch",
        repr(run.rate),
        lambda trained: repr(trained.model.learning_rate),
    )
    add(
        "cost of the last batch",
        f"{run.last_cost:.6g}",
        lambda trained: f"{trained.model.history.epochs[-1].last_cost:.6g}",
    )
    add(
        "its penalty, share",
        f"{100 * run.last_penalty_share:.4f} %",
        lambda trained: f"{100 * trained.model.history.epochs[-1].penalty_share:.4f} %",
    )
    add(
        "mean error of the last batch",
        f"{run.last_mean_error:.5f}",
        lambda trained: f"{trained.model.history.epochs[-1].losses[-1, 2]:.5f}",
    )
    add(
        "1 - mean error of the epoch",
        f"{run.averaged_accuracy:.5f}",
        lambda trained: f"{1 - trained.model.history.epochs[-1].mean_error:.5f}",
    )
    add(
        "training time",
        text.seconds(run.seconds),
        lambda trained: text.seconds(trained.model.history.seconds),
        "an i7-6700K, 2020",
    )
    add(
        "mean error, all examples",
        f"{run.found_mean_error:.4f}",
        lambda trained: f"{trained.evaluation.train.mean_error:.4f}",
        "found",
    )
    add(
        "loss per example",
        f"{run.found_loss:.4f}",
        lambda trained: f"{trained.evaluation.train.loss:.4f}",
        "found",
    )
    if run.found_accuracies is not None:
        add(
            "accuracy, train / test",
            " / ".join(f"{value:.3f}" for value in run.found_accuracies),
            lambda trained: (
                f"{trained.evaluation.train.accuracy:.3f} / {trained.evaluation.test.accuracy:.3f}"
            ),
            "found",
        )
    titles = ("Quantity", "Articles", *(trained.name for trained in ours))
    caption = f"{EPOCHS} epochs of batches of {run.batch_size}"
    return Table(caption, tables.columns(*titles), tuple(rows))


SECTION = Section("articles", "Beside the articles", 20, render)
