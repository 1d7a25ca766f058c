"""The answer in three lines: what takes the lowest time, what its start costs, what is in doubt."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from bench.observations.points import Scope
from bench.observations.winner import BLOCKS_TO_RANK
from reports import format as text
from reports import remarks, rounding, templates
from reports.context import Context, Winner
from reports.facts import aa_control, costs

_MOST_BLOCKS = 100
"""More blocks than these are no advice."""


@dataclass(frozen=True)
class Doubt:
    """What could make the answer wrong, in one sentence, and the command that removes it.

    A ``provisional`` answer does not hold, so that the doubt stands before it.
    """

    sentence: str
    command: str = ""
    provisional: bool = False


def in_order(ranking: Context) -> list[Winner]:
    """Winners by scope, then by batch size, as everywhere on the page."""
    places = {scope: place for place, scope in enumerate(ranking.scopes)}
    return sorted(ranking.winners, key=lambda winner: (places[winner.scope], winner.batch_size))


def headline(context: Context) -> str:
    """Return one sentence for each scope: the lowest time at each batch size, and its ratio.

    Where nothing is ranked, it says why.
    """
    ranking = context.for_ranking
    by_scope: dict[Scope, dict[str, list[Winner]]] = {}
    for winner in in_order(ranking):
        by_name = by_scope.setdefault(winner.scope, {})
        by_name.setdefault(winner.best.implementation, []).append(winner)
    sentences = [
        templates.sentence(
            "answer",
            "headline",
            scope=ranking.scope_label(scope),
            target=context.target(scope),
            measured=ranking.batch_sizes(scope),
            baseline=ranking.baseline,
            winners=[_where(ranking, winners) for winners in by_name.values()],
        )
        for scope, by_name in by_scope.items()
    ]
    return " ".join(sentences) or remarks.nothing(context)


def _where(context: Context, winners: Sequence[Winner]) -> dict[str, object]:
    """Return where one implementation has the lowest time, under what, and its gain.

    There is one ``condition``, or else the ``threads`` of several, unless these differ in more.
    """
    conditions = {winner.best.condition for winner in winners}
    have_settings = any(condition.setting for condition in conditions)
    return {
        "name": winners[0].best.implementation,
        "sizes": [winner.batch_size for winner in winners],
        "condition": winners[0].best.condition if len(conditions) == 1 else None,
        "threads": sorted(
            {condition.threads for condition in conditions if condition.threads is not None}
        )
        if not have_settings
        else [],
        "gain": _gain(winners) if context.baseline else None,
    }


def _gain(winners: Sequence[Winner]) -> dict[str, object] | None:
    """Return the speed-ups over the baseline; None where one of them is missing.

    ``interval`` reaches from the lowest end of all to the highest.
    """
    ratios = [winner.speed_up for winner in winners if winner.speed_up]
    if len(ratios) < len(winners):
        return None
    lows = [ratio.low for ratio in ratios if ratio.low is not None]
    highs = [ratio.high for ratio in ratios if ratio.high is not None]
    digits = min(rounding.digits(ratio.value, ratio.low, ratio.high) for ratio in ratios)
    verdicts = [winner.over_baseline for winner in winners]
    kinds = {verdict.kind for verdict in verdicts if verdict and verdict.ratio.error is not None}
    return {
        "ratios": len(ratios),
        "least": rounding.factor(min(ratios, key=lambda ratio: ratio.value)),
        "most": rounding.factor(max(ratios, key=lambda ratio: ratio.value)),
        "interval": [text.significant(end, digits) for end in (min(lows), max(highs))]
        if len(lows) == len(ratios)
        else None,
        "fewest": min(ratios, key=lambda ratio: ratio.blocks),
        "doubts": sorted(kinds - {"faster", "slower"}),
        "paired": all(ratio.paired for ratio in ratios),
    }


def start(context: Context) -> str:
    """Return what the first winner's start costs and when it pays off; empty if unknown."""
    ranking = context.for_ranking
    if not ranking.winners:
        return ""
    best = ranking.winners[0].best
    group = context.group(best.condition, best.batch_size)
    by_name = {cost.point.implementation: cost for cost in costs.costs(context, group)}
    cost = by_name.get(best.implementation)
    if cost is None:
        return ""
    other = costs.reference(context, list(by_name.values()))
    return templates.sentence(
        "answer",
        "start",
        cost=cost,
        batch_size=best.batch_size if len(ranking.batch_sizes(best.condition.scope)) > 1 else None,
        other=other,
        balance=costs.balance(cost, other),
    )


