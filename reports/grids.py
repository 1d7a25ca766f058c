"""Which documents form one grid, and what they differ in: the same guard as that of a comparison.

Within a grid cells of different documents are divided by each other, so that whatever forbids this
between two runs keeps them apart here as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from bench.documents.results import Measured, Results
from bench.observations.selection import RUN
from bench.planning.plan import Cell
from bench.planning.variables import VARIABLES
from bench.provenance.records import Process
from bench.stats.differences import (
    UNKNOWN,
    Described,
    Difference,
    between_documents,
    between_processes,
    merged,
    obstacles,
)
from reports import format as text
from reports.facts.devices import CPU

_OF_THE_NETWORK = ("plan.network", "plan.trainings", "dataset.normalisation", "plan.target")
"""What networks of different names may differ in: they are never compared with each other."""
_TARGET = "plan.target"
"""Other targets are other work, for a comparison of the time to reach them; epochs are alike."""
_MOST_FIELDS = 6


def kept_apart(results: Sequence[Results]) -> bool:
    """Return whether the documents are shown as separate runs instead of one grid.

    They are kept apart where a comparison of them would be forbidden, where they are of different
    machines or devices, and where they hold the same cell, which would otherwise count twice.
    """
    return _overlap(results) or bool(_forbidding(_differences(results)))


def remark(results: Sequence[Results]) -> str:
    """Return why documents are kept apart, or what may explain a ratio in their grid."""
    differences = _differences(results)
    forbidding = _forbidding(differences)
    reasons = ["they hold the same cells"] if _overlap(results) else []
    reasons += [f"they differ in {_listed(forbidding)}"] if forbidding else []
    if reasons:
        return (
            "The documents are shown as separate runs and not compared with each other, because "
            f"{' and '.join(reasons)}."
        )
    fields = dict.fromkeys(
        _said(difference)
        for difference in differences
        # What is incomplete is said by itself.
        if difference.kind == "matters" and difference.field != "complete"
    )
    if not fields:
        return ""
    return (
        f"The documents form one grid. These differences may explain a ratio: {_listed([*fields])}."
    )


def _forbidding(differences: Sequence[Difference]) -> list[str]:
    """Return those of ``differences`` over which nothing may be compared, each with both values."""
    fields = (
        _said(difference)
        for difference in differences
        if difference.field == _TARGET or obstacles([difference], across_machines=False)
    )
    return list(dict.fromkeys(fields))


def _overlap(results: Sequence[Results]) -> bool:
    """Return whether any two documents hold the same cell."""
    seen: set[Cell] = set()
    for document in results:
        cells = {outcome.cell for outcome in document.outcomes}
        if cells & seen:
            return True
        seen |= cells
    return False


def _differences(results: Sequence[Results]) -> list[Difference]:
    """Return what two of the documents differ in, except what both ask for by cell."""
    documents = [_Compared.of(document) for document in results]
    return merged(
        difference
        for first, second in combinations(documents, 2)
        for difference in _between(first, second)
    )


@dataclass(frozen=True)
class _Compared:
    """What is compared of a document, gathered once for all its pairs.

    ``elsewhere`` are the processes that measured on a device other than the processor, and
    ``asks_threads`` says whether every cell asked for a thread count.
    """

    described: Described
    batch_sizes: frozenset[int]
    elsewhere: list[Process]
    asks_threads: bool

    @classmethod
    def of(cls, document: Results) -> _Compared:
        return cls(
            Described.of(document),
            frozenset(training.batch_size for training in document.plan.trainings),
            [
                outcome.process
                for outcome in document.outcomes
                if isinstance(outcome, Measured) and outcome.cell.device != CPU
            ],
            all(outcome.cell.threads is not None for outcome in document.outcomes),
        )


def _between(first: _Compared, second: _Compared) -> Iterator[Difference]:
    sizes = first.batch_sizes | second.batch_sizes
    networks = {document.described.document.plan.network.name for document in (first, second)}
    for difference in between_documents(
        first.described, second.described, document_index=1, coordinate=RUN, batch_sizes=sizes
    ):
        field = difference.field
        of_network = any(field == name or field.startswith(f"{name}.") for name in _OF_THE_NETWORK)
        # A cell that asks for a thread count overrides an exported one.
        is_overridden = (
            first.asks_threads
            and second.asks_threads
            and field.removeprefix("machine.environment.") in VARIABLES
        )
        if not is_overridden and not (of_network and len(networks) > 1):
            yield difference
    if first.elsewhere or second.elsewhere:
        devices = between_processes(
            first.elsewhere, second.elsewhere, document_index=1, coordinate=RUN, where=""
        )
        yield from obstacles(devices, across_machines=False)


def _said(difference: Difference) -> str:
    """Return a field with both values."""
    values = [
        "none" if difference.field == _TARGET and value == UNKNOWN else text.label(value)
        for value in (difference.reference, difference.other)
    ]
    return f"{difference.field} ({', '.join(values)})"


def _listed(fields: list[str]) -> str:
    """As many fields as a sentence can hold, and how many more there are."""
    shown = fields[:_MOST_FIELDS]
    more = len(fields) - len(shown)
    return text.listing([*shown, *([f"{more} more"] if more else [])])
