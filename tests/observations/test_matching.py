from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.documents.results import Outcome, Results
from bench.observations.matching import Comparison, compare
from bench.observations.points import Point
from bench.observations.selection import (
    BATCH_SIZE,
    IMPLEMENTATION,
    RUN,
    THREADS,
    Question,
    choose_baseline,
    choose_phase,
    parse_selector,
    suggestions,
    value,
    values_along,
    variables_of,
)
from bench.stats.estimates import Ratio
from bench.stats.verdicts import judge
from impls.errors import ResultsError, UnknownNameError, UsageError
from tests.stats.compared import (
    STEADY,
    Grid,
    cell,
    document,
    judged_of,
    labels_for,
    measured,
    on_machine,
    points_of,
    refused,
    times,
)

ACTIVE = (("OMP_WAIT_POLICY", "active"),)
PASSIVE = (("OMP_WAIT_POLICY", "passive"),)
UNSET = (("OMP_WAIT_POLICY", None),)


def answer(
    *documents: Results,
    by: str = RUN,
    baseline: str | None = None,
    phase: str = "epoch",
    margin: float = 0.03,
) -> Comparison:
    found = points_of(*documents)
    question = Question(by, choose_baseline(by, found, baseline), phase)
    return compare(found, question, judged_of(documents, found, lambda _: margin))


def ratios(comparison: Comparison) -> dict[tuple[str, str, int], float]:
    """Ratios by implementation, place along the coordinate, and batch size."""
    along = comparison.question.coordinate
    return {
        (p.other.cell.implementation, value(p.other, along), p.other.cell.batch_size): p.ratio.value
        for p in comparison.pairs
    }


def reasons(comparison: Comparison) -> list[str]:
    return [one.reason for one in comparison.apart]


def test_runs_are_compared_cell_by_cell() -> None:
    grid = Grid({"numba": 1.0, "numpy-naive": 4.0}, {1: 1.0, 2: 0.5}, (8, 20))
    found = answer(grid.document(), grid.document(0.8))
    assert len(found.pairs) == 8
    assert [p.ratio.value for p in found.pairs] == pytest.approx([1.25] * 8)
    assert {p.verdict.kind for p in found.pairs} == {"faster"}
    assert all(p.reference.cell == p.other.cell for p in found.pairs)
    assert found.apart == ()


def test_several_runs_are_each_compared_with_the_first() -> None:
    grid = Grid({"numba": 1.0}, {1: 1.0})
    found = answer(grid.document(), grid.document(0.5), grid.document(2.0))
    assert ratios(found) == pytest.approx({("numba", "1", 8): 2.0, ("numba", "2", 8): 0.5})
    assert {p.reference.document_index for p in found.pairs} == {0}


def test_another_run_may_be_the_reference() -> None:
    grid = Grid({"numba": 1.0}, {1: 1.0})
    found = answer(grid.document(), grid.document(0.5), baseline="new")
    assert ratios(found) == pytest.approx({("numba", "0", 8): 0.5})


def test_within_a_document_ratios_are_paired_by_block() -> None:
    drift = [1.0, 10.0, 100.0]
    found = answer(
        document({cell(threads=1): drift, cell(threads=2): times(0.5, drift)}), by=THREADS
    )
    (pair,) = found.pairs
    assert pair.ratio.paired
    assert (pair.ratio.value, pair.ratio.low) == pytest.approx((2.0, 2.0))
    assert pair.verdict.kind == "faster"


def test_across_documents_ratios_are_not_paired() -> None:
    drift = [1.0, 10.0, 100.0]
    found = answer(document({cell(): drift}), document({cell(): times(0.5, drift)}))
    (pair,) = found.pairs
    assert not pair.ratio.paired
    assert pair.verdict.kind == "unclear"
    pooled = answer(
        document({cell(threads=1): drift}),
        document({cell(threads=2): times(0.5, drift)}),
        by=THREADS,
    )
    assert not pooled.pairs[0].ratio.paired


def test_implementations_are_compared_on_equal_terms() -> None:
    grid = Grid({"numba": 1.0, "numpy-naive": 4.0, "mine": 2.0}, {1: 1.0, 2: 0.5})
    found = answer(grid.document(), by=IMPLEMENTATION)
    assert found.question.baseline == "numpy-naive"
    assert [(p.other.cell.implementation, p.other.cell.threads) for p in found.pairs] == [
        ("numba", 1),
        ("mine", 1),
        ("numba", 2),
        ("mine", 2),
    ]
    assert [p.ratio.value for p in found.pairs] == pytest.approx([4.0, 2.0, 4.0, 2.0])
    assert all(p.reference.cell.threads == p.other.cell.threads for p in found.pairs)


