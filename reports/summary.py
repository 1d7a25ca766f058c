"""The answer in plain sentences, shared by the terminal and the HTML report."""

from __future__ import annotations

import shlex
from dataclasses import replace

from bench.judging.stats import CONFIDENCE, Ratio
from bench.judging.verdicts import Verdict, interval, probability, readable, within
from bench.observations.points import Point
from bench.planning.environment import variables as thread_variables
from bench.provenance import kernels
from reports import controls, grids, places, rounding, runs, trainings, watched
from reports import format as text
from reports.context import Context, Gap
from reports.findings import Finding, findings, unranked
from reports.trainings import held_in


def certainty(ratio: Ratio, p: float | None = None) -> str:
    """How sure a ratio is: its interval and the ``p`` of its verdict, or why it has none."""
    if ratio.error is None:
        processes = text.count(ratio.processes, "process", "processes")
        parts = [
            f"from {processes}{'' if ratio.paired else ' on one side'}, too few for an interval"
        ]
    else:
        parts = [interval(ratio), *([] if p is None else [probability(p)])]
    return ", ".join(parts if ratio.paired else [*parts, "measured at different times"])


def headline(context: Context, finding: Finding) -> str:
    """A finding in one sentence: who, where, how fast, by how much, how sure."""
    best = finding.best
    sentence = (
        f"At batch {finding.batch_size} with {context.label(best.condition)}, "
        f"{best.implementation} {_achievement(context, finding)}"
    )
    clauses = []
    if finding.speed_up:
        clauses.append(_over_baseline(context, finding.speed_up, finding.over_baseline))
    elif best.implementation == context.baseline:
        clauses.append("it is the baseline itself")
    if finding.over_floor:
        clauses.append(_over_floor(finding.over_floor, said=bool(finding.speed_up)))
    return f"{sentence}: {', '.join(clauses)}." if clauses else f"{sentence}."


def _achievement(context: Context, finding: Finding) -> str:
    """What the best does in how much time."""
    target, best = context.target(finding.scope), finding.best
    if target is None:
        return f"trains an epoch of {best.examples} examples in {text.seconds(finding.seconds)}"
    parts = [f"held in {held_in(best)} trainings"]
    if best.epoch and best.epoch.low is not None and best.epoch.high is not None:
        ends = f"{text.seconds(best.epoch.low)} to {text.seconds(best.epoch.high)}"
        parts.append(f"{100 * CONFIDENCE:.0f} % interval {ends}")
    return (
        f"trains for {text.seconds(finding.seconds)} until it holds a test accuracy of "
        f"{text.target(target)} ({', '.join(parts)})"
    )


def _over_baseline(context: Context, ratio: Ratio, verdict: Verdict | None) -> str:
    """The speed-up over the baseline, and what is to be thought of it where that is not plain."""
    said = f"{readable(ratio.value)} times as fast as {context.baseline}"
    said += f" ({certainty(ratio, verdict.p if verdict else None)})"
    if verdict is None or verdict.kind in ("faster", "slower") or verdict.code == "too-few":
        return said
    if verdict.kind == "same":
        return f"{said}, which counts as the same {within(verdict.margin)}"
    return f"{said}, which is {rounding.word(verdict)}"


def _over_floor(ratio: Ratio, *, said: bool) -> str:
    """The multiple of the floor's time; that there are too few blocks may be ``said`` already."""
    value = f"{text.significant(ratio.value)} times the floor's time"
    return value if said and ratio.error is None else f"{value} ({certainty(ratio)})"


def lead(context: Context, finding: Finding) -> str:
    """How the best stands to the closest other implementation, or that there is none."""
    verdict = finding.verdict
    if verdict is None or not finding.rivals:
        held = context.target(finding.scope) is not None
        was = "held it in every training" if held else "was measured"
        return f"No other implementation {was} at this batch size."
    rival, ratio = finding.rivals[0]
    name = rival.implementation
    if rival.condition != finding.best.condition:
        name += f" with {context.label(rival.condition)}"
    slower = f"takes {readable(ratio.value)} times as long"
    if verdict.kind == "same":
        return f"{name} is as fast {within(verdict.margin)}: it {slower} ({certainty(ratio)})."
    next_ = f"{name} comes next: it {slower}"
    if verdict.code == "too-few":
        return f"{next_}, {certainty(ratio)}. {verdict.remedy}"
    if verdict.kind == "faster":
        others = [one for one in finding.undecided if one != rival.implementation]
        open_ = f" It is not told apart from {text.listing(others)}." if others else ""
        return f"{next_} ({certainty(ratio, verdict.p)}).{open_}"
    if verdict.kind == "likely faster":
        return f"{next_} ({certainty(ratio)}), which is {rounding.word(verdict)}. {verdict.remedy}"
    return (
        f"Whether it is faster than {name} is unclear: that one {slower} ({certainty(ratio)}). "
        f"{verdict.remedy}"
    )


