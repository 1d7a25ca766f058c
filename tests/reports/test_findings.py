"""What is called the fastest: all batch sizes one family, and nobody by luck."""

from __future__ import annotations

from bench.documents.results import Results
from impls.registry import ROWS
from reports import build_report
from reports.answer import doubt, paragraphs
from reports.context import Context
from reports.gather import build_context
from reports.remarks import cautions
from tests.reports import pieces, sample
from tests.reports.test_summary import cell, made

ONE, TWO, THREE = (row.name for row in ROWS if row.rung in (1, 2, 3))
LEADER = (0.8, 0.804, 0.796, 0.8)
NEXT = (0.84, 0.88, 0.82, 0.85)
OPEN = (0.8, 0.77, 0.84, 0.806)


def at_sizes(sizes: dict[int, dict[str, tuple[float, ...]]]) -> Context:
    """Epochs of each block by batch size and implementation."""
    outcomes = [
        pieces.measured(cell(name, size), block=block, epoch=[seconds])
        for size, epochs in sizes.items()
        for name, blocks in epochs.items()
        for block, seconds in enumerate(blocks)
    ]
    shape = sample.Shape(batch_sizes=tuple(sizes))
    return build_context([sample.document(shape, outcomes=tuple(outcomes))])


def test_the_fastest_at_each_batch_size_are_one_family() -> None:
    alone = at_sizes({500: {ONE: LEADER, TWO: NEXT}})
    rest = {size: {ONE: LEADER, TWO: OPEN} for size in range(501, 520)}
    among = at_sizes({500: {ONE: LEADER, TWO: NEXT}, **rest})
    (certain,), (first, *others) = alone.winners, among.winners
    assert certain.verdict is not None
    assert first.verdict is not None
    assert (certain.verdict.kind, certain.undecided) == ("faster", ())
    assert (first.verdict.kind, first.verdict.code) == ("likely faster", "not-after-holm")
    assert first.undecided == (TWO,)
    assert len(others) == 19
    said = doubt(among)
    assert said is not None
    assert said.sentence == f"{TWO} may be as fast from batch 500 to 519."


def test_scopes_are_families_of_their_own() -> None:
    document = made({ONE: LEADER, TWO: NEXT})
    single, both = (build_context([document] * n).winners for n in (1, 2))
    assert [one.verdict for one in both] == [single[0].verdict] * 2


def lucky(blocks: int, seconds: float = 0.1) -> Results:
    return made({ONE: LEADER, TWO: NEXT, THREE: (seconds,) * blocks})


def test_one_lucky_process_does_not_win() -> None:
    context = build_context([lucky(1)])
    (found,) = context.winners
    assert (found.best.implementation, found.rivals[0][0].implementation) == (ONE, TWO)
    assert found.verdict is not None
    assert found.verdict.kind == "faster"
    assert found.undecided == (THREE,)
    assert [point.implementation for point in found.unranked] == [THREE]
    assert (
        "Not ranked (too few blocks), although they took less time: "
        f"{THREE} at batch 500 with 2 threads (100 ms, from 1 process)."
    ) in paragraphs(context)
    page = build_report([lucky(1)])
    assert f"not clearly faster than {THREE}" in page
    assert "Not ranked (too few blocks)" in page


def test_three_processes_may_win() -> None:
    (found,) = build_context([lucky(3)]).winners
    assert (found.best.implementation, found.unranked) == (THREE, ())


def test_who_is_slow_in_few_blocks_is_not_named() -> None:
    context = build_context([lucky(1, seconds=5.0)])
    assert context.winners[0].unranked == ()
    assert not any("Not ranked" in caution for caution in cautions(context))


def test_where_nothing_has_an_interval_the_shortest_time_comes_first() -> None:
    context = build_context([made({ONE: (0.8,), TWO: (0.7,)})])
    assert context.winners[0].best.implementation == TWO
    assert not any("Not ranked" in caution for caution in cautions(context))