def doubt(context: Context) -> Doubt | None:
    """Return the largest doubt about the headline, or None."""
    ranking = context.for_ranking
    warnings = remarks.provisional(context)
    if warnings:
        return Doubt(warnings[0], _again(context), provisional=True)
    if any(_is_short(winner) for winner in ranking.winners):
        sentence = f"Not ranked: fewer than {BLOCKS_TO_RANK} blocks."
        return Doubt(sentence, _again(context, BLOCKS_TO_RANK))
    alarms = [alarm for alarm in aa_control.alarms(ranking).values() if aa_control.is_false(alarm)]
    if alarms:
        size = text.percent(max(abs(alarm.ratio.value - 1) for alarm in alarms))
        sentence = f"The control differed from itself by {size}: ignore differences of that size."
        return Doubt(sentence, _again(context))
    undecided = [winner for winner in in_order(ranking) if winner.undecided]
    return _undecided(context, undecided) if undecided else None


def _is_short(winner: Winner) -> bool:
    """Return whether there were too few blocks for the interval of its time or of its ratio."""
    epoch, ratio = winner.best.epoch, winner.speed_up
    if ratio is not None:
        return winner.is_too_few or ratio.error is None
    return winner.is_too_few or (epoch is not None and not epoch.has_interval)


def _undecided(context: Context, winners: Sequence[Winner]) -> Doubt:
    """Return which implementations may be as fast as the lowest, and the blocks that would tell."""
    leads: dict[str, list[str | None]] = {
        name: [] for winner in winners for name in winner.undecided
    }
    for winner in winners:
        for rival, _ in winner.rivals:
            if rival.implementation in leads:
                verdict = context.judged.verdict(rival, winner.best)
                leads[rival.implementation].append(verdict.kind if verdict else None)
    verdicts = [winner.verdict for winner in winners]
    are_same = all(verdict is not None and verdict.kind == "same" for verdict in verdicts)
    sentence = templates.sentence(
        "answer",
        "undecided",
        rivals=list(leads),
        open=[name for name, kinds in leads.items() if {*kinds} - {"faster", "likely faster"}],
        are_same=are_same,
        sizes=sorted({winner.batch_size for winner in winners}),
        measured=sorted({size for winner in winners for size in context.batch_sizes(winner.scope)}),
    )
    blocks = max((verdict.blocks or 0 for verdict in verdicts if verdict), default=0)
    is_advice = not are_same and 0 < blocks <= _MOST_BLOCKS
    return Doubt(sentence, _again(context, blocks) if is_advice else "")


def _again(context: Context, blocks: int | None = None) -> str:
    """Return the command of the first document, with other ``blocks`` where they are given.

    The second run needs another folder, so ``--out`` is left out.  Empty where no command of a run
    is recorded.
    """
    command = context.results[0].command
    if not command.startswith("mlpbench run"):
        return ""
    words = shlex.split(command)
    if "--out" in words[:-1]:
        place = words.index("--out")
        del words[place : place + 2]
    if blocks is not None and "--blocks" in words[:-1]:
        words[words.index("--blocks") + 1] = str(blocks)
    elif blocks is not None:
        words += ["--blocks", str(blocks)]
    return shlex.join(words)


def lines(context: Context) -> tuple[str, ...]:
    """Return the answer for a terminal: who is fastest, its start, one doubt, then the rest.

    The rest says what was not measured and which shell line gives the fastest setting.
    """
    sentences = [headline(context), start(context)]
    if first_doubt := doubt(context):
        command = f" Next: {first_doubt.command}" if first_doubt.command else ""
        sentences.append(f"{first_doubt.sentence}{command}")
    sentences += [*remarks.facts(context), *remarks.gap_sentences(context)]
    best = in_order(context.for_ranking)[:1]
    if best and (export := remarks.export_line(best[0].best)):
        sentences.append(f"Reproduce with: {export}")
    return tuple(dict.fromkeys(filter(None, sentences)))


def paragraphs(context: Context) -> tuple[str, ...]:
    """Return the answer as :func:`lines` gives it, followed by everything else that limits it."""
    return tuple(dict.fromkeys((*lines(context), *remarks.cautions(context))))
