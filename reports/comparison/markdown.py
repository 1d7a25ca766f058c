"""A comparison as Markdown, for a pull request: verdicts as words, what explains them folded."""

from __future__ import annotations

from reports import format as text
from reports.comparison.answer import Answer, full_name
from reports.comparison.columns import columns, constant
from reports.comparison.words import legend, noise, sentences
from reports.markdown import escape, folded, text_table


def markdown(answer: Answer) -> str:
    """Return the whole answer; every text in it that is not ours is escaped."""
    first, *others = sentences(answer)
    parts = [f"**{escape(first)}**", *map(escape, others)]
    if answer.comparison.pairs:
        found = columns(answer)
        rows = zip(*(column.cells for column in found), strict=True)
        left = [place for place, column in enumerate(found) if column.justify == "left"]
        parts += [
            escape(", ".join(constant(answer))),
            text_table([column.heading for column in found], rows, left=left),
            escape("; ".join(f"{code}: {meaning}" for code, meaning in legend(answer))),
            _reasons(answer),
        ]
    parts += [_differences(answer), _apart(answer)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _reasons(answer: Answer) -> str:
    """Return each verdict in words, but for those that are the same."""
    told = [pair for pair in answer.comparison.pairs if pair.verdict.kind != "same"]
    lines = [f"- {escape(full_name(p.other.cell))}: {escape(p.verdict.reason)}" for p in told]
    return folded("Reasons", "\n".join(lines)) if told else ""


def _differences(answer: Answer) -> str:
    found = answer.of_interest
    if not found:
        return noise(answer)
    rows = [
        (
            one.field,
            one.reference,
            one.other,
            ", ".join((answer.labels[one.run], *one.where)),
            one.reason,
        )
        for one in found
    ]
    heading = ("field", "reference", "compared", "in", "what it means")
    summary = f"{text.count(len(found), 'difference')} that may explain a verdict"
    return folded(summary, f"{text_table(heading, rows, left=range(5))}\n\n{noise(answer)}")


def _apart(answer: Answer) -> str:
    apart = answer.comparison.apart
    if not apart:
        return ""
    summary = f"{text.count(len(apart), 'cell')} not compared, or not in full"
    return folded(summary, text_table(("cell", "why"), answer.apart, left=range(2)))