def test_the_device_goes_with_the_implementation() -> None:
    results = document({cell(): times(), cell("keras-tf-gpu", device="gpu"): times(0.1)})
    assert ratios(answer(results, by=IMPLEMENTATION)) == pytest.approx(
        {("keras-tf-gpu", "keras-tf-gpu", 8): 10.0}
    )
    elsewhere = document({cell(device="gpu"): times()})
    assert answer(document({cell(): times()}), elsewhere).pairs == ()


def test_one_implementation_on_two_devices_is_not_merged() -> None:
    results = document({cell(): times(), cell(device="gpu"): times(0.1), cell("mine"): times()})
    found = answer(results, by=IMPLEMENTATION, baseline="numba")
    assert found.pairs == ()
    assert "it is there 2 times (base on cpu, base on gpu)" in reasons(found)[0]


def test_batch_sizes_are_compared_per_example() -> None:
    # Steps of 8 and of 20 examples take as long, so those of 20 do 2.5 times as much.
    results = document({cell(batch_size=8): times(), cell(batch_size=20): times()})
    found = answer(results, by=BATCH_SIZE, phase="step")
    (pair,) = found.pairs
    assert pair.ratio.value == pytest.approx(2.5)
    assert (pair.reference_seconds, pair.other_seconds) == pytest.approx((1 / 8, 1 / 20))


def test_other_coordinates_show_the_seconds_of_an_iteration() -> None:
    results = document({cell(threads=1): times(3.0), cell(threads=2): times(1.5)})
    for phase in ("epoch", "step"):
        (pair,) = answer(results, by=THREADS, phase=phase).pairs
        assert (pair.reference_seconds, pair.other_seconds) == pytest.approx((3.0, 1.5))


def test_values_of_a_swept_variable_are_compared() -> None:
    results = document(
        {
            cell(setting=ACTIVE): times(),
            cell(setting=PASSIVE): times(0.5),
            cell(setting=UNSET): times(0.25),
        }
    )
    found = answer(results, by="OMP_WAIT_POLICY")
    assert ratios(found) == pytest.approx(
        {("numba", "passive", 8): 2.0, ("numba", "unset", 8): 4.0}
    )
    assert answer(results, by="OMP_WAIT_POLICY", baseline="unset").question.baseline == "unset"


def test_exported_variables_are_compared_across_documents() -> None:
    base = on_machine(document({cell(): times()}), environment={"OMP_WAIT_POLICY": "active"})
    new = document({cell(): times(0.5)})
    assert ratios(answer(base, new, by="OMP_WAIT_POLICY")) == pytest.approx(
        {("numba", "unset", 8): 2.0}
    )


def test_a_setting_wins_over_what_was_exported() -> None:
    content = {cell(): times(), cell(setting=PASSIVE): times(), cell(setting=UNSET): times()}
    found = on_machine(document(content), environment={"OMP_WAIT_POLICY": "active"})
    values = [value(point, "OMP_WAIT_POLICY") for point in points_of(found)]
    assert values == ["active", "passive", "unset"]


def test_two_variables_are_not_mixed() -> None:
    def both(policy: str, places: str) -> tuple[tuple[str, str | None], ...]:
        return (("OMP_PLACES", places), ("OMP_WAIT_POLICY", policy))

    results = document(
        {cell(setting=both(policy, places)): times(factor) for policy, places, factor in (
            ("active", "cores", 1.0),
            ("active", "threads", 2.0),
            ("passive", "cores", 4.0),
            ("passive", "threads", 8.0),
        )}
    )  # fmt: skip
    found = answer(results, by="OMP_PLACES")
    assert [p.ratio.value for p in found.pairs] == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize("by", [IMPLEMENTATION, THREADS, BATCH_SIZE])
def test_cells_that_differ_in_more_than_the_coordinate_are_not_matched(by: str) -> None:
    one = cell("numba", batch_size=8, threads=1)
    other = cell("mine", batch_size=20, threads=2)
    found = answer(document({one: times(), other: times()}), by=by)
    assert found.pairs == ()
    assert len(found.apart) == 2
    assert all(reason.startswith("only ") for reason in reasons(found))


