"""Cells in words: where something happened, as short as it can be said."""

from __future__ import annotations

from collections.abc import Iterable

from bench.observations.points import Condition
from reports import format as text
from reports.context import Context, Gap

Place = tuple[Condition, int]
"""A condition and a batch size."""


def words(context: Context, places: Iterable[Place]) -> str:
    """Batch sizes with their conditions; conditions with the same batch sizes stand together."""
    sizes: dict[Condition, set[int]] = {}
    for condition, batch_size in places:
        sizes.setdefault(condition, set()).add(batch_size)
    together: dict[tuple[int, ...], list[str]] = {}
    for condition in sorted(sizes, key=context.place):
        together.setdefault(tuple(sorted(sizes[condition])), []).append(context.label(condition))
    return "; ".join(
        f"batch {text.listing(list(map(str, some)))} with {text.listing(labels)}"
        for some, labels in together.items()
    )


def of_gaps(context: Context, gaps: Iterable[Gap]) -> str:
    """Return where ``gaps`` of one implementation lie; empty where it came so in all its cells."""
    found = list(gaps)
    if not found:
        return ""
    name = found[0].cell.implementation
    here = {(gap.condition, gap.cell.batch_size) for gap in found}
    everywhere = {key[1:] for key in context.points if key[0] == name} | {
        (gap.condition, gap.cell.batch_size)
        for gap in context.gaps
        if gap.cell.implementation == name
    }
    apart = any(key[0] == name for key in context.points) or here != everywhere
    return words(context, here) if apart else ""