def export_line(point: Point) -> str:
    """The shell line that gives a process the thread count, kernels and setting of ``point``.

    Empty where nothing was asked for.
    """
    setting = dict(point.cell.setting)
    exported = point.measured[0].process.environment.get(kernels.VARIABLE)
    wanted = {
        **thread_variables(point.cell.threads),
        kernels.VARIABLE: exported,
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
    """The reason, and the last line of what a worker printed before it died of something."""
    last = gap.detail.strip().rpartition("\n")[2].strip()
    reason = gap.reason.rstrip(".")
    return reason if not last or last in reason else f"{reason}: {last}"


def gap_sentences(context: Context) -> tuple[str, ...]:
    """What was not measured, where and why, one sentence per outcome, reason and place."""
    alike: dict[tuple[str, str, str], list[Gap]] = {}
    for gap in context.gaps:
        alike.setdefault((gap.kind, gap.cell.implementation, _why(gap)), []).append(gap)
    together: dict[tuple[str, int, str, str], list[str]] = {}
    for (kind, name, reason), gaps in alike.items():
        found = (kind, len(gaps), places.of_gaps(context, gaps), reason.rstrip("."))
        together.setdefault(found, []).append(name)
    said = []
    for (kind, count, where, reason), names in together.items():
        number = text.count(count, "outcome") + (" each" if len(names) > 1 else "")
        found_in = f"{number}: {where}" if where else number
        said.append(f"{', '.join(names)}: {kind} ({found_in}): {reason}.")
    return tuple(said)


def provisional(context: Context) -> tuple[str, ...]:
    """What takes the headline back, and so stands before it; nothing where nothing is ranked."""
    ranked = {one.scope for one in findings(context.ranked)}
    points = {key: point for key, point in context.points.items() if key[1].scope in ranked}
    return watched.provisional(replace(context, points=points))


def remarks(context: Context) -> tuple[str, ...]:
    """What a reader must know about the documents as a whole before trusting them.

    What stands before the headline is not among it, see :func:`provisional`.
    """
    ranking = context.ranked
    found = [*trainings.not_held(context), *_interrupted(context)]
    if not all(p.whole_epochs for p in context.points.values() if p.epoch):
        found.append("Where no whole epoch was timed, it is computed from steps.")
    found += [grids.remark(context.results), unranked(ranking)]
    found += [f"{run}{said}" for run, one in runs.each(ranking) if (said := controls.remark(one))]
    found += [_held_back(context), *runs.notes(context)]
    return tuple(filter(None, found))


def facts(context: Context) -> tuple[str, ...]:
    """Those of the remarks that say what was measured at all, rather than how sure it is."""
    found = [*trainings.not_held(context), *_interrupted(context), grids.remark(context.results)]
    return tuple(filter(None, [*found, *runs.notes(context)]))


def _interrupted(context: Context) -> list[str]:
    """Which runs were interrupted."""
    some = [n for n, document in enumerate(context.results, start=1) if not document.complete]
    said = "The run was interrupted: what is shown is valid, but not all was measured."
    return [f"{runs.named(some) if runs.apart(context) else ''}{said}"] if some else []


def _held_back(context: Context) -> str:
    """That some implementation multiplied with half of the processor, or an empty string."""
    widest = {document.machine.vectors for document in context.results}
    found: dict[str, list[str]] = {}
    for point in context.points.values():
        used = [pool for pool in point.measured[0].process.pools if pool.used]
        for name in kernels.held_back(used, max(filter(None, widest), default=None)):
            found.setdefault(name, []).append(point.implementation)
    return " ".join(
        f"OpenBLAS multiplied with its {name} kernels, which leave half of each vector "
        f"register unused, for {', '.join(dict.fromkeys(names))}: see {kernels.VARIABLE}."
        for name, names in found.items()
    )


def nothing(context: Context) -> str:
    """Why there is no finding at all."""
    missed = trainings.not_held(context)
    if missed:
        return missed[0]
    if any(not context.is_floor(name) for name, _, _ in context.points):
        what = "No epoch"
    else:
        what = "No implementation" if context.points or context.controls else "Nothing"
    return f"{what} was measured, so nothing can be compared."


def sentences(context: Context) -> tuple[str, ...]:
    """The whole answer: the headline, then what else is known and what is not.

    Only what takes the headline back comes before it.
    """
    ranking = context.ranked
    found: list[str] = list(provisional(context))
    for place, finding in enumerate(findings(ranking)):
        found.append(headline(ranking, finding))
        if place == 0:
            found.append(lead(ranking, finding))
            line = export_line(finding.best)
            found += [f"Reproduce with: {line}"] if line else []
    if not found:
        found.append(nothing(context))
    # What is the headline already, for want of a better, is not said again.
    others = (said for said in remarks(context) if said not in found)
    return (*found, *gap_sentences(context), *others)