def test_a_cell_of_two_runs_is_never_merged() -> None:
    found = answer(
        document({cell(threads=1): times()}),
        document({cell(threads=1): times(9.0)}),
        document({cell(threads=2): times(0.5)}),
        by=THREADS,
    )
    assert found.pairs == ()
    assert reasons(found)[0] == (
        "with threads 1 it is there 2 times (base on cpu, new on cpu), and they are not merged: "
        "compare the runs with --by run, or give one of them"
    )


def test_a_partner_of_the_same_run_goes_before_one_of_another() -> None:
    found = answer(
        document({cell(threads=1): times(), cell(threads=2): times(0.5)}),
        document({cell(threads=1): times(3.0), cell(threads=2): times(1.0)}),
        by=THREADS,
    )
    assert [p.ratio.value for p in found.pairs] == pytest.approx([2.0, 3.0])
    assert all(
        p.reference.document_index == p.other.document_index and p.ratio.paired for p in found.pairs
    )


def test_networks_of_one_name_that_compute_something_else_are_not_matched() -> None:
    base, new = document({cell(): times()}), document({cell(): times()})
    network = msgspec.structs.replace(new.plan.network, activation="relu")
    other = msgspec.structs.replace(new, plan=msgspec.structs.replace(new.plan, network=network))
    assert answer(base, other).pairs == ()


def test_networks_of_two_names_that_compute_the_same_are_matched() -> None:
    new = document({cell(network="mine"): times(0.5)})
    network = msgspec.structs.replace(new.plan.network, name="mine")
    other = msgspec.structs.replace(new, plan=msgspec.structs.replace(new.plan, network=network))
    assert len(answer(document({cell(): times()}), other).pairs) == 1


def test_a_cell_of_one_run_only_is_listed() -> None:
    base = document({cell(): times(), cell("mine"): times()})
    new = document({cell(): times(), cell("yours"): times()})
    found = answer(base, new)
    assert len(found.pairs) == 1
    assert sorted(reasons(found)) == ["only in base", "only in new"]
    assert found.lost == ()


@pytest.mark.parametrize(
    ("kind", "said", "lost"),
    [
        ("invalid", "in new: invalid: a gradient is wrong", 1),
        ("unverified", "in new: unverified: 2 threads were busy", 1),
        ("failed", "in new: failed: killed", 1),
        ("unavailable", "in new: unavailable: no numba", 0),
    ],
)
def test_a_cell_that_was_not_measured_is_listed_with_its_outcome(
    kind: str, said: str, lost: int
) -> None:
    sound, bad = document({cell(): times()}), document({cell(): refused(cell(), kind)})
    found = answer(sound, bad)
    assert found.pairs == ()
    assert reasons(found) == [said]
    assert len(found.lost) == lost
    turned = answer(bad, sound)
    assert reasons(turned) == [said.replace("new", "base")]
    assert turned.lost == ()


def test_what_is_refused_on_both_sides_is_not_lost() -> None:
    bad = document({cell(): refused(cell(), "invalid")})
    found = answer(bad, bad)
    assert reasons(found) == ["on both sides: invalid: a gradient is wrong"]
    assert found.lost == ()


def test_what_is_refused_only_in_one_run_says_so() -> None:
    base = document({cell(): times()})
    new = document({cell(): times(), cell("mine"): refused(cell("mine"), "invalid")})
    assert reasons(answer(base, new)) == ["only in new; invalid: a gradient is wrong"]


def test_a_cell_that_failed_in_some_blocks_is_compared_and_counts_as_lost() -> None:
    part: Sequence[float | Outcome] = [*times(), *refused(cell(), "failed")]
    found = answer(document({cell(): times()}), document({cell(): part}))  # type: ignore[dict-item]
    assert len(found.pairs) == 1
    assert reasons(found) == ["in new: failed in 1 of 6 processes: killed; the rest is compared"]
    assert len(found.lost) == 1


def test_of_several_outcomes_the_first_is_told_with_its_own_reason() -> None:
    several: Sequence[Outcome] = [*refused(cell(), "failed"), *refused(cell(), "invalid")]
    found = answer(document({cell(): times()}), document({cell(): several}))
    assert reasons(found) == ["in new: failed: killed"]


def test_a_phase_that_was_not_timed_is_named() -> None:
    base = document({cell(): times()})
    new = document({cell(): measured(cell(), STEADY, ("step",))})
    assert reasons(answer(base, new)) == ["in new: measured, but its epoch was not timed"]
    assert len(answer(base, new, phase="step").pairs) == 1


