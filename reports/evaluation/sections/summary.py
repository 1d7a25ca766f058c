"""What was reached, first of all."""

from __future__ import annotations

import math

from markupsafe import Markup

from impls.training.evaluation import Trained
from reports import format as text
from reports import tables, templates
from reports.evaluation.context import Learned
from reports.evaluation.summary import QUANTITIES, checks, headline, share, strangers
from reports.section import Absence, Section
from reports.tables import Table, TableCell, TableRow


def render(learned: Learned) -> Markup | Absence:
    """Return the headline, four numbers of the first network, and all numbers of all networks."""
    first = learned.first
    return templates.fill(
        "evaluation/sections/summary.html",
        headline=headline(learned),
        note=learned.data.note,
        strangers=strangers(learned),
        diverged=[one.name for one in learned.trained if _diverged(one)],
        tiles=[
            (share(first.evaluation.test.accuracy), "of the test examples recognised"),
            (share(first.evaluation.train.accuracy), "of the training examples recognised"),
            (f"{first.evaluation.train.mean_error:.4f}", "mean error over the training examples"),
            (text.seconds(first.model.history.seconds), "of training"),
        ],
        several=len(learned.trained) > 1,
        first=first.name,
        table=_table(learned),
        checks=checks(learned.trained),
        command=learned.command,
    )


def _diverged(trained: Trained) -> bool:
    return not math.isfinite(trained.evaluation.train.loss)


def _table(learned: Learned) -> Table:
    """Return one row per quantity, one column per network."""
    rows = []
    for name, quantity in QUANTITIES.items():
        shown = [quantity(one) for one in learned.trained]
        rows.append(
            TableRow((TableCell(name), *(TableCell(words, value) for value, words in shown)))
        )
    titles = ("Quantity", *(one.name for one in learned.trained))
    return Table("At the end of training", tables.columns(*titles), tuple(rows))


SECTION = Section("summary", "Summary", 10, render)
