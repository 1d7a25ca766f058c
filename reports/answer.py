"""The answer in three lines: what takes the lowest time, what its start costs, what is in doubt."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from bench.stats.estimates import MINIMUM_PROCESSES, Ratio
from reports import aa_control, costs, remarks, rounding
from reports import format as text
from reports.context import Context
from reports.findings import Winner, findings

_MOST_BLOCKS = 100
"""More blocks than these are no advice."""
_NUMBERS = ("no", "one", "both", "all three", "all four", "all five", "all six")
_MOST_LISTED = 3
_BLOCKS, _OUT = "--blocks", "--out"


@dataclass(frozen=True)
class Doubt:
    """What could make the answer wrong, in one sentence, and the command that removes it."""

    sentence: str
    command: str = ""


def in_order(context: Context, found: Sequence[Winner]) -> list[Winner]:
    """Findings by scope, then by batch size, as everywhere on the page."""
    return sorted(found, key=lambda one: (context.scopes.index(one.scope), one.batch_size))


def headline(context: Context) -> str:
    """Return one sentence for each scope: the lowest time at each batch size, and its ratio."""
    ranking = context.ranked
    found = in_order(ranking, findings(ranking))
    scopes = list(dict.fromkeys(one.scope for one in found))
    said = []
    for scope in scopes:
        label = ranking.scope_label(scope)
        lead = f"{label[:1].upper()}{label[1:]}: " if label else ""
        sentence = _sentence(ranking, [one for one in found if one.scope == scope])
        said.append(lead + (sentence if not lead else sentence[:1].lower() + sentence[1:]))
    return " ".join(said)


def _sentence(context: Context, found: list[Winner]) -> str:
    """Return the lowest time at every batch size of one scope."""
    what = "Lowest time"
    target = context.target(found[0].scope)
    if target is not None:
        what += f" to hold {text.target(target)} test accuracy"
    names = list(dict.fromkeys(one.best.implementation for one in found))
    if len(names) == 1:
        where = _everywhere([one.batch_size for one in found])
        return f"{what} {where}: {names[0]}{_setting(found)}{_gain(context, found)}."
    parts = [_part(context, [one for one in found if one.best.implementation == n]) for n in names]
    return f"{what}: {'; '.join(parts)}."


def _part(context: Context, found: list[Winner]) -> str:
    name, where = found[0].best.implementation, _sizes(context, found)
    return f"{name}{_setting(found)} {where}{_gain(context, found)}"


def _sizes(context: Context, found: list[Winner]) -> str:
    """Batch sizes as a list, or as a range where there are many without a gap."""
    sizes = [one.batch_size for one in found]
    if len(sizes) <= _MOST_LISTED:
        return f"at batch {text.listing(list(map(str, sizes)))}"
    measured = context.batch_sizes(found[0].scope)
    first, last = measured.index(sizes[0]), measured.index(sizes[-1])
    if last - first + 1 == len(sizes):
        return f"from batch {sizes[0]} to {sizes[-1]}"
    return f"at {len(sizes)} of {len(measured)} batch sizes"


def _everywhere(sizes: list[int]) -> str:
    if len(sizes) == 1:
        return f"at batch {sizes[0]}"
    number = _NUMBERS[len(sizes)] if len(sizes) < len(_NUMBERS) else f"all {len(sizes)}"
    return f"at {number} batch sizes"


def _setting(found: list[Winner]) -> str:
    """Return the condition, or the thread counts where it is not the same at every batch size."""
    conditions = {one.best.condition for one in found}
    if len(conditions) > 1:
        counts = sorted({one.threads for one in conditions if one.threads is not None})
        known = len(counts) > 1 and not any(one.setting for one in conditions)
        return f" with {' or '.join(map(str, counts))} threads" if known else ""
    (condition,) = conditions
    parts = [text.threads(condition.threads), text.setting(condition.setting)]
    return f" with {', '.join(part for part in parts if part)}"


def _gain(context: Context, found: list[Winner]) -> str:
    """Return the ratio over the baseline, or the range of ratios, with the intervals."""
    if all(one.best.implementation == context.baseline for one in found):
        return ", the baseline"
    known = [one.speed_up for one in found if one.speed_up]
    if not context.baseline or len(known) < len(found):
        return ""
    low, high = (pick(known, key=lambda one: one.value) for pick in (min, max))
    size = rounding.factor(low)
    if rounding.factor(high) != size:
        size += f" to {rounding.factor(high)}"
    words = {rounding.doubt(one.over_baseline) for one in found if _has_interval(one)} - {""}
    notes = [_hull(found) or _no_interval(known), *sorted(words)]
    if not all(one.paired for one in known):
        notes.append("measured at different times")
    return f", {size} times as fast as {context.baseline} ({', '.join(notes)})"


def _has_interval(finding: Winner) -> bool:
    return finding.speed_up is not None and finding.speed_up.error is not None


def _no_interval(ratios: list[Ratio]) -> str:
    """Return why there is no interval."""
    fewest = min(ratios, key=lambda one: one.processes)
    side = "" if fewest.paired else " on one side"
    processes = text.count(fewest.processes, "process", "processes")
    return f"no interval from {processes}{side}"


def _hull(found: list[Winner]) -> str:
    """Return the interval of one ratio, or from the lowest end of several to the highest."""
    known = [one.speed_up for one in found if one.speed_up]
    lows = [one.low for one in known if one.low is not None]
    highs = [one.high for one in known if one.high is not None]
    if len(lows) < len(found):
        return ""
    shown = min(rounding.digits(one.value, one.low, one.high) for one in known)
    ends = f"{text.significant(min(lows), shown)} to {text.significant(max(highs), shown)}"
    return f"95 % interval{'' if len(found) == 1 else 's'} {ends}"


def start(context: Context) -> str:
    """What the first finding's start costs and when it pays off; empty where it is not known."""
    ranking = context.ranked
    found = findings(ranking)
    if not found:
        return ""
    best = found[0].best
    group = context.group(best.condition, best.batch_size)
    several = {cost.point.implementation: cost for cost in costs.costs(context, group)}
    ours = several.get(best.implementation)
    if ours is None:
        return ""
    several_sizes = len(ranking.batch_sizes(best.condition.scope)) > 1
    where = f" at batch {best.batch_size}" if several_sizes else ""
    said = f"Start-up of {best.implementation}{where}: {text.seconds(ours.cold, 2)}"
    other = costs.reference(context, list(several.values()))
    if other is ours:
        return f"{said}."
    compared = costs.balance(ours, other)
    name = other.point.implementation
    told = {
        "alike": f"about that of {name}",
        "pays": f"pays off against {name} after {text.count(compared.epochs, 'epoch')}",
        "never": f"never pays off against {name}",
        "at once": f"less than {name}",
        "ahead": f"less than {name}, which overtakes after {text.count(compared.epochs, 'epoch')}",
    }
    return f"{said}; {told[compared.kind]}."