def test_cells_without_a_common_block_are_compared_as_at_different_times() -> None:
    late = measured(cell(threads=2), STEADY, first=len(STEADY))
    found = answer(document({cell(threads=1): times(), cell(threads=2): late}), by=THREADS)
    (pair,) = found.pairs
    assert not pair.ratio.paired
    assert pair.ratio.blocks == len(STEADY)
    assert "Measured at different times" in pair.verdict.reason


def test_too_few_processes_leave_the_ratio_unclear() -> None:
    found = answer(
        document({cell(): times(1.0, STEADY[:1])}),
        document({cell(): times(0.5)}),
    )
    (pair,) = found.pairs
    assert (pair.verdict.kind, pair.verdict.code) == ("unclear", "too-few")
    assert pair.ratio.value == pytest.approx(2.0, rel=0.01)


def test_the_floor_is_compared_with_itself_and_on_request() -> None:
    results = document({cell("floor"): times(0.5), cell("numpy-naive"): times(), cell(): times()})
    found = answer(results, by=IMPLEMENTATION)
    assert [p.other.cell.implementation for p in found.pairs] == ["numba"]
    assert reasons(found) == ["it trains nothing; --baseline compares the others with it"]
    asked = answer(results, by=IMPLEMENTATION, baseline="floor")
    assert [p.ratio.value for p in asked.pairs] == pytest.approx([0.5, 0.5])
    assert len(answer(results, results).pairs) == 3


def test_the_reference_is_the_first_of_the_plan() -> None:
    results = document({cell(threads=None): times(), cell(threads=2): times()})
    shuffled = msgspec.structs.replace(results, outcomes=results.outcomes[::-1])
    assert answer(shuffled, by=THREADS).question.baseline == "unset"
    assert answer(shuffled, by=THREADS, baseline="2").question.baseline == "2"


def test_the_reference_of_implementations_is_a_trainer_where_there_is_no_ladder() -> None:
    results = document({cell("floor"): times(), cell("mine"): times(), cell("numba"): times()})
    assert answer(results, by=IMPLEMENTATION).question.baseline == "mine"


def test_an_unknown_reference_is_refused_with_the_known_ones() -> None:
    results = document({cell(threads=None): times(), cell(threads=2): times()})
    with pytest.raises(UnknownNameError, match=r"threads for --baseline '3'.*Known: 2, unset"):
        answer(results, by=THREADS, baseline="3")


def test_a_coordinate_without_two_values_is_refused_with_those_that_have_them() -> None:
    results = document({cell(setting=ACTIVE): times(), cell(setting=PASSIVE): times()})
    with pytest.raises(
        UsageError, match=r"by threads: all cells have 1; give --by OMP_WAIT_POLICY"
    ):
        answer(results, by=THREADS)
    with pytest.raises(UsageError, match=r"by run: only base has such cells"):
        answer(results)
    with pytest.raises(UsageError, match=r"all cells have numba; give another document"):
        answer(document({cell(): times()}), by=IMPLEMENTATION)


def test_an_unknown_coordinate_is_refused_with_the_known_ones() -> None:
    found = points_of(document({cell(setting=ACTIVE): times(), cell(setting=PASSIVE): times()}))
    assert variables_of(found) == ["OMP_WAIT_POLICY"]
    with pytest.raises(
        UnknownNameError, match=r"coordinate 'treads'.*mean 'threads'.*OMP_WAIT_POL"
    ):
        values_along("treads", found)


def test_what_could_be_compared_instead_of_runs_is_suggested() -> None:
    one, two = document({cell(threads=1): times()}), document({cell(threads=2): times()})
    assert suggestions(points_of(one, two)) == [THREADS]
    assert suggestions(points_of(one, document({cell("mine", threads=2): times()}))) == []
    swept = document({cell(setting=ACTIVE): times()}), document({cell(setting=PASSIVE): times()})
    assert suggestions(points_of(*swept)) == ["OMP_WAIT_POLICY"]


