from __future__ import annotations

from collections import Counter

import msgspec
import pytest

from bench.planning.plan import (
    Cell,
    Job,
    Plan,
    jobs,
    repetitions,
    require_distinct,
    turn_order,
)
from bench.planning.profiles import PROFILES
from impls.errors import UsageError
from tests.stand_ins import fakes


def combination(job: Job) -> tuple[object, ...]:
    return job.implementation, job.threads, job.setting


def blocks(plan: Plan) -> list[list[Job]]:
    return [one.jobs for one in repetitions(plan)]


def large_plan(**changes: object) -> Plan:
    settings = ((("A", "1"),), (("A", None),))
    effort = msgspec.structs.replace(fakes.EFFORT, blocks=5)
    return fakes.plan(settings=settings, threads=(1, 2, None), effort=effort, **changes)


def test_the_same_seed_gives_the_same_schedule() -> None:
    assert repetitions(large_plan()) == repetitions(large_plan())


def test_another_seed_gives_another_schedule() -> None:
    assert repetitions(large_plan()) != repetitions(large_plan(seed=12))


def test_a_block_holds_every_job_exactly_once() -> None:
    plan = large_plan()
    wanted = Counter(
        (implementation, threads, setting)
        for implementation in plan.implementations
        for threads in plan.threads
        for setting in plan.settings
    )
    for block in blocks(plan):
        assert Counter(map(combination, block)) == wanted


def test_jobs_are_numbered_in_the_order_of_the_plan() -> None:
    ordered = jobs(large_plan())
    assert [job.index for job in ordered] == list(range(len(ordered)))
    assert [job.implementation for job in ordered] == sorted(job.implementation for job in ordered)


def test_the_blocks_of_a_plan_have_different_orders() -> None:
    orders = {tuple(map(combination, block)) for block in blocks(large_plan())}
    assert len(orders) == 5


def test_every_block_measures_all_batch_sizes_in_an_order_of_its_own() -> None:
    orders = [tuple(one.batch_sizes) for one in repetitions(large_plan())]
    assert {tuple(sorted(order)) for order in orders} == {(8, 20, 50)}
    assert len(set(orders)) > 2


def test_the_order_of_turns_is_random_and_follows_from_seed_block_size_and_sweep() -> None:
    def order(**changes: int) -> tuple[int, ...]:
        place = {"block": 0, "batch_size": 8, "sweep": 0} | changes
        return tuple(turn_order(large_plan(), count=12, **place))

    assert order() == order()
    assert sorted(order()) == list(range(12))
    others = [order(block=1), order(batch_size=20), order(sweep=1)]
    assert len({order(), *others}) == 4


@pytest.mark.parametrize("field", ["implementations", "threads", "trainings", "settings"])
def test_a_plan_that_lacks_something_is_refused_by_its_name(field: str) -> None:
    with pytest.raises(UsageError, match=f"no {field}"):
        jobs(fakes.plan(**{field: ()}))


@pytest.mark.parametrize("values", [(500, 32, 500), (None, 1, None), ("a", "a")])
def test_a_value_given_twice_is_refused_with_its_option(values: tuple[object, ...]) -> None:
    with pytest.raises(UsageError, match=rf"--thing lists {values[0]} more than once"):
        require_distinct("--thing", values)


def test_distinct_values_are_accepted() -> None:
    require_distinct("--threads", (1, 2, None))


@pytest.mark.parametrize(
    ("threads", "setting", "expected"),
    [
        (2, (), "numpy-naive/tiny/b500/t2"),
        (None, (), "numpy-naive/tiny/b500/t-"),
        (1, (("A", "x"), ("B", None)), "numpy-naive/tiny/b500/t1/A=x/B=(unset)"),
    ],
)
def test_a_cell_has_a_readable_identity(
    threads: int | None, setting: tuple[tuple[str, str | None], ...], expected: str
) -> None:
    cell = fakes.cell(fakes.plan(), batch_size=500, threads=threads, setting=setting)
    assert cell.id == expected


def test_cells_of_a_plan_have_different_identities() -> None:
    plan = large_plan()
    found: list[Cell] = [fakes.cell(plan, job, size) for job in jobs(plan) for size in (8, 20, 50)]
    assert len({cell.id for cell in found}) == len(found) == len(set(found))


def test_a_plan_survives_its_journey_as_json() -> None:
    plan = large_plan()
    assert msgspec.json.decode(msgspec.json.encode(plan), type=Plan) == plan


@pytest.mark.parametrize("cpus", [1, 2, 3, 4, 6, 8, 64])
@pytest.mark.parametrize("name", list(PROFILES))
def test_a_profile_offers_distinct_possible_threads_up_to_all(name: str, cpus: int) -> None:
    threads = PROFILES[name].threads(cpus)
    assert sorted(set(threads)) == list(threads)
    assert threads[-1] == cpus
    assert threads[0] >= 1


def test_the_full_profile_doubles_threads_and_straddles_where_libraries_change_their_way() -> None:
    full = PROFILES["full"]
    assert full.threads(6) == (1, 2, 4, 6)
    assert full.threads(8) == (1, 2, 4, 8)
    assert {9, 10, 18, 19, 124, 125, 249, 250, 476, 477} <= set(full.batch_sizes)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=list(PROFILES))
def test_a_profile_can_fill_its_batches_and_has_batch_sizes_once(profile: object) -> None:
    sizes = PROFILES[profile.name].batch_sizes  # type: ignore[attr-defined]
    require_distinct("batch sizes", sizes)
    assert max(sizes) <= (PROFILES[profile.name].examples or 60000)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("threads", "alone"), [((1, 2, 4), 4), ((4, 1), 4), ((None, 2), 2), ((None,), None)]
)
def test_what_runs_on_a_device_has_the_most_threads_alone(
    threads: tuple[int | None, ...], alone: int | None
) -> None:
    plan = fakes.plan(threads=threads, implementations=("here", "there"), on_devices=("there",))
    ordered = jobs(plan)
    assert {job.threads for job in ordered if job.implementation == "there"} == {alone}
    assert {job.threads for job in ordered if job.implementation == "here"} == set(threads)
    assert [job.index for job in ordered] == list(range(len(ordered)))
