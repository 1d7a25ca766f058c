"""What the measurement says of itself: false alarms, power, and where the scatter comes from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from bench.observations.points import PointKey
from bench.stats import estimates
from bench.stats.verdicts import Verdict
from reports.context import Context
from reports.templates import sentence


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


def alarms(context: Context) -> dict[PointKey, Verdict]:
    """Return each control judged against what it repeats; the keys are those of the latter.

    Above 1 the control seems faster than itself.
    """
    verdicts = {}
    for key, control in context.controls.items():
        original = context.points.get(key)
        verdict = context.judged.verdict(original, control) if original else None
        if verdict is not None:
            verdicts[key] = verdict
    return verdicts


def is_false(verdict: Verdict) -> bool:
    """Return whether something seems faster or slower than itself."""
    return verdict.kind in ("faster", "slower")


def can_be_false(verdict: Verdict) -> bool:
    """Return whether there were blocks enough for a verdict, which alone can be a false alarm."""
    return verdict.code != "too-few"


def difference(verdicts: Iterable[Verdict]) -> str:
    """Return how far the same code differed from itself beyond the margin; empty if it did not."""
    known = list(verdicts)
    # What counts as the same, or differs by less than counts, needs no warning.
    factors = [
        factor
        for verdict in known
        if (factor := max(verdict.ratio.value, 1 / verdict.ratio.value)) > 1 + verdict.margin
        and verdict.kind != "same"
    ]
    judged = any(map(can_be_false, known))
    return sentence("remarks", "difference", factors=factors, judged=judged) if factors else ""


def power(context: Context) -> tuple[Power, ...]:
    """Return what this run could find: by blocks and size of the table, over all speed-ups judged.

    Where there is no baseline, those of the controls stand in.
    """
    verdicts = context.verdicts or alarms(context)
    tested = {
        key: verdict.ratio for key, verdict in verdicts.items() if verdict.ratio.error is not None
    }
    sizes: dict[tuple[int, int], list[float]] = {}
    for (_, condition, _), ratio in tested.items():
        comparisons = context.judged.comparisons(condition.scope)
        size = estimates.detectable(ratio, comparisons=comparisons)
        if size is not None:
            sizes.setdefault((ratio.blocks, comparisons), []).append(size)
    return tuple(
        Power(*place, len(differences), median(differences), max(differences))
        for place, differences in sorted(sizes.items())
    )


def scatter(context: Context) -> tuple[Scatter, ...]:
    """Return how epochs scatter within and between processes, for each implementation."""
    scatters = []
    for name in context.implementations:
        cells = []
        for (other, _, _), point in context.points.items():
            processes = list(point.epoch_rounds.values()) if other == name else []
            if len(processes) > 1 and any(len(rounds) > 1 for rounds in processes):
                cells.append(estimates.variances(processes))
        if cells:
            between, inside = (median(column) ** 0.5 for column in zip(*cells, strict=True))
            scatters.append(Scatter(name, len(cells), inside, between))
    return tuple(scatters)


def remark(context: Context) -> str:
    """Return the control's result and what the run could detect; empty without both."""
    judged = alarms(context)
    verdicts = list(judged.values())
    kinds = Counter(verdict.kind for verdict in verdicts)
    sentences = []
    if verdicts:
        control = sentence(
            "remarks",
            "control",
            names=dict.fromkeys(name for name, _, _ in judged),
            verdicts=verdicts,
            judged=any(map(can_be_false, verdicts)),
            kinds=[f"{number} {kind}" for kind, number in kinds.most_common()],
            alarms=sum(map(is_false, verdicts)),
        )
        sentences = [control, difference(verdicts)]
    if powers := power(context):
        usual = max(powers, key=lambda power: power.ratios)
        name = "little_power" if usual.usual > 1 else "power"
        sentences.append(sentence("remarks", name, power=usual))
    return " ".join(filter(None, sentences))
