"""Results as Markdown, for the summary of a job or a comment: the answer, then a table."""

from __future__ import annotations

from collections.abc import Sequence

from bench.documents.results import Results
from bench.observations.points import PointKey
from bench.stats.estimates import Estimate
from reports import answer
from reports import format as text
from reports.context import Context
from reports.gather import build_context
from reports.markdown import draw, escape, folded
from reports.remarks import gap_sentences
from reports.tables import Column, Table, TableCell, TableRow, open_verdict


def to_markdown(results: Sequence[Results], margin: float, notes: Sequence[str] = ()) -> str:
    """Return the whole answer; differences up to ``margin`` (a share) count as the same.

    ``notes`` are the sentences that a reader is looking for, and stand first.  Every text in it
    that is not ours is escaped.
    """
    context = build_context(results, margin)
    gaps = gap_sentences(context)
    first, *others = (
        *notes,
        *(paragraph for paragraph in answer.paragraphs(context) if paragraph not in gaps),
    )
    parts = [f"**{escape(first)}**", *map(escape, others), _times(context)]
    if gaps:
        lines = "\n".join(f"- {escape(gap)}" for gap in gaps)
        parts.append(folded(f"{text.count(len(gaps), 'reason')} why something is missing", lines))
    parts.append(escape(_conditions(results)))
    return "\n\n".join(part for part in parts if part) + "\n"


def _times(context: Context) -> str:
    """Return the time of an epoch, or of a training where that was asked, of every cell."""
    ranking = context.for_ranking
    headings = ["Implementation", "Batch size", "Condition", "Time", "95 % interval"]
    if context.baseline:
        headings += [f"Speed-up over {context.baseline}", "Verdict"]
    columns = tuple(Column(title, place in (1, 3, 5)) for place, title in enumerate(headings))
    rows = []
    for condition, batch_size, group in ranking.groups():
        for name, point in group.items():
            if point.epoch is not None:
                texts = [name, str(batch_size), ranking.label(condition)]
                texts += [text.seconds(point.epoch.value), _interval(point.epoch)]
                if context.baseline:
                    texts += _over_baseline(ranking, point.key)
                rows.append(TableRow(tuple(map(TableCell, texts))))
    return draw(Table("", columns, tuple(rows))) if rows else ""


def _interval(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return f"none: {text.count(estimate.blocks, 'process', 'processes')}"
    return f"{text.seconds(estimate.low)} to {text.seconds(estimate.high)}"


def _over_baseline(ranking: Context, key: PointKey) -> tuple[str, str]:
    """Return the speed-up and its verdict; for the baseline and the floor there is none."""
    ratio, verdict = ranking.speed_ups.get(key), ranking.verdicts.get(key)
    if ratio is None or verdict is None:
        return "", "baseline" if key.implementation == ranking.baseline else ""
    return text.times(ratio.value), open_verdict(verdict) or verdict.kind


def _conditions(results: Sequence[Results]) -> str:
    """Return which machine and data the numbers are of."""
    said = dict.fromkeys(
        f"{document.machine.cpu}, {text.count(document.machine.usable_cpus, 'processor')}, "
        f"{document.machine.python}; {document.dataset.name}, "
        f"{text.count(document.plan.examples, 'example')}; {document.generator}."
        for document in results
    )
    return "Measured on: " + " ".join(said)
