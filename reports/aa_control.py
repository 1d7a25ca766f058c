"""What the measurement says of itself: false alarms, power, and where the scatter comes from."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from bench.observations.points import Key
from bench.stats import estimates
from bench.stats.verdicts import OPEN, Verdict, interval, readable, within
from reports import format as text
from reports.context import Context


@dataclass(frozen=True)
class Power:
    """The smallest relative differences that are detectable with 80 % power.

    ``ratios`` is the number of ratios over ``blocks`` blocks in tables of ``comparisons`` ratios;
    ``usual`` is the median over them and ``worst`` the largest.
    """

    blocks: int
    comparisons: int
    ratios: int
    usual: float
    worst: float


@dataclass(frozen=True)
class Scatter:
    """Relative standard deviations of an epoch's rounds: the median over ``cells``."""

    name: str
    cells: int
    within: float
    between: float


def alarms(context: Context) -> dict[Key, Verdict]:
    """Return each control judged against what it repeats; the keys are those of the latter.

    Above 1 the control seems faster than itself.
    """
    found = {}
    for key, control in context.controls.items():
        original = context.points.get(key)
        verdict = context.judged.verdict(original, control) if original else None
        if verdict is not None:
            found[key] = verdict
    return found


def is_false(verdict: Verdict) -> bool:
    """Return whether something seems faster or slower than itself."""
    return verdict.kind in ("faster", "slower")


def can_be_false(verdict: Verdict) -> bool:
    """Return whether there were blocks enough for a verdict, which alone can be a false alarm."""
    return verdict.code != "too-few"


def difference(verdicts: Iterable[Verdict]) -> str:
    """How far the same code differed from itself, beyond the margin; empty where it did not."""
    found = list(verdicts)
    # What counts as the same, or differs by less than counts, needs no warning.
    factors = [
        math.exp(abs(math.log(one.ratio.value)))
        for one in found
        if one.kind != "same" and abs(math.log(one.ratio.value)) > math.log1p(one.margin)
    ]
    if not factors:
        return ""
    most = "up to " if len(factors) > 1 else ""
    judged_by = any(can_be_false(one) for one in found)
    unless = " unless their verdict is clear" if judged_by else ""
    return (
        f"The same code differed by a factor of {most}{readable(max(factors))} in this run. "
        f"Treat smaller differences as noise{unless}."
    )


def power(context: Context) -> tuple[Power, ...]:
    """Return what this run could find: by blocks and size of the table, over all speed-ups judged.

    Where there is no baseline, those of the controls stand in.
    """
    verdicts = context.verdicts or alarms(context)
    tested = {key: one.ratio for key, one in verdicts.items() if one.ratio.error is not None}
    sizes: dict[tuple[int, int], list[float]] = {}
    for (_, condition, _), ratio in tested.items():
        comparisons = context.judged.comparisons(condition.scope)
        size = estimates.detectable(ratio, comparisons=comparisons)
        if size is not None:
            sizes.setdefault((ratio.processes, comparisons), []).append(size)
    return tuple(
        Power(*place, len(some), median(some), max(some)) for place, some in sorted(sizes.items())
    )


def power_sentence(found: Power) -> str:
    """Return what a run could find."""
    blocks = text.count(found.blocks, "block")
    where, over = "", f"one comparison over {blocks}"
    if found.comparisons > 1:
        where = f" in one of {found.comparisons} comparisons"
        over = f"median of {found.ratios} over {blocks}"
    # Beyond 100 %, percent no longer read as what they are.
    size = "difference of " + text.percent(found.usual)
    if found.usual > 1:
        size = f"factor of {readable(1 + found.usual)}"
    return f"This run can detect a {size}{where} with 80 % power ({over})."


def _out_of_reach(found: Power) -> str:
    """Return what a run with large scatter could not find."""
    return (
        f"With {text.count(found.blocks, 'block')} this run can only detect factors above "
        f"{readable(1 + found.usual)}."
    )


def scatter(context: Context) -> tuple[Scatter, ...]:
    """Return how epochs scatter within and between processes, for each implementation."""
    found = []
    for name in context.implementations:
        cells = []
        for (other, _, _), point in context.points.items():
            processes = list(point.epoch_rounds.values()) if other == name else []
            if len(processes) > 1 and any(len(rounds) > 1 for rounds in processes):
                cells.append(estimates.variances(processes))
        if cells:
            between, inside = (median(column) ** 0.5 for column in zip(*cells, strict=True))
            found.append(Scatter(name, len(cells), inside, between))
    return tuple(found)


def remark(context: Context) -> str:
    """The control's result and what the run could find, in a sentence each; empty without both."""
    found = list(alarms(context).items())
    said = []
    if found and not any(can_be_false(verdict) for _, verdict in found):
        names = text.listing(list(dict.fromkeys(key[0] for key, _ in found)))
        said.append(
            f"Control: {names} against itself under a second name, in too few blocks for a verdict."
        )
    elif len(found) == 1:
        (name, _, _), verdict = found[0]
        ratio = verdict.ratio
        sure = f" ({interval(ratio)})" if ratio.error is not None else ""
        outcome = {"same": f"the same {within(verdict.margin)}"}
        outcome |= {kind: kind for kind in OPEN}
        said.append(
            f"Control: {name} against itself under a second name is "
            f"{readable(ratio.value)} times as fast{sure}, "
            f"{outcome.get(verdict.kind, f'{verdict.kind}, a false alarm')}."
        )
    elif found:
        false = sum(is_false(verdict) for _, verdict in found)
        kinds = Counter(verdict.kind for _, verdict in found)
        words = text.listing([f"{number} {kind}" for kind, number in kinds.most_common()])
        alarm = text.count(false, "false alarm") if false else "no false alarm"
        names = text.listing(list(dict.fromkeys(key[0] for key, _ in found)))
        said.append(
            f"Control: {names} against itself under a second name, {len(found)} comparisons: "
            f"{words}; {alarm}."
        )
    said += [apart] if (apart := difference(verdict for _, verdict in found)) else []
    found_power = power(context)
    if found_power:
        usual = max(found_power, key=lambda one: one.ratios)
        said.append(_out_of_reach(usual) if usual.usual > 1 else power_sentence(usual))
    return " ".join(said)
