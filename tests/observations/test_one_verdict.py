"""Whatever was measured, all that is said about a pair agrees: page, terminal and comparison."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from bench.cli.compare_answer import answer as compare
from bench.documents.results import Measured, Results
from bench.observations.pairs import PairKey as Pair
from bench.observations.points import PointKey
from bench.observations.selection import IMPLEMENTATION
from bench.planning.plan import Cell
from bench.stats.verdicts import Kind
from impls.registry import ROWS
from reports import answer, tables, terminal
from reports.context import Context
from reports.gather import build_context
from reports.sections import ladder, overview
from tests.reports import pieces, sample

RUNGS = tuple(row.name for row in ROWS if row.rung is not None)
NAMES = (*RUNGS[:4], "numba", "torch", next(row.name for row in ROWS if row.is_floor))
MIRROR: dict[Kind, Kind] = {
    "faster": "slower",
    "slower": "faster",
    "likely faster": "likely slower",
    "likely slower": "likely faster",
}
Said = tuple[str, Pair, Kind]


@dataclass(frozen=True)
class Drawn:
    """What a random document is like."""

    seed: int
    names: frozenset[str]
    sizes: tuple[int, ...]
    threads: tuple[int, ...]
    blocks: int
    spread: float
    scatter: float
    missing: float
    with_sweeps: bool


DRAWN = st.builds(
    Drawn,
    seed=st.integers(0, 10**6),
    names=st.frozensets(st.sampled_from(NAMES), min_size=2),
    sizes=st.sampled_from([(500,), (500, 2000)]),
    threads=st.sampled_from([(1,), (1, 2)]),
    blocks=st.integers(1, 6),
    spread=st.sampled_from([0.0, 0.02, 0.1, 1.0]),
    scatter=st.sampled_from([0.001, 0.02, 0.1]),
    missing=st.sampled_from([0.0, 0.3]),
    with_sweeps=st.booleans(),
)


def document(drawn: Drawn) -> Results:
    """Every cell takes the same time but for a factor of its own and the scatter of its rounds."""
    rng = random.Random(drawn.seed)
    outcomes = []
    for name in sorted(drawn.names):
        for size in drawn.sizes:
            for threads in drawn.threads:
                where = Cell(
                    implementation=name,
                    device="cpu",
                    network="blog",
                    batch_size=size,
                    threads=threads,
                )
                seconds = 0.1 * 2 ** rng.gauss(0, drawn.spread)
                outcomes += [
                    _measured(rng, drawn, where, block, seconds)
                    for block in range(drawn.blocks)
                    if rng.random() >= drawn.missing
                ]
    shape = sample.Shape(batch_sizes=drawn.sizes, threads=drawn.threads, outcomes=False)
    return sample.document(shape, outcomes=tuple(outcomes))


def _measured(
    rng: random.Random, drawn: Drawn, where: Cell, block: int, seconds: float
) -> Measured:
    of_block = seconds * 2 ** rng.gauss(0, drawn.scatter)
    rounds = [of_block * 2 ** rng.gauss(0, drawn.scatter) for _ in range(4)]
    found = pieces.measured(where, block=block, epoch=rounds)
    if not drawn.with_sweeps:
        return found
    timings = tuple(pieces.retimed(one, sweeps=(0, 1, 2, 3)) for one in found.timings)
    return pieces.remeasured(found, timings=timings)


def of_the_page(context: Context) -> Iterator[Said]:
    """The verdicts behind overview, ladder and findings."""
    with mock.patch.object(tables, "reasons", wraps=tables.reasons) as reasons:
        overview.render(context)
        ladder.render(context)
    for call in reasons.call_args_list:
        _, caption, verdicts = call.args
        for key, verdict in verdicts.items():
            yield caption, (_reference(context, caption, key), key), verdict.kind
    for one in context.winners:
        if one.verdict is not None:
            yield "lead", (one.rivals[0][0].key, one.best.key), one.verdict.kind
        if one.over_baseline is not None:
            reference = one.best.key._replace(implementation=context.baseline or "")
            yield "headline", (reference, one.best.key), one.over_baseline.kind


def _reference(context: Context, caption: str, key: PointKey) -> PointKey:
    """Whom a verdict of the overview or of the ladder is against."""
    names = [
        name for _, name in context.ladder if key._replace(implementation=name) in context.points
    ]
    is_gain = "gains" in caption
    reference = names[names.index(key.implementation) - 1] if is_gain else context.baseline
    return key._replace(implementation=reference or "")


def of_comparisons(context: Context, results: Results) -> Iterator[Said]:
    """The verdicts of compare, with every implementation as the baseline.

    Pairs that the page does not judge are left out: they are a family of each question.
    """
    points = context.points
    for name in context.implementations:
        answered = compare([Path("one.json")], [results], coordinate=IMPLEMENTATION, baseline=name)
        for pair in answered.comparison.pairs:
            keys = tuple(
                PointKey(one.cell.implementation, context.conditions[place], one.cell.batch_size)
                for one in (pair.reference, pair.other)
                for place in [_place(context, one.cell.threads)]
            )
            if context.judged.verdict(points[keys[0]], points[keys[1]]):
                yield f"compare --baseline {name}", keys, pair.verdict.kind


def _place(context: Context, threads: int | None) -> int:
    return [one.threads for one in context.conditions].index(threads)


FEW = settings(max_examples=25, deadline=None, phases=[Phase.reuse, Phase.generate])
"""Without shrinking: a document is drawn by its seed, so that a smaller one is another one."""


@FEW
@given(DRAWN)
def test_whatever_is_said_about_a_pair_agrees(drawn: Drawn) -> None:
    results = document(drawn)
    context = build_context([results])
    if len({key.implementation for key in context.points}) < 2:
        return
    said: dict[Pair, dict[Kind, list[str]]] = {}
    for who, pair, kind in (*of_the_page(context), *of_comparisons(context, results)):
        turned = pair[::-1] in said
        known = said.setdefault(pair[::-1] if turned else pair, {})
        known.setdefault(MIRROR.get(kind, kind) if turned else kind, []).append(who)
    assert all(len(kinds) == 1 for kinds in said.values()), said


@FEW
@given(DRAWN)
def test_words_and_marks_are_those_of_the_verdicts(drawn: Drawn) -> None:
    context = build_context([document(drawn)])
    found = context.winners
    for one in found:
        told = {
            point.implementation: context.judged.verdict(point, one.best) for point, _ in one.rivals
        }
        assert {name for name, verdict in told.items() if verdict and verdict.kind != "faster"} <= {
            *one.undecided
        }
    for key, verdict in context.verdicts.items():
        shown = terminal._time_cell(context, key, with_interval=False)  # noqa: SLF001 - of many
        cell = " ".join(shown.notes)
        assert ("?" in cell, "=" in cell, "(likely)" in cell) == (
            verdict.kind == "unclear",
            verdict.kind == "same",
            verdict.kind.startswith("likely"),
        )
    doubt = answer.doubt(context)
    said = doubt.sentence if doubt else ""
    if "as fast" in said:
        assert any(name in said or "others" in said for one in found for name in one.undecided)
    elif not said:
        assert not any(one.undecided for one in found)
