"""From documents to the context: which runs form one grid, what was measured, what was not."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from bench.documents.results import Failed, Invalid, Measured, Outcome, Results, Unavailable
from bench.observations.pairs import arranged
from bench.observations.points import Condition, condition_of, observe
from bench.observations.table import known_rows, tabulate
from bench.stats.verdicts import MARGIN
from impls.errors import UsageError
from reports import figures
from reports.context import Context, Gap
from reports.grids import kept_apart


def build_context(results: Sequence[Results], margin: float = MARGIN) -> Context:
    """Put one or more documents in order for the sections.

    Differences up to ``margin`` (a share, such as 0.03) count as the same.

    Raises:
        UsageError: no document.
        ResultsError: a duration or a number of examples that cannot be.
    """
    if not results:
        raise UsageError("a report needs at least one results document: give a results.json")
    apart = kept_apart(results)
    outcomes = [
        (condition_of(outcome, run if apart else 0), outcome)
        for run, document in enumerate(results, start=1)
        for outcome in document.outcomes
    ]
    table = tabulate(results)
    known = known_rows(results)
    points, controls, compared = arranged(observe(results, table, apart=apart), known)
    return Context(
        results=tuple(results),
        table=table,
        compared=compared,
        rows={name: known[name] for name in compared.names if name in known},
        slots=figures.slots(compared.names, known),
        conditions=_conditions(outcomes),
        points=points,
        gaps=_gaps(outcomes),
        controls=controls,
        margin=margin,
    )


Placed = tuple[Condition, Outcome]


def _conditions(outcomes: Sequence[Placed]) -> tuple[Condition, ...]:
    """Return each condition once: scopes as they appear, then threads, unset last, settings."""
    conditions = dict.fromkeys(condition for condition, _ in outcomes)
    scopes = list(dict.fromkeys(condition.scope for condition in conditions))
    return tuple(
        sorted(
            conditions,
            key=lambda condition: (
                condition.is_tf32,
                scopes.index(condition.scope),
                sys.maxsize if condition.threads is None else condition.threads,
                [(name, value or "") for name, value in condition.setting],
            ),
        )
    )


def _gaps(outcomes: Sequence[Placed]) -> tuple[Gap, ...]:
    """Return everything that was not measured, in the order of the documents."""
    return tuple(
        Gap(
            cell=outcome.cell,
            condition=condition,
            kind=type(outcome).__name__.lower(),
            reason=outcome.reason,
            block=None if isinstance(outcome, Unavailable) else outcome.block,
            detail=outcome.detail if isinstance(outcome, Failed) else "",
            gate=outcome.gate if isinstance(outcome, Invalid) else (),
        )
        for condition, outcome in outcomes
        if not isinstance(outcome, Measured)
    )
