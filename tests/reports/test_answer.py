"""The three lines of the answer say what the verdicts say, and no more."""

from __future__ import annotations

from collections.abc import Sequence

from bench.documents.results import Results
from impls.registry import ROWS
from reports import answer
from reports.context import Context
from reports.gather import build_context
from tests.reports import pieces, sample
from tests.reports.test_summary import BASELINE, ONE, TWO, cell, made

NEAR = (0.1, 0.11, 0.1)
CLEAR = {BASELINE: (0.8, 0.84, 0.88), ONE: (0.1, 0.1, 0.1)}


def context_of(epochs: dict[str, Sequence[float]], command: str = "mlpbench run") -> Context:
    return build_context([pieces.replace(made(epochs), command=command)])


def grid(times: dict[tuple[str, int, int], Sequence[float]]) -> Results:
    """One epoch round per block for each name, batch size and thread count."""
    outcomes = tuple(
        pieces.measured(cell(name, size, threads), block=block, epoch=[seconds])
        for (name, size, threads), blocks in times.items()
        for block, seconds in enumerate(blocks)
    )
    sizes = tuple(dict.fromkeys(size for _, size, _ in times))
    return sample.document(sample.Shape(batch_sizes=sizes), outcomes=outcomes)


def test_one_sentence_says_who_where_by_how_much_and_how_sure() -> None:
    said = answer.headline(context_of(CLEAR))
    assert said == (
        f"Lowest time at batch 500: {ONE} with 2 threads, 8.4 times as fast as {BASELINE} "
        "(95 % interval 7.5 to 9.4)."
    )


def test_noise_above_five_percent_leaves_two_digits_and_less_leaves_three() -> None:
    steady = {BASELINE: (0.84, 0.8401, 0.8399), ONE: (0.1, 0.1, 0.1)}
    assert "8.40 times as fast" in answer.headline(context_of(steady))


def test_several_batch_sizes_with_one_winner_are_one_sentence() -> None:
    times = {
        (name, size, 2): tuple(seconds * factor for factor in factors)
        for size in (32, 500, 2000)
        for name, seconds, factors in (
            (BASELINE, 0.8 + size / 1000, (1, 1.1, 1.15)),
            (ONE, 0.1, (1, 1, 1)),
        )
    }
    said = answer.headline(build_context([grid(times)]))
    assert said.startswith(
        f"Lowest time at all three batch sizes: {ONE} with 2 threads, 9.0 to 30 times as fast as "
        f"{BASELINE} (95 % intervals "
    )


def test_a_winner_with_several_thread_counts_names_them() -> None:
    times = {(ONE, 32, 1): NEAR, (ONE, 32, 2): (0.2, 0.2, 0.2), (ONE, 500, 2): NEAR}
    said = answer.headline(build_context([grid(times)]))
    assert said == f"Lowest time at both batch sizes: {ONE} with 1 or 2 threads."


def test_different_winners_are_named_with_their_batch_sizes() -> None:
    times = {
        (ONE, 32, 2): NEAR, (TWO, 32, 2): (0.2, 0.2, 0.2),
        (ONE, 500, 1): (0.3, 0.3, 0.3), (TWO, 500, 1): NEAR,
    }  # fmt: skip
    said = answer.headline(build_context([grid(times)]))
    assert said == (
        f"Lowest time: {ONE} with 2 threads at batch 32; {TWO} with 1 thread at batch 500."
    )


def test_an_open_ratio_is_said_to_be_open() -> None:
    said = answer.headline(context_of({BASELINE: (0.2, 0.3, 0.1), ONE: (0.15, 0.16, 0.14)}))
    assert said.endswith("unclear).")


def test_a_clear_answer_has_no_doubt() -> None:
    assert answer.doubt(context_of(CLEAR)) is None


def test_too_few_blocks_are_the_doubt_and_the_command_mends_it() -> None:
    found = answer.doubt(
        context_of(
            {BASELINE: (0.8,), ONE: (0.1,)}, "mlpbench run --blocks 1 --out results/x --bare"
        )
    )
    assert found is not None
    assert found.sentence == "Not ranked: fewer than 3 blocks."
    assert found.command == "mlpbench run --blocks 3 --bare"


def test_what_may_be_as_fast_is_the_doubt_with_the_blocks_that_would_tell() -> None:
    found = answer.doubt(context_of({ONE: (0.1, 0.11, 0.1), TWO: (0.105, 0.108, 0.12)}))
    assert found is not None
    assert found.sentence == f"{TWO} may be as fast at batch 500."
    assert found.command.startswith("mlpbench run --blocks ")


def test_a_doubt_about_several_runs_names_each_batch_size_once() -> None:
    near = {ONE: (0.1, 0.11, 0.1), TWO: (0.105, 0.108, 0.12)}

    def run(sizes: Sequence[int]) -> Results:
        return grid({(name, size, 2): near[name] for size in sizes for name in near})

    other = pieces.machine("Another CPU")
    found = answer.doubt(build_context([run((32,)), pieces.replace(run((32,)), machine=other)]))
    assert found is not None
    assert found.sentence == f"{TWO} may be as fast at batch 32."
    apart = [run((1, 2, 3, 4)), pieces.replace(run((5, 6)), machine=other)]
    found = answer.doubt(build_context(apart))
    assert found is not None
    assert found.sentence == f"{TWO} may be as fast from batch 1 to 6."


def test_a_likely_lead_is_called_so_and_not_open() -> None:
    rest = {
        (name, size, 2): epochs
        for size in range(501, 520)
        for name, epochs in ((ONE, (0.8, 0.804, 0.796, 0.8)), (TWO, (0.8, 0.77, 0.84, 0.806)))
    }
    likely = {(ONE, 500, 2): (0.8, 0.804, 0.796, 0.8), (TWO, 500, 2): (0.84, 0.88, 0.82, 0.85)}
    context = build_context([grid({**likely, **rest})])
    (first,) = [one for one in context.winners if one.batch_size == 500]
    assert first.verdict is not None
    assert first.verdict.kind == "likely faster"
    found = answer._undecided(context, [first])  # noqa: SLF001 - one batch size of many
    assert found.sentence == f"The lead over {TWO} is likely, not certain, at batch 500."


def test_a_document_without_a_command_of_a_run_gets_no_command() -> None:
    found = answer.doubt(context_of({ONE: (0.1,), TWO: (0.2,)}, "pytest --benchmark-only"))
    assert found is not None
    assert found.command == ""


def slow_start(seconds: float) -> Context:
    outcomes = [
        pieces.measured(cell(name), block=block, epoch=[epoch], step=[0.001], import_seconds=start)
        for name, epoch, start in ((BASELINE, 0.8, 0.2), (ONE, 0.1, seconds))
        for block in range(3)
    ]
    return build_context(
        [sample.document(sample.Shape(batch_sizes=(500,)), outcomes=tuple(outcomes))]
    )


def test_the_start_says_when_it_pays_off() -> None:
    said = answer.start(slow_start(7.2))
    assert said == f"Start-up of {ONE}: 7.2 s; pays off against {BASELINE} after 10 epochs."


def test_starts_that_differ_by_nothing_are_called_alike() -> None:
    assert f"about that of {BASELINE}" in answer.start(slow_start(0.2))


def test_no_row_is_called_the_limit_of_the_machine() -> None:
    assert not [row.name for row in ROWS if "limit" in row.summary]
