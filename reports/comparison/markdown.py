"""A comparison as Markdown, for a pull request: verdicts as words, what explains them folded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from reports import format as text
from reports.comparison.answer import Answer, full_name
from reports.comparison.columns import columns, constant
from reports.comparison.words import legend, noise, sentences

_PLAIN = frozenset(" .,;%+-/()=")
_ADDRESS = re.compile("(?i)(?<=www)[.]")


def markdown(answer: Answer) -> str:
    """Return the whole answer; every text in it that is not ours is escaped."""
    first, *others = sentences(answer)
    parts = [f"**{escape(first)}**", *map(escape, others)]
    if answer.comparison.pairs:
        found = columns(answer)
        rows = zip(*(column.cells for column in found), strict=True)
        rule = ["---:" if column.justify == "right" else ":---" for column in found]
        parts += [
            escape(", ".join(constant(answer))),
            table([column.heading for column in found], rule, rows),
            escape("; ".join(f"{code}: {meaning}" for code, meaning in legend(answer))),
            _reasons(answer),
        ]
    parts += [_differences(answer), _apart(answer)]
    return "\n\n".join(part for part in parts if part) + "\n"


def escape(content: str) -> str:
    """``content`` as text that is never markup, not even in a table.

    Everything but letters, digits and harmless marks becomes a character reference; an at sign
    also gets a space of no width behind it, or it would call a person, and what starts like an
    address does not become one.
    """
    harmless = "".join(
        one if one.isalnum() or one in _PLAIN else f"&#{ord(one)};" + "&#8203;" * (one == "@")
        for one in text.printable(content)
    )
    return _ADDRESS.sub("&#46;", harmless)


def table(heading: Sequence[str], rule: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; each text in it is escaped, and ``rule`` is the line that aligns its columns."""
    lines = [[escape(cell) for cell in heading], rule]
    lines += [[escape(cell) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def folded(summary: str, content: str) -> str:
    """Markdown that is shown when a reader opens its ``summary``."""
    return f"<details>\n<summary>{escape(summary)}</summary>\n\n{content}\n\n</details>"


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
    return folded(summary, f"{table(heading, [':---'] * 5, rows)}\n\n{noise(answer)}")


def _apart(answer: Answer) -> str:
    apart = answer.comparison.apart
    if not apart:
        return ""
    summary = f"{text.count(len(apart), 'cell')} not compared, or not in full"
    return folded(summary, table(("cell", "why"), (":---", ":---"), answer.apart))
