"""A comparison as plain data, for JSON."""

from __future__ import annotations

from typing import Any

from bench.observations.matching import Pair
from bench.observations.points import Point
from bench.observations.selection import value
from bench.stats.differences import Difference
from reports.comparison.answer import Answer
from reports.comparison.words import change, sentences


def as_data(answer: Answer) -> dict[str, Any]:
    """Return what the tables say; ratios are times faster, changes shares of the time."""
    question = answer.comparison.question
    return {
        "exit_code": answer.exit_code,
        "summary": sentences(answer),
        "documents": list(answer.labels),
        "by": question.coordinate,
        "baseline": answer.reference,
        "phase": question.phase,
        "comparisons": [_pair(pair, question.coordinate) for pair in answer.comparison.pairs],
        "not_compared": [
            {**_cell(apart.point), "reason": apart.reason, "lost": apart.lost}
            for apart in answer.comparison.apart
        ],
        "left_out": list(answer.left_out),
        "obstacles": [_difference(obstacle, answer) for obstacle in answer.obstacles],
        "differences": [_difference(difference, answer) for difference in answer.of_interest],
        "noise": sorted(
            {difference.field for difference in answer.differences if difference.kind == "noise"}
        ),
    }


def _cell(point: Point) -> dict[str, Any]:
    cell = point.cell
    return {
        "implementation": cell.implementation,
        "device": cell.device,
        "network": cell.network,
        "batch_size": cell.batch_size,
        "threads": cell.threads,
        "setting": dict(cell.setting),
        "document": point.label,
    }


def _pair(pair: Pair, coordinate: str) -> dict[str, Any]:
    verdict, ratio = pair.verdict, pair.ratio
    share, ends, _ = change(pair)
    low, high = ends or (None, None)
    return {
        **_cell(pair.other),
        "value": value(pair.other, coordinate),
        "reference": {**_cell(pair.reference), "seconds": pair.reference_seconds},
        "seconds": pair.other_seconds,
        "verdict": verdict.kind,
        "code": verdict.code,
        "reason": verdict.reason,
        "margin": verdict.margin,
        "p": verdict.p,
        "ratio": {"value": ratio.value, "low": ratio.low, "high": ratio.high},
        "change": {"value": share, "low": low, "high": high},
        "processes": ratio.blocks,
        "paired": ratio.paired,
    }


def _difference(difference: Difference, answer: Answer) -> dict[str, Any]:
    return {
        "field": difference.field,
        "kind": difference.kind,
        "reason": difference.reason,
        "reference": difference.reference,
        "compared": difference.other,
        "document": answer.labels[difference.document_index],
        "implementations": list(difference.where),
    }
