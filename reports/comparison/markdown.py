"""A comparison as Markdown, for a pull request: verdicts as words, what explains them folded."""

from __future__ import annotations

from reports import format as text
from reports.comparison import tables
from reports.comparison.answer import Answer, full_name
from reports.comparison.words import legend, noise, sentences
from reports.markdown import draw, escape, folded


def markdown(answer: Answer) -> str:
    """Return the whole answer; every text in it that is not ours is escaped."""
    first, *others = sentences(answer)
    parts = [f"**{escape(first)}**", *map(escape, others)]
    pairs, apart = answer.comparison.pairs, answer.comparison.apart
    if pairs:
        parts += [
            draw(tables.verdicts(answer)),
            escape("; ".join(f"{code}: {meaning}" for code, meaning in legend(answer))),
        ]
    reasons = [
        f"- {escape(full_name(pair.other.cell))}: {escape(pair.verdict.reason)}"
        for pair in pairs
        if pair.verdict.kind != "same"
    ]
    if reasons:
        parts.append(folded("Reasons", "\n".join(reasons)))
    if answer.of_interest:
        number = text.count(len(answer.of_interest), "difference")
        shown = f"{draw(tables.differences(answer))}\n\n{noise(answer)}"
        parts.append(folded(f"{number} that may explain a verdict", shown))
    else:
        parts.append(noise(answer))
    if apart:
        summary = f"{text.count(len(apart), 'cell')} not compared, or not in full"
        parts.append(folded(summary, draw(tables.apart(answer))))
    return "\n\n".join(part for part in parts if part) + "\n"