def doubt(context: Context) -> Doubt | None:
    """Return the largest doubt about the headline, or None."""
    ranking = context.ranked
    warned = remarks.provisional(context)
    if warned:
        return Doubt(warned[0], _again(context, None))
    found = in_order(ranking, findings(ranking))
    if any(_is_short(one) for one in found):
        return Doubt(
            f"Not ranked: fewer than {MINIMUM_PROCESSES} blocks.",
            _again(context, MINIMUM_PROCESSES),
        )
    alarms = [alarm for alarm in aa_control.alarms(ranking).values() if aa_control.is_false(alarm)]
    if alarms:
        size = max(abs(alarm.ratio.value - 1) for alarm in alarms)
        return Doubt(
            f"The control differed from itself by {text.percent(size)}: ignore differences of that "
            "size.",
            _again(context, None),
        )
    open_ones = [one for one in found if one.undecided]
    return _undecided(context, open_ones) if open_ones else None


def _is_short(finding: Winner) -> bool:
    """Return whether there were too few blocks for the interval of its time or of its ratio."""
    epoch, ratio = finding.best.epoch, finding.speed_up
    if ratio is not None:
        return finding.is_too_few or ratio.error is None
    return finding.is_too_few or (epoch is not None and not epoch.has_interval)


def _undecided(context: Context, found: list[Winner]) -> Doubt:
    """Return which implementations may be as fast as the lowest, and the blocks that would tell."""
    names = list(dict.fromkeys(name for one in found for name in one.undecided))
    sizes = _sizes(context, found)
    same = all(one.verdict is not None and one.verdict.kind == "same" for one in found)
    said = "is as fast" if same and len(names) == 1 else "may be as fast"
    open_names = [name for name in names if not _is_likely(context, found, name)]
    if open_names:
        sentence = f"{_few(open_names)} {said} {sizes}."
    else:
        sentence = f"The lead over {_few(names)} is likely, not certain, {sizes}."
    if same:
        return Doubt(sentence)
    blocks = max((one.verdict.blocks or 0 for one in found if one.verdict), default=0)
    return Doubt(sentence, _again(context, blocks) if 0 < blocks <= _MOST_BLOCKS else "")


def _is_likely(context: Context, found: list[Winner], name: str) -> bool:
    """Return whether each winner leads the best point of ``name``, at least likely."""
    verdicts = (
        context.judged.verdict(point, one.best)
        for one in found
        for point, _ in one.rivals
        if point.implementation == name
    )
    return all(one is not None and one.kind in ("faster", "likely faster") for one in verdicts)


def _few(names: list[str]) -> str:
    shown = names if len(names) <= 3 else [*names[:2], f"{len(names) - 2} others"]
    return text.listing(shown)


def _again(context: Context, blocks: int | None) -> str:
    """Return the command of the first document with ``blocks``; empty where none is recorded."""
    command = context.results[0].command
    if not command.startswith("mlpbench run"):
        return ""
    words = _without(shlex.split(command), _OUT)
    if blocks is None:
        return shlex.join(words)
    if _BLOCKS in words[:-1]:
        words[words.index(_BLOCKS) + 1] = str(blocks)
    else:
        words += [_BLOCKS, str(blocks)]
    return shlex.join(words)


def _without(words: list[str], option: str) -> list[str]:
    """``words`` without an option and its value: a second run needs a folder of its own."""
    if option not in words[:-1]:
        return words
    place = words.index(option)
    return [*words[:place], *words[place + 2 :]]


def lines(context: Context) -> tuple[str, ...]:
    """The answer for a terminal: who is fastest, what its start costs, one doubt, then the rest.

    The rest says what was not measured and which shell line gives the fastest setting.
    """
    ranking = context.ranked
    found: list[str] = [headline(context) or remarks.nothing(context), start(context)]
    first_doubt = doubt(context)
    if first_doubt is not None:
        command = f" Next: {first_doubt.command}" if first_doubt.command else ""
        found.append(f"{first_doubt.sentence}{command}")
    found += remarks.facts(context)
    found += remarks.gap_sentences(context)
    best = in_order(ranking, findings(ranking))[:1]
    export = remarks.export_line(best[0].best) if best else ""
    found.append(f"Reproduce with: {export}" if export else "")
    return tuple(dict.fromkeys(filter(None, found)))


def paragraphs(context: Context) -> tuple[str, ...]:
    """Return the answer as :func:`lines` gives it, followed by everything else that limits it."""
    return tuple(dict.fromkeys((*lines(context), *remarks.about(context))))
