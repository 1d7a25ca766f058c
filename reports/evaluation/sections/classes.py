"""How well each class was recognised."""

from __future__ import annotations

from markupsafe import Markup

from impls.training.evaluation import Trained
from impls.training.metrics import class_scores
from reports import tables, templates
from reports.evaluation.context import Learned
from reports.section import Absence, Section
from reports.tables import Table, TableCell, TableRow

_RATIOS = {"precision": "never predicted", "recall": "no examples", "f1": "neither"}
"""Why each ratio of a class may be undefined."""
_COUNTS = ("true_positives", "false_positives", "false_negatives", "support")
_TITLES = ("Class", "Precision", "Recall", "F1", "TP", "FP", "FN", "Support")


def render(learned: Learned) -> Markup | Absence:
    """Return one table per network, over the test examples."""
    return templates.fill(
        "evaluation/sections/classes.html",
        tables=[_table(trained, learned.data.class_names) for trained in learned.trained],
    )


def _table(trained: Trained, names: tuple[str, ...]) -> Table:
    """Return one row per class, then means of defined ratios and sums of counts."""
    scores = class_scores(trained.evaluation.test.matrix)
    rows = []
    for score in scores:
        cells = [TableCell(names[score.label])]
        for name, why in _RATIOS.items():
            value = getattr(score, name)
            undefined = TableCell("undefined", notes=(why,), dim=True)
            cells.append(undefined if value is None else TableCell(f"{value:.4f}", value))
        rows.append([*cells, *(tables.whole(getattr(score, name)) for name in _COUNTS)])
    cells = [TableCell("mean of the ratios, sum of the counts", strong=True)]
    for name in _RATIOS:
        values = [getattr(score, name) for score in scores]
        defined = [value for value in values if value is not None]
        note = (f"of {len(defined)} classes",) if len(defined) < len(scores) else ()
        mean = sum(defined) / len(defined)
        cells.append(TableCell(f"{mean:.4f}", mean, note, strong=True))
    cells += [tables.whole(sum(getattr(score, name) for score in scores)) for name in _COUNTS]
    rows.append(cells)
    return Table(
        f"{trained.name}, test examples",
        tables.columns(*_TITLES),
        tuple(TableRow(tuple(row)) for row in rows),
    )


SECTION = Section("classes", "Classes", 50, render)
