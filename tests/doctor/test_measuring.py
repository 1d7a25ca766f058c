"""Scaling, noise and surroundings from made-up outcomes and readings, exactly."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from bench.doctor import examination, noise, pools, scaling
from bench.doctor.findings import Others
from bench.documents.assignment import Assignment
from bench.documents.messages import Reply, Request
from bench.documents.results import Measured, Outcome, Results, Unverified
from bench.documents.rounds import Turn
from bench.documents.timings import Disturbance
from bench.measuring.clock import Clock
from bench.measuring.disturbance import Monitor, Reading
from bench.planning.plan import Cell
from bench.planning.variables import variables
from bench.running.processes import NoReply
from bench.stats import estimates
from impls import registry
from tests.stand_ins import fakes
from tests.stand_ins.fake_trainer import FakeClock, FakeMonitor
from tests.stats.single import ratio_of

PLAN = scaling.plan(4, 10.0)


def timed(cell: Cell, block: int, **seconds: Sequence[float]) -> Measured:
    """An outcome whose steps and epochs took so long."""
    outcome = fakes.measured(cell, block)
    timings = tuple(
        msgspec.structs.replace(timing, round_seconds=tuple(seconds[timing.phase]))
        for timing in outcome.timings
        if timing.phase in seconds
    )
    return msgspec.structs.replace(outcome, timings=timings)


def at(batch_size: int, threads: int | None, name: str = "floor") -> Cell:
    return fakes.cell(PLAN, batch_size=batch_size, threads=threads, implementation=name)


def others(foreign: float | None = None, stolen: float | None = None) -> Others:
    found = Others()
    found.foreign, found.stolen = foreign, stolen
    return found


def test_the_products_are_measured_with_one_thread_with_all_and_between() -> None:
    assert PLAN.threads == (1, 2, 4)
    assert [training.batch_size for training in PLAN.trainings] == [500, 5000]
    (name,) = PLAN.implementations
    assert registry.find(name).is_floor
    assert PLAN.budget_seconds == 10.0
    assert scaling.plan(1, 10.0).threads == (1,)


def test_a_time_is_that_of_all_blocks_and_a_missing_one_has_a_reason() -> None:
    outcomes = [
        timed(at(500, 1), 0, step=(2.0, 2.0, 9.0)),
        timed(at(500, 1), 1, step=(8.0,)),
        Unverified(cell=at(500, 4), block=0, reason="only two processors"),
        Unverified(cell=at(500, 1), block=2, reason="once only"),
    ]
    one, four = scaling.step_times(outcomes)
    assert (one.batch_size, one.threads, one.reason) == (500, 1, "")
    assert one.seconds == pytest.approx(4.0)
    assert (four.threads, four.seconds, four.reason) == (4, None, "only two processors")


@pytest.mark.parametrize(
    ("seconds", "threads", "gain"),
    [
        ({1: 4.0, 2: 2.0, 4: 1.0}, 4, 1.0),
        ({1: 1.0, 2: 2.0, 4: 3.0}, 1, 3.0),
        # Within 3 % of the fastest, the smallest count is as good.
        ({1: 4.0, 2: 1.02, 4: 1.0}, 2, 1 / 1.02),
        ({1: 4.0, 2: 1.04, 4: 1.0}, 4, 1.0),
        ({1: 4.0, 2: 2.0}, 2, None),
    ],
)
def test_the_choice_is_the_smallest_count_among_the_fastest(
    seconds: dict[int, float], threads: int, gain: float | None
) -> None:
    times = scaling.step_times(timed(at(500, n), 0, step=(s,)) for n, s in seconds.items())
    (choice,) = scaling.choices(times, 4)
    assert choice.threads == threads
    assert choice.gain == pytest.approx(gain)
    assert choice.variables == variables(threads)


def test_a_batch_size_that_was_never_timed_has_no_choice() -> None:
    found = scaling.judge(
        [
            Unverified(cell=at(500, 1), block=0, reason="no"),
            timed(at(5000, 2), 0, step=(1.0,)),
        ],
        2,
        others(0.125),
    )
    assert [choice.batch_size for choice in found.choices] == [5000]
    assert (found.foreign, found.reason) == (0.125, "")


@pytest.mark.parametrize(
    ("foreign", "stolen", "cpus", "reason"),
    [
        (2.01, 0.0, 2, "others used 2.0 of 2 processors meanwhile"),
        (0.2, 0.1, 2, "others used 0.3 of 2 processors meanwhile"),
        (None, 0.3, 2, "others used 0.3 of 2 processors meanwhile"),
        (2.0, None, 64, ""),
        (None, None, 2, ""),
    ],
)
def test_beside_a_neighbour_no_thread_count_is_chosen(
    foreign: float | None, stolen: float | None, cpus: int, reason: str
) -> None:
    outcomes = [timed(at(500, 1), 0, step=(1.0,))]
    found = scaling.judge(outcomes, cpus, others(foreign, stolen))
    assert found.reason == reason
    assert bool(found.choices) == (not reason)
    assert len(found.times) == 1


NOISE_PLAN = noise.plan(2, 10.0)
NAME, CONTROL = NOISE_PLAN.implementations


def against_itself(ratios: Iterable[float]) -> tuple[Measured, ...]:
    """Blocks in which the control is each of ``ratios`` times as fast as the implementation."""
    return tuple(
        timed(at(500, 2, name), block, epoch=(seconds,))
        for block, ratio in enumerate(ratios)
        for name, seconds in ((NAME, 1.0), (CONTROL, 1 / ratio))
    )


def results(outcomes: tuple[Outcome, ...]) -> Results:
    return msgspec.structs.replace(fakes.document(plan=NOISE_PLAN), outcomes=outcomes)


def test_the_best_numpy_implementation_is_measured_against_itself_as_a_run_would() -> None:
    first, second = noise.pair()
    assert (first.name, second.role) == (NAME, "control")
    assert (second.target, first.requires) == (first.target, ())
    assert NOISE_PLAN.budget_seconds == 10.0
    assert NOISE_PLAN.threads == (2,)


def test_scatter_is_that_of_the_ratios_from_block_to_block() -> None:
    logs = [0.01, -0.01, 0.03, -0.03, 0.0]
    outcomes = against_itself(map(math.exp, logs))
    found = noise.judge(results(outcomes), 20.0, others(0.5, 0.25))
    assert (found.implementation, found.batch_size, found.threads) == (NAME, 500, 2)
    assert (found.blocks, found.block_seconds) == (5, 4.0)
    assert found.scatter == pytest.approx(math.sqrt(0.002 / 4))
    assert found.apparent is not None
    assert found.apparent[0] == pytest.approx(1.0)
    assert (found.foreign, found.stolen, found.reason) == (0.5, 0.25, "")
    assert [(one.minutes, one.blocks) for one in found.forecasts] == [(1, 15), (5, 75), (20, 300)]


def test_a_forecast_for_as_many_blocks_is_what_was_found() -> None:
    outcomes = against_itself([1.01, 0.98, 1.03, 0.97, 1.02, 1.0])
    reference, other = (
        {o.block: o.timings[0].round_seconds for o in outcomes if o.cell.implementation == name}
        for name in (NAME, CONTROL)
    )
    ratio = ratio_of(reference, other)
    found = noise.forecast(ratio, 10.0, 1)
    assert found.blocks == 6
    assert found.half_width == pytest.approx(estimates.half_width(ratio))
    assert found.detectable == pytest.approx(estimates.detectable(ratio))
    longer = noise.forecast(ratio, 10.0, 1000)
    assert longer.half_width is not None
    assert longer.half_width < noise.forecast(ratio, 10.0, 100).half_width / 3  # type: ignore[operator]


def test_with_time_for_too_few_blocks_nothing_is_forecast() -> None:
    found = noise.judge(results(against_itself([1.0, 1.1, 0.9])), 90.0, others())
    assert [one.blocks for one in found.forecasts] == [3, 10, 40]
    slow = noise.judge(results(against_itself([1.0, 1.1, 0.9])), 300.0, others())
    assert [one.blocks for one in slow.forecasts] == [0, 3, 12]
    assert (slow.forecasts[0].half_width, slow.forecasts[0].detectable) == (None, None)
    assert slow.forecasts[1].detectable is not None


@pytest.mark.parametrize(
    ("outcomes", "reason"),
    [
        ((), "0 blocks were measured, and an interval needs 3: give more --seconds"),
        (against_itself([1.0]), "1 block was measured, and an interval needs 3"),
        (
            (Unverified(cell=at(500, 2, NAME), block=0, reason="no such threads"),),
            "no such threads",
        ),
    ],
)
def test_without_an_interval_the_reason_is_said(
    outcomes: tuple[Measured, ...], reason: str
) -> None:
    found = noise.judge(results(outcomes), 10.0, others())
    assert (found.apparent, found.scatter, found.forecasts) == (None, None, ())
    assert found.reason.startswith(reason)


def test_waiting_is_a_share_of_the_time_of_all_rounds() -> None:
    def disturbed(*waited: float | None) -> Measured:
        outcome = timed(at(500, 2, NAME), 0, step=(1.0, 1.0), epoch=(2.0,))
        assert [timing.iterations for timing in outcome.timings] == [2, 2]
        disturbances = tuple(
            Disturbance(waited=one, foreign=None, stolen=None, switches=0) for one in waited
        )
        first, second = outcome.timings
        return msgspec.structs.replace(
            outcome,
            timings=(msgspec.structs.replace(first, disturbances=disturbances), second),
        )

    assert noise.waited([disturbed(0.5, 0.25)]) == pytest.approx(0.75 / 4)
    assert noise.waited([disturbed(0.5, None)]) is None
    assert noise.waited([disturbed()]) is None


def test_the_clock_is_judged_by_its_steps() -> None:
    readings = iter(n // 3 for n in range(100_000))
    found = examination.clock_quality(Clock(wall=lambda: float(next(readings)), cpu=float))
    assert found.step == 1.0
    assert found.cost == pytest.approx(1 / 3, rel=1e-2)


def test_a_clock_that_stands_still_has_no_step(fake_clock: FakeClock) -> None:
    found = examination.clock_quality(fake_clock.clock)
    assert (found.step, found.cost) == (0.0, 0.0)


class TwoReadings(Monitor):
    """Two seconds apart: 5 busy, of which 1 our own, and a half stolen."""

    def __init__(self, *, told: bool = True) -> None:
        values = ((10.0, 1.0), (15.0, 1.5)) if told else ((None, None),) * 2
        self.readings = iter(
            Reading(2.0 * n, 1.0 * n, 0, None, busy, stolen)
            for n, (busy, stolen) in enumerate(values)
        )

    def read(self) -> Reading:
        return next(self.readings)


def test_what_others_use_is_counted_in_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    children = iter((7.0, 8.0))
    monkeypatch.setattr(examination, "_children", lambda: next(children))
    with examination.watched(TwoReadings()) as found:
        pass
    assert (found.foreign, found.stolen) == (1.5, 0.25)


def test_what_the_system_does_not_tell_of_others_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "LOOK_SECONDS", 0.0)
    found = examination.other_load(TwoReadings(told=False))
    assert (found.foreign, found.stolen) == (None, None)
    assert len(found.load) == 3


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("some avg10=1.53 avg60=0.87 avg300=0.73 total=1\nfull avg10=9.00 avg60=0.00\n", 0.0153),
        ("", None),
        (None, None),
    ],
)
def test_pressure_is_a_share(tmp_path: Path, content: str | None, expected: float | None) -> None:
    if content is not None:
        (tmp_path / "cpu").write_text(content)
    assert examination.pressure(tmp_path / "cpu") == pytest.approx(expected)


@pytest.fixture
def without_children(monkeypatch: pytest.MonkeyPatch) -> None:
    """An examination that asks no other process."""
    monkeypatch.setattr(pools, "find", lambda _environment: [])
    monkeypatch.setattr(examination, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(noise, "MOST_BLOCKS", 30)
    # The runner has a clock of its own, on which fake workers take no time.
    monkeypatch.setattr("bench.running.pacing.MOST_SWEEPS", 4)


@contextlib.contextmanager
def silently(_text: str) -> Iterator[None]:
    yield


@pytest.mark.usefixtures("without_children")
def test_an_examination_goes_from_measuring_to_advice(fake_clock: FakeClock) -> None:
    jitter = itertools.cycle((1.0, 1.01, 1.02, 1.0, 1.0, 1.02, 1.01))

    def behave(assignment: Assignment, request: Request | None) -> Reply | NoReply:
        if request is None:
            fake_clock.advance(3.0)
        found = fakes.measure_all(assignment, request)
        if isinstance(found, Turn):
            seconds = float(assignment.job.threads or 1)
            if not assignment.row.is_floor:
                seconds = next(jitter)
            fake_clock.advance(seconds)
            return fakes.turn(assignment, found.kind, seconds)
        return found

    launcher = fakes.FakeLauncher(behave)
    found = examination.examine(
        {"OPENBLAS_CORETYPE": "Haswell"},
        200.0,
        launcher=launcher,
        waiting=silently,
        monitor=FakeMonitor(fake_clock),
        clock=fake_clock.clock,
    )
    assert {choice.threads for choice in found.scaling.choices} == {1}
    assert found.noise.threads == 1
    assert found.noise.blocks > 4
    assert found.answer.startswith("A run of 1 minute can detect a difference of")
    assert any("OPENBLAS_CORETYPE=Haswell" in remark for remark in found.advice)
    assert found.machine.environment == {"OPENBLAS_CORETYPE": "Haswell"}
    assert launcher.assignments[-1].plan.budget_seconds is not None
    assert 100.0 <= launcher.assignments[-1].plan.budget_seconds < 200.0


@pytest.mark.usefixtures("without_children")
def test_half_of_the_time_is_left_for_the_noise_however_long_the_rest_took(
    fake_clock: FakeClock,
) -> None:
    def behave(_order: Assignment, _request: Request | None) -> Reply | NoReply:
        fake_clock.advance(50.0)
        return NoReply("the worker was killed by SIGKILL", "")

    launcher = fakes.FakeLauncher(behave)
    found = examination.examine(
        {},
        60.0,
        launcher=launcher,
        waiting=silently,
        monitor=FakeMonitor(fake_clock),
        clock=fake_clock.clock,
    )
    assert launcher.assignments[-1].plan.budget_seconds == 30.0
    assert found.scaling.choices == ()
    assert {time.reason for time in found.scaling.times} == {"the worker was killed by SIGKILL"}
    assert found.noise.threads is None
    assert found.answer == (
        "Cannot estimate the smallest detectable difference: the worker was killed by SIGKILL."
    )
