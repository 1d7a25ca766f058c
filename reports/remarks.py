"""What a reader must know beside the answer: doubts about a run, and what was not measured."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import replace

from bench.observations.points import Condition, Point
from bench.planning.variables import variables as thread_variables
from bench.provenance import machine
from reports import format as text
from reports import grids, runs
from reports.context import Context, Gap
from reports.facts import aa_control, disturbed_rounds, trainings
from reports.templates import sentence

Place = tuple[Condition, int]
"""A condition and a batch size."""


def export_line(point: Point) -> str:
    """Return the shell line that exports the thread count, kernels and setting of ``point``.

    Empty where nothing was asked for.
    """
    setting = dict(point.cell.setting)
    exported = point.measured[0].process.environment.get(machine.CORETYPE)
    wanted = {**thread_variables(point.cell.threads), machine.CORETYPE: exported, **setting}
    unset = [name for name, value in setting.items() if value is None]
    assignments = [f"{name}={shlex.quote(value)}" for name, value in wanted.items() if value]
    parts = [f"unset {' '.join(unset)}"] if unset else []
    if assignments:
        parts.append(f"export {' '.join(assignments)}")
    return "; ".join(parts)


def failure_details(context: Context) -> tuple[tuple[str, str], ...]:
    """Return the end of what failed workers printed, each text once, with its first cell."""
    cells: dict[str, str] = {}
    for gap in context.gaps:
        if gap.detail:
            cells.setdefault(gap.detail, gap.cell.id)
    return tuple((cell, detail) for detail, cell in cells.items())


def gap_sentences(context: Context) -> tuple[str, ...]:
    """Return what was not measured, where and why, one sentence per outcome, reason and place.

    The reason of a worker that died ends with the last line that it printed.
    """
    alike: dict[tuple[str, str, str], list[Gap]] = {}
    for gap in context.gaps:
        reason, last = gap.reason.rstrip("."), gap.detail.strip().rpartition("\n")[2].strip()
        if last not in reason:
            reason = f"{reason}: {last}"
        alike.setdefault((gap.kind, gap.cell.implementation, reason), []).append(gap)
    names: dict[tuple[str, int, str, str], list[str]] = {}
    for (kind, name, reason), gaps in alike.items():
        key = (kind, len(gaps), gaps_in_words(context, gaps), reason.rstrip("."))
        names.setdefault(key, []).append(name)
    return tuple(
        sentence(
            "remarks",
            "gap",
            names=implementations,
            kind=kind,
            count=count,
            where=where,
            reason=reason,
        )
        for (kind, count, where, reason), implementations in names.items()
    )


def gaps_in_words(context: Context, gaps: Sequence[Gap]) -> str:
    """Return where ``gaps`` of one implementation lie; empty where it came so in all its cells."""
    here = {(gap.condition, gap.cell.batch_size) for gap in gaps}
    names = {gap.cell.implementation for gap in gaps}
    measured = any(name in names for name, _, _ in context.points)
    everywhere = {
        (gap.condition, gap.cell.batch_size)
        for gap in context.gaps
        if gap.cell.implementation in names
    }
    return cells_in_words(context, here) if measured or here != everywhere else ""


def cells_in_words(context: Context, places: Iterable[Place]) -> str:
    """Batch sizes with their conditions; conditions with the same batch sizes stand together."""
    sizes: dict[Condition, set[int]] = {}
    for condition, batch_size in places:
        sizes.setdefault(condition, set()).add(batch_size)
    together: dict[tuple[int, ...], list[str]] = {}
    for condition in sorted(sizes, key=context.place):
        together.setdefault(tuple(sorted(sizes[condition])), []).append(context.label(condition))
    return "; ".join(
        f"batch {text.listing(batch_sizes)} with {text.listing(labels)}"
        for batch_sizes, labels in together.items()
    )


def provisional(context: Context) -> tuple[str, ...]:
    """Return what makes the headline provisional; nothing where nothing is ranked."""
    ranked = {winner.scope for winner in context.for_ranking.winners}
    points = {key: point for key, point in context.points.items() if key.condition.scope in ranked}
    return disturbed_rounds.provisional(replace(context, points=points, unfolded=context.whole))


@functools.lru_cache(maxsize=2)  # it compares all documents with each other
def _grid_remark(whole: Context) -> str:
    return grids.remark(whole.results)


def facts(context: Context) -> tuple[str, ...]:
    """Return the remarks on what was measured at all."""
    sentences = [*trainings.not_held(context)]
    cut_short = [n for n, document in enumerate(context.results, start=1) if not document.complete]
    if cut_short:
        run = runs.named(cut_short) if runs.apart(context) else ""
        sentences.append(
            f"{run}The run was interrupted: its numbers are valid, but some cells are missing."
        )
    return tuple(filter(None, [*sentences, _grid_remark(context.whole), *runs.notes(context)]))


def cautions(context: Context) -> tuple[str, ...]:
    """Return the remarks on how sure the numbers are.

    What stands before the headline is not among them, see :func:`provisional`.
    """
    ranking = context.for_ranking
    sentences = []
    if not all(p.whole_epochs for p in context.points.values() if p.epoch):
        sentences.append("Where no whole epoch was timed, it is computed from steps.")
    unranked = [point for winner in ranking.winners for point in winner.unranked if point.epoch]
    if unranked:
        sentences.append(sentence("remarks", "unranked", points=unranked, context=ranking))
    for run, points_of_run in runs.each(ranking):
        if control := aa_control.remark(points_of_run):
            sentences.append(f"{run}{control}")
    widest = {document.machine.vectors for document in context.results}
    narrow: dict[str, list[str]] = {}
    for point in context.points.values():
        used = [pool for pool in point.measured[0].process.pools if pool.used]
        for name in machine.half_as_wide(used, max(filter(None, widest), default=None)):
            narrow.setdefault(name, []).append(point.implementation)
    sentences += [
        f"OpenBLAS multiplied with its {name} kernels, which leave half of each vector "
        f"register unused, for {', '.join(dict.fromkeys(names))}: see {machine.CORETYPE}."
        for name, names in narrow.items()
    ]
    return tuple(sentences)


def nothing(context: Context) -> str:
    """Return why nothing is ranked."""
    missed = trainings.not_held(context)
    if missed:
        return missed[0]
    if any(not context.is_floor(name) for name, _, _ in context.points):
        what = "No epoch"
    else:
        what = "No implementation" if context.points or context.controls else "Nothing"
    return f"{what} was measured, so nothing can be compared."
