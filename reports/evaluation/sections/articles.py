"""A training of the articles, repeated: their printed values beside those reached here."""

from __future__ import annotations

from collections.abc import Callable

from markupsafe import Markup

from impls.training.evaluation import Trained
from reports import format as text
from reports import tables, templates
from reports.evaluation.context import Learned
from reports.evaluation.published import EPOCHS, PublishedRun, published
from reports.section import Absence, Section
from reports.tables import Table, TableCell, TableRow

_REASON = (
    f"The articles print values for their own network on MNIST, {EPOCHS} epochs with batches of "
    "500 at a rate of 0.001 or of 20000 at 0.0001; this is another training."
)


def render(learned: Learned) -> Markup | Absence:
    """Return one table per printed training that was repeated."""
    repeated: dict[int, tuple[PublishedRun, list[Trained]]] = {}
    for one in learned.trained:
        run = published(one.model)
        if run is not None:
            repeated.setdefault(run.batch_size, (run, []))[1].append(one)
    if not repeated:
        return Absence(_REASON)
    return templates.fill(
        "evaluation/sections/articles.html",
        tables=[_table(run, ours) for run, ours in repeated.values()],
    )


def _table(run: PublishedRun, ours: list[Trained]) -> Table:
    """Printed values, then those found by other runs of this project."""
    rows = [
        _row("rate after the last epoch", repr(run.rate), ours, _rate),
        _row("cost of the last batch", f"{run.last_cost:.6g}", ours, _last_cost),
        _row("its penalty, share", _percent(run.last_penalty_share), ours, _last_share),
        _row("mean error of the last batch", f"{run.last_mean_error:.5f}", ours, _last_error),
        _row("1 - mean error of the epoch", f"{run.averaged_accuracy:.5f}", ours, _averaged),
        _row("training time", text.seconds(run.seconds), ours, _seconds, "an i7-6700K, 2020"),
        _row("mean error, all examples", f"{run.found_mean_error:.4f}", ours, _error, "found"),
        _row("loss per example", f"{run.found_loss:.4f}", ours, _loss, "found"),
    ]
    if run.found_accuracies is not None:
        words = " / ".join(f"{value:.3f}" for value in run.found_accuracies)
        rows.append(_row("accuracy, train / test", words, ours, _accuracies, "found"))
    titles = ("Quantity", "Articles", *(one.name for one in ours))
    caption = f"{EPOCHS} epochs of batches of {run.batch_size}"
    return Table(caption, tables.columns(*titles), tuple(rows))


def _row(
    name: str,
    theirs: str,
    ours: list[Trained],
    show: Callable[[Trained], str],
    note: str = "",
) -> TableRow:
    printed = TableCell(theirs, notes=(note,) if note else ())
    return TableRow((TableCell(name), printed, *(TableCell(show(one)) for one in ours)))


def _percent(value: float) -> str:
    return f"{100 * value:.4f} %"


def _rate(one: Trained) -> str:
    return repr(one.model.learning_rate)


def _last_cost(one: Trained) -> str:
    return f"{one.model.history.epochs[-1].last_cost:.6g}"


def _last_share(one: Trained) -> str:
    return _percent(one.model.history.epochs[-1].penalty_share)


def _last_error(one: Trained) -> str:
    return f"{one.model.history.epochs[-1].losses[-1, 2]:.5f}"


def _averaged(one: Trained) -> str:
    return f"{1 - one.model.history.epochs[-1].mean_error:.5f}"


def _seconds(one: Trained) -> str:
    return text.seconds(one.model.history.seconds)


def _error(one: Trained) -> str:
    return f"{one.evaluation.train.mean_error:.4f}"


def _loss(one: Trained) -> str:
    return f"{one.evaluation.train.loss:.4f}"


def _accuracies(one: Trained) -> str:
    return f"{one.evaluation.train.accuracy:.3f} / {one.evaluation.test.accuracy:.3f}"


SECTION = Section("articles", "Beside the articles", 20, render)
