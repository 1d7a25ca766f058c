"""From documents to the context: which runs form one grid, what was measured, what was not."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from bench.documents.results import (
    Failed,
    Invalid,
    Measured,
    Outcome,
    Results,
    Unavailable,
    Unverified,
)
from bench.errors import UsageError
from bench.judging.verdicts import MARGIN
from impls.precision import declares_tf32
from impls.registry import ROWS
from impls.row import Row
from reports import palette
from reports.context import Context, Gap
from reports.families import judged
from reports.grids import kept_apart
from reports.points import Condition, Key, Point, Scope
from reports.ratios import compared, over_floor, speed_ups


def build_context(results: Sequence[Results], margin: float = MARGIN) -> Context:
    """Put one or more documents in order for the sections.

    Differences up to ``margin`` (a share, such as 0.03) count as the same.

    Raises:
        UsageError: no document.
    """
    if not results:
        raise UsageError("a report needs at least one results document: give a results.json")
    apart = kept_apart(results)
    outcomes = [
        (_condition(outcome, run if apart else 0), run, outcome)
        for run, document in enumerate(results, start=1)
        for outcome in document.outcomes
    ]
    known = _known(results)
    repeated = {row.name: row.repeats for row in known.values() if row.role == "control"}
    found = {outcome.cell.implementation for _, _, outcome in outcomes} - repeated.keys()
    names = _in_order(found, known)
    rows = {name: known[name] for name in names if name in known}
    everything = _points(results, outcomes)
    points = {key: point for key, point in everything.items() if key[0] not in repeated}
    baseline = next((name for name, row in rows.items() if row.rung == 0), None)
    floors: dict[str, str] = {
        row.device: name for name, row in reversed(rows.items()) if row.role == "limit"
    }
    over_baseline = speed_ups(points, baseline)
    return Context(
        results=tuple(results),
        implementations=names,
        rows=rows,
        slots=palette.slots(names, known),
        conditions=_conditions(outcomes),
        points=points,
        gaps=_gaps(outcomes),
        baseline=baseline,
        floors=floors,
        speed_ups=over_baseline,
        over_floor=over_floor(points, floors),
        verdicts=judged(compared(over_baseline, baseline, floors), margin),
        controls={
            (repeated[name], condition, batch_size): point
            for (name, condition, batch_size), point in everything.items()
            if name in repeated
        },
        margin=margin,
    )


def _known(results: Sequence[Results]) -> dict[str, Row]:
    """What the documents know of implementations, and the registry of the rest, in its order."""
    return {row.name: row for row in (*ROWS, *(row for one in results for row in one.rows))}


Placed = tuple[Condition, int, Outcome]


def _condition(outcome: Outcome, run: int) -> Condition:
    cell = outcome.cell
    scope = Scope(cell.network, run, declares_tf32(_declared(outcome)))
    return Condition(scope, cell.threads, cell.setting)


def _declared(outcome: Outcome) -> Mapping[str, str]:
    """What the implementation declared, measured or not; nothing where it could not be asked."""
    if isinstance(outcome, Measured):
        return outcome.process.declared
    if isinstance(outcome, Unverified) and outcome.measured is not None:
        return outcome.measured.process.declared
    return {} if isinstance(outcome, Unavailable) else outcome.declared


def _conditions(outcomes: Sequence[Placed]) -> tuple[Condition, ...]:
    """Every condition once: scopes as they appear, then threads, unset last, then settings."""
    found = dict.fromkeys(condition for condition, _, _ in outcomes)
    scopes = list(dict.fromkeys(condition.scope for condition in found))
    return tuple(
        sorted(
            found,
            key=lambda one: (
                one.is_tf32,
                scopes.index(one.scope),
                sys.maxsize if one.threads is None else one.threads,
                [(name, value or "") for name, value in one.setting],
            ),
        )
    )


def _in_order(names: set[str], known: Mapping[str, Row]) -> tuple[str, ...]:
    """Registry order first, then the rest by name."""
    ours = [name for name in known if name in names]
    return (*ours, *sorted(names - known.keys()))


def _points(results: Sequence[Results], outcomes: Sequence[Placed]) -> dict[Key, Point]:
    """Measured outcomes pooled by cell; blocks are numbered through all documents."""
    first_block = [0]
    for document in results:
        blocks = [one.block for one in document.outcomes if isinstance(one, Measured)]
        first_block.append(first_block[-1] + max(blocks, default=-1) + 1)
    pooled: dict[Key, dict[int, tuple[Measured, ...]]] = {}
    examples: dict[Key, int] = {}
    for condition, run, outcome in outcomes:
        if isinstance(outcome, Measured):
            key = (outcome.cell.implementation, condition, outcome.cell.batch_size)
            processes = pooled.setdefault(key, {})
            block = first_block[run - 1] + outcome.block
            processes[block] = (*processes.get(block, ()), outcome)
            examples[key] = results[run - 1].plan.examples
    return {
        key: Point(next(iter(processes.values()))[0].cell, key[1], examples[key], processes)
        for key, processes in pooled.items()
    }


def _gaps(outcomes: Sequence[Placed]) -> tuple[Gap, ...]:
    """Everything that was not measured, in the order of the documents."""
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
        for condition, _, outcome in outcomes
        if not isinstance(outcome, Measured)
    )
