"""How well each class was recognised."""

from __future__ import annotations

from markupsafe import Markup

from impls.training.evaluation import Trained
from impls.training.metrics import ClassScores, class_scores
from reports import tables, templates
from reports.evaluation.context import Learned
from reports.section import Absence, Section
from reports.tables import Table, TableCell, TableRow


def render(learned: Learned) -> Markup | Absence:
    """Return one table per network, over the test examples."""
    return templates.fill(
        "evaluation/sections/classes.html",
        tables=[_table(learned, one) for one in learned.trained],
    )


def _table(learned: Learned, one: Trained) -> Table:
    scores = class_scores(one.evaluation.test.matrix)
    rows = [_row(learned.class_name(score.label), score) for score in scores]
    rows.append(_means(scores))
    titles = ("Class", "Precision", "Recall", "F1", "TP", "FP", "FN", "Support")
    return Table(f"{one.name}, test examples", tables.columns(*titles), tuple(rows))


def _row(name: str, score: ClassScores) -> TableRow:
    counts = (
        score.true_positives, score.false_positives, score.false_negatives, score.support,
    )  # fmt: skip
    ratios = (
        _ratio(score.precision, "never predicted"),
        _ratio(score.recall, "no examples"),
        _ratio(score.f1, "neither"),
    )
    return TableRow((TableCell(name), *ratios, *(TableCell(str(count), count) for count in counts)))


def _ratio(value: float | None, why: str) -> TableCell:
    if value is None:
        return TableCell("undefined", notes=(why,), dim=True)
    return TableCell(f"{value:.4f}", value)


def _means(scores: tuple[ClassScores, ...]) -> TableRow:
    """Means over the classes where a ratio is defined, and sums of the counts."""
    means = []
    for name in ("precision", "recall", "f1"):
        defined = [getattr(score, name) for score in scores if getattr(score, name) is not None]
        left_out = len(scores) - len(defined)
        note = (f"of {len(defined)} classes",) if left_out else ()
        mean = sum(defined) / len(defined)
        means.append(TableCell(f"{mean:.4f}", mean, note, strong=True))
    sums = [
        sum(getattr(score, name) for score in scores)
        for name in ("true_positives", "false_positives", "false_negatives", "support")
    ]
    return TableRow(
        (
            TableCell("mean of the ratios, sum of the counts", strong=True),
            *means,
            *(TableCell(str(number), number) for number in sums),
        )
    )


SECTION = Section("classes", "Classes", 50, render)