def test_epochs_are_compared_but_for_a_document_without_any() -> None:
    both = document({cell(): times()})
    steps = document({cell(): measured(cell(), STEADY, ("step",))})
    nothing = document({cell(): refused(cell(), "invalid")})
    assert choose_phase([both, nothing], labels_for([both, nothing])) == ("epoch", "")
    phase, note = choose_phase([both, steps], labels_for([both, steps]))
    assert (phase, note) == ("step", "Steps are compared, because new holds no epochs.")


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("implementation=numba", 4),
        ("implementation=numpy-*", 4),
        ("implementation=numba,numpy-*", 8),
        ("implementation=numba,threads=2", 2),
        ("batch-size=2?", 4),
        ("device=gpu", 0),
        ("network=tiny", 8),
        ("OMP_PLACES=cores", 8),
        ("implementation=NUMBA", 0),
    ],
)
def test_a_selector_takes_the_cells_that_match_every_field(text: str, chosen: int) -> None:
    grid = Grid({"numba": 1.0, "numpy-naive": 4.0}, {1: 1.0, 2: 0.5}, (8, 20))
    found = points_of(on_machine(grid.document(), environment={"OMP_PLACES": "cores"}))
    selector = parse_selector("--filter", text, found)
    assert sum(map(selector.matches, found)) == chosen


def test_a_name_with_brackets_matches_itself() -> None:
    found = points_of(document({cell("mine[1]"): times()}))
    assert parse_selector("--filter", "implementation=mine[1]", found).matches(found[0])


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("treads=1", UnknownNameError, "field of --filter 'treads'.*mean 'threads'"),
        ("numba", UsageError, "--filter 'numba' is not FIELD=PATTERN"),
        ("threads=", UsageError, "--filter 'threads=' is not FIELD=PATTERN"),
        ("threads=1,,2", UsageError, "is not FIELD=PATTERN"),
    ],
)
def test_a_selector_that_selects_nothing_is_refused(
    text: str, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        parse_selector("--filter", text, points_of(document({cell(): times()})))


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.inf])
def test_a_duration_that_cannot_be_is_refused(seconds: float) -> None:
    with pytest.raises(ResultsError, match="document 2 is damaged: numba/tiny/b8/t1 has a"):
        answer(document({cell(): times()}), document({cell(): [seconds]}))


def test_margins_of_cells_are_their_own_in_one_table() -> None:
    grid = Grid({"numba": 1.0, "mine": 1.0}, {1: 1.0})
    found = points_of(grid.document(), grid.document(1.04))
    question = Question(RUN, "0", "epoch")

    def margin_of(point: Point) -> float:
        return 0.1 if point.cell.implementation == "mine" else 0.03

    judged = judged_of([], found, margin_of)
    pairs = compare(found, question, judged).pairs
    verdicts = {p.other.cell.implementation: p.verdict for p in pairs}
    assert (verdicts["numba"].kind, verdicts["numba"].margin) == ("slower", 0.03)
    assert (verdicts["mine"].kind, verdicts["mine"].margin) == ("same", 0.1)
    assert all("adjusted for 2 comparisons" in one.reason for one in verdicts.values())


def test_there_are_as_many_margins_as_ratios() -> None:
    ratio = Ratio(1.0, None, None, None, 0, 1)
    with pytest.raises(ValueError, match="zip"):
        judge([ratio, ratio], [0.03])


def test_no_cells_make_an_empty_table() -> None:
    assert compare([], Question(RUN, "0", "epoch"), judged_of([], [])) == Comparison(
        Question(RUN, "0", "epoch"), (), ()
    )


seconds = st.lists(st.floats(0.5, 2.0), min_size=1, max_size=6)


@given(seconds, seconds)
def test_turned_round_a_comparison_says_the_opposite(
    ours: list[float], theirs: list[float]
) -> None:
    one, two = document({cell(): ours}), document({cell(): theirs})
    (there,), (back,) = answer(one, two).pairs, answer(two, one).pairs
    assert there.ratio.value * back.ratio.value == pytest.approx(1.0)
    opposite = {"faster": "slower", "slower": "faster"}
    kind = there.verdict.kind
    assert back.verdict.kind == opposite.get(kind, kind)
    assert back.verdict.code == there.verdict.code


@given(seconds)
def test_two_thread_settings_of_a_run_compare_like_two_runs_in_value(found: list[float]) -> None:
    within = document({cell(threads=1): found, cell(threads=2): times(0.5, found)})
    (pair,) = answer(within, by=THREADS).pairs
    (across,) = answer(document({cell(): found}), document({cell(): times(0.5, found)})).pairs
    assert pair.ratio.value == pytest.approx(2.0)
    assert across.ratio.value == pytest.approx(2.0)
