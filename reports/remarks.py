"""What a reader must know beside the answer: doubts about a run, and what was not measured."""

from __future__ import annotations

import shlex
from dataclasses import replace

from bench.observations.points import Point
from bench.planning.variables import variables as thread_variables
from bench.provenance import machine
from reports import aa_control, cell_names, disturbed_rounds, grids, runs, trainings
from reports import format as text
from reports.context import Context, Gap
from reports.findings import findings, unranked


def export_line(point: Point) -> str:
    """The shell line that gives a process the thread count, kernels and setting of ``point``.

    Empty where nothing was asked for.
    """
    setting = dict(point.cell.setting)
    exported = point.measured[0].process.environment.get(machine.CORETYPE)
    wanted = {
        **thread_variables(point.cell.threads),
        machine.CORETYPE: exported,
        **setting,
    }
    assignments = [f"{name}={shlex.quote(value)}" for name, value in wanted.items() if value]
    unset = [name for name, value in setting.items() if value is None]
    parts = [f"unset {' '.join(unset)}"] if unset else []
    if assignments:
        parts.append(f"export {' '.join(assignments)}")
    return "; ".join(parts)


def failure_details(context: Context) -> tuple[tuple[str, str], ...]:
    """The end of what failed workers printed, each text once, with the name of the first cell."""
    found: dict[str, str] = {}
    for gap in context.gaps:
        if gap.detail:
            found.setdefault(gap.detail, gap.cell.id)
    return tuple((cell, detail) for detail, cell in found.items())


def _why(gap: Gap) -> str:
    """Return the reason, and the last line of what a worker printed before it died of something."""
    last = gap.detail.strip().rpartition("\n")[2].strip()
    reason = gap.reason.rstrip(".")
    return reason if not last or last in reason else f"{reason}: {last}"


def gap_sentences(context: Context) -> tuple[str, ...]:
    """Return what was not measured, where and why, one sentence per outcome, reason and place."""
    alike: dict[tuple[str, str, str], list[Gap]] = {}
    for gap in context.gaps:
        alike.setdefault((gap.kind, gap.cell.implementation, _why(gap)), []).append(gap)
    together: dict[tuple[str, int, str, str], list[str]] = {}
    for (kind, name, reason), gaps in alike.items():
        found = (kind, len(gaps), cell_names.of_gaps(context, gaps), reason.rstrip("."))
        together.setdefault(found, []).append(name)
    said = []
    for (kind, count, where, reason), names in together.items():
        number = text.count(count, "outcome") + (" each" if len(names) > 1 else "")
        found_in = f"{number}: {where}" if where else number
        said.append(f"{', '.join(names)}: {kind} ({found_in}): {reason}.")
    return tuple(said)


def provisional(context: Context) -> tuple[str, ...]:
    """What takes the headline back, and so stands before it; nothing where nothing is ranked."""
    ranked = {finding.scope for finding in findings(context.ranked)}
    points = {key: point for key, point in context.points.items() if key[1].scope in ranked}
    return disturbed_rounds.provisional(replace(context, points=points, every=context.whole))


def about(context: Context) -> tuple[str, ...]:
    """Return what a reader must know about the documents as a whole before trusting them.

    What stands before the headline is not among it, see :func:`provisional`.
    """
    ranking = context.ranked
    found = [*trainings.not_held(context), *_interrupted(context)]
    if not all(p.whole_epochs for p in context.points.values() if p.epoch):
        found.append("Where no whole epoch was timed, it is computed from steps.")
    found += [_of_the_grid(context), unranked(ranking)]
    found += [f"{run}{said}" for run, one in runs.each(ranking) if (said := aa_control.remark(one))]
    found += [_held_back(context), *runs.notes(context)]
    return tuple(filter(None, found))


def facts(context: Context) -> tuple[str, ...]:
    """Return those of the remarks that say what was measured at all, rather than how sure it is."""
    found = [*trainings.not_held(context), *_interrupted(context), _of_the_grid(context)]
    return tuple(filter(None, [*found, *runs.notes(context)]))


def _of_the_grid(context: Context) -> str:
    """Return why documents are kept apart, or what may explain a ratio in their grid."""
    memory = context.whole.memory
    if "grid" not in memory:
        memory["grid"] = grids.remark(context.results)
    found: str = memory["grid"]
    return found


def _interrupted(context: Context) -> list[str]:
    """Return which runs were interrupted."""
    some = [n for n, document in enumerate(context.results, start=1) if not document.complete]
    said = "The run was interrupted: what is shown is valid, but not all was measured."
    return [f"{runs.named(some) if runs.apart(context) else ''}{said}"] if some else []


def _held_back(context: Context) -> str:
    """Return that some implementation multiplied with half of the processor, or an empty string."""
    widest = {document.machine.vectors for document in context.results}
    found: dict[str, list[str]] = {}
    for point in context.points.values():
        used = [pool for pool in point.measured[0].process.pools if pool.used]
        for name in machine.half_as_wide(used, max(filter(None, widest), default=None)):
            found.setdefault(name, []).append(point.implementation)
    return " ".join(
        f"OpenBLAS multiplied with its {name} kernels, which leave half of each vector "
        f"register unused, for {', '.join(dict.fromkeys(names))}: see {machine.CORETYPE}."
        for name, names in found.items()
    )


def nothing(context: Context) -> str:
    """Return why there is no finding at all."""
    missed = trainings.not_held(context)
    if missed:
        return missed[0]
    if any(not context.is_floor(name) for name, _, _ in context.points):
        what = "No epoch"
    else:
        what = "No implementation" if context.points or context.controls else "Nothing"
    return f"{what} was measured, so nothing can be compared."
