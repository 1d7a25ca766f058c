from __future__ import annotations

import gc
from dataclasses import dataclass
from typing import ClassVar

import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from bench.documents.rounds import Turn, timings_of
from bench.documents.timings import Timing
from bench.measuring.cell_timer import WAKE_SECONDS, CellTimer, WarmUp
from bench.planning.plan import Effort
from impls.contract import PHASES, Phase
from impls.networks import Training
from impls.parameters import Indices, start_parameters
from tests.stand_ins.fake_trainer import TICK, FakeMonitor, FakeTrainer, Script
from tests.stand_ins.fakes import EFFORT, NETWORK, examples

SECONDS: dict[str, float] = {phase: 2**place * TICK for place, phase in enumerate(PHASES)}
STEP = 31 * TICK
EXAMPLES, BATCH, BATCHES = 70, 20, 4  # three full batches and one of ten examples


class TwoPhases(FakeTrainer):
    phases: ClassVar[frozenset[Phase]] = frozenset({"forward", "backward"})


class NoPhases(FakeTrainer):
    phases: ClassVar[frozenset[Phase]] = frozenset()


@pytest.fixture
def script() -> Script:
    return Script(seconds=dict(SECONDS), threads=1.5)


def timer(
    script: Script,
    kind: type[FakeTrainer] = FakeTrainer,
    batch_size: int = BATCH,
    **changes: object,
) -> CellTimer:
    training = Training(batch_size=batch_size)
    start = start_parameters(NETWORK, training, 3)
    trainer = kind(script, training, start)
    trainer.bind(*examples(EXAMPLES))
    effort: Effort = msgspec.structs.replace(EFFORT, **changes)
    return CellTimer(
        trainer,
        start,
        examples=EXAMPLES,
        seed=3,
        effort=effort,
        clock=script.clock.clock,
        monitor=FakeMonitor(script.clock),
    )


@dataclass
class Found:
    """What a timer did: its warm-up and its turns."""

    warm_up: WarmUp
    turns: dict[int, Turn]

    @property
    def timings(self) -> dict[str, Timing]:
        return {timing.phase: timing for timing in timings_of(self.turns)}


def measure(one: CellTimer, turns: int = 6) -> Found:
    """Prepare, then take turns as a worker does: the step and its phases every third time."""
    warm_up = one.warm_up()
    taken = {
        number: one.take_turn("parts" if number % 3 == 1 else "epoch", number)
        for number in range(turns)
    }
    return Found(warm_up, taken)


def test_step_phases_and_epoch_are_exact(script: Script) -> None:
    timings = measure(timer(script)).timings
    assert set(timings) == {"step", *PHASES, "epoch"}
    assert timings["step"].round_seconds == (STEP,) * 2
    for phase in PHASES:
        assert timings[phase].round_seconds == (SECONDS[phase],) * 2
    assert timings["epoch"].round_seconds == (BATCHES * STEP,) * 4
    assert timings["epoch"].sweeps == (0, 2, 3, 5)
    assert timings["step"].sweeps == timings["update"].sweeps == (1, 4)


def test_cpu_time_is_kept(script: Script) -> None:
    timings = measure(timer(script)).timings
    assert timings["step"].round_cpu_seconds == (1.5 * STEP,) * 2
    assert timings["epoch"].round_cpu_seconds == (1.5 * BATCHES * STEP,) * 4
    assert timings["forward"].round_cpu_seconds == ()


def test_every_round_of_step_and_epoch_has_its_disturbance(script: Script) -> None:
    found = measure(timer(script), 9)
    for phase, timing in found.timings.items():
        expected = len(timing.round_seconds) if phase in {"step", "epoch"} else 0
        assert len(timing.disturbances) == expected
        # The monitor is read right before and right after the round, and never within it.
        assert {one.switches for one in timing.disturbances} <= {1}
    assert {turn.busy_threads for turn in found.turns.values()} == {1, None}


def test_the_cost_of_a_probe_is_that_of_a_phase_that_does_nothing(script: Script) -> None:
    class Device(FakeTrainer):
        def synchronize(self) -> None:
            self.script.clock.advance(3 * TICK)

    assert timer(script).warm_up().probe_seconds == 0
    assert timer(script, Device).warm_up().probe_seconds == 3 * TICK


def test_timings_say_how_many_examples_and_iterations_they_stand_for(script: Script) -> None:
    timings = measure(timer(script, round_seconds=10 * STEP)).timings
    assert timings["epoch"].examples == EXAMPLES
    assert timings["epoch"].iterations == 1
    assert timings["step"].examples == timings["forward"].examples == BATCH
    assert timings["step"].iterations == timings["forward"].iterations >= 10


@pytest.mark.parametrize("planted", PHASES)
def test_a_sleep_planted_in_one_phase_shows_in_that_phase_only(
    script: Script, planted: str
) -> None:
    script.seconds = SECONDS | {planted: SECONDS[planted] + 1024 * TICK}
    timings = measure(timer(script)).timings
    for phase in PHASES:
        extra = 1024 * TICK if phase == planted else 0
        assert timings[phase].round_seconds == (SECONDS[phase] + extra,) * 2
    assert timings["step"].round_seconds == (STEP + 1024 * TICK,) * 2
    assert timings["epoch"].round_seconds == (BATCHES * (STEP + 1024 * TICK),) * 4


def test_phases_are_means_over_the_iterations_of_a_round(script: Script) -> None:
    calls = iter(range(10**6))
    script.on_phase = lambda phase: script.clock.advance(
        2 * TICK if phase == "forward" and next(calls) % 2 else 0
    )
    timings = measure(timer(script, round_seconds=16 * STEP)).timings
    assert timings["step"].iterations >= 16
    assert timings["forward"].round_seconds == pytest.approx([3 * TICK] * 2, rel=0.05)
    assert timings["backward"].round_seconds == (SECONDS["backward"],) * 2


def updates_after_each_load(script: Script) -> list[int]:
    runs = "".join("|" if event == "load" else event[0] for event in script.events).split("|")
    return [run.count("u") for run in runs]


def test_start_weights_are_put_back_before_every_round(script: Script) -> None:
    one = timer(script)
    one.warm_up()
    iterations = one.iterations
    script.events.clear()
    one.take_turn("epoch", 0)
    one.take_turn("parts", 1)
    # Steps that wake the pools, then the epoch; again, then the step; then the phases, with a step
    # before that does not count.
    woken, epoch_and_wake, step, phases = updates_after_each_load(script)
    assert woken >= 1
    assert (epoch_and_wake, step, phases) == (BATCHES + woken, iterations, iterations + 1)


def test_a_turn_begins_with_steps_that_do_not_count(script: Script) -> None:
    one = timer(script)
    one.warm_up()
    script.events.clear()
    turn = one.take_turn("epoch", 0)
    assert turn.wake_seconds == STEP
    woken, _ = updates_after_each_load(script)
    assert (woken - 1) * STEP < WAKE_SECONDS <= woken * STEP


def test_a_step_that_wakes_slowly_is_told_and_in_no_round(script: Script) -> None:
    one = timer(script)
    one.warm_up()
    calls = iter([1000.0])
    script.on_phase = lambda _phase: script.clock.advance(next(calls, 0.0))
    turn = one.take_turn("epoch", 0)
    assert turn.wake_seconds == 1000.0 + STEP
    assert turn.rounds[0].seconds == BATCHES * STEP


def test_a_slow_first_epoch_is_not_counted_and_known_by_itself(script: Script) -> None:
    script.first_epoch_extra = 1000.0
    found = measure(timer(script))
    assert found.timings["epoch"].round_seconds == (BATCHES * STEP,) * 4
    # Two batches of 20 and the shorter one of 10.
    assert found.warm_up.first_epoch_seconds == 1000.0 + 3 * STEP
    assert found.warm_up.first_epoch_examples == 50


class Compiling(FakeTrainer):
    """Compiles an epoch for its number of examples, whichever it has not seen."""

    whole_epochs: ClassVar[bool] = True

    def epoch(self, order: Indices) -> npt.NDArray[np.float64]:
        if len(order) not in {len(one) for one in self.script.epochs}:
            self.script.clock.advance(1000.0)
        return super().epoch(order)


def test_what_is_compiled_for_its_length_is_compiled_before_the_clock_starts(
    script: Script,
) -> None:
    found = measure(timer(script, Compiling))
    assert found.timings["epoch"].round_seconds == (BATCHES * STEP,) * 4
    assert found.warm_up.first_epoch_seconds == 1000.0 + BATCHES * STEP
    assert found.warm_up.first_epoch_examples == EXAMPLES


def test_a_device_is_waited_for_at_the_end_of_the_first_epoch(script: Script) -> None:
    class Device(FakeTrainer):
        def synchronize(self) -> None:
            self.script.clock.advance(1000.0)

    assert timer(script, Device).warm_up().first_epoch_seconds == 1000.0 + 3 * STEP


def test_every_epoch_holds_all_examples_in_an_order_that_its_number_gives(script: Script) -> None:
    one = timer(script)
    one.warm_up()
    script.epochs.clear()
    for number in (0, 1, 2, 1):
        one.take_turn("epoch", number)
    orders = [tuple(order) for order in script.epochs]
    for order in orders:
        assert sorted(order) == list(range(EXAMPLES))
    assert len(set(orders)) == 3
    assert orders[1] == orders[3]


def test_timed_steps_walk_through_the_full_batches_of_a_shuffled_epoch(script: Script) -> None:
    measure(timer(script))
    first, second, third, again = (tuple(rows) for rows in script.batches[:4])
    assert len(first) == len(second) == len(third) == BATCH
    assert len(set(first) | set(second) | set(third)) == 3 * BATCH
    assert again == first
    assert list(first) != sorted(first)


def test_a_trainer_with_fewer_phases_is_timed_in_those(script: Script) -> None:
    timings = measure(timer(script, TwoPhases)).timings
    assert set(timings) == {"step", "forward", "backward", "epoch"}
    assert timings["forward"].round_seconds == (SECONDS["forward"],) * 2
    assert timings["backward"].round_seconds == (SECONDS["backward"],) * 2
    assert timings["step"].round_seconds == (STEP,) * 2


def test_a_trainer_without_phases_still_has_step_and_epoch(script: Script) -> None:
    timings = measure(timer(script, NoPhases)).timings
    assert set(timings) == {"step", "epoch"}
    assert timings["step"].round_seconds == (STEP,) * 2


def test_garbage_is_not_collected_within_a_turn_and_is_again_afterwards(script: Script) -> None:
    one = timer(script)
    one.warm_up()
    assert set(script.collecting) == {True}
    script.collecting.clear()
    one.take_turn("epoch", 0)
    one.take_turn("parts", 1)
    assert set(script.collecting) == {False}
    assert gc.isenabled()


def test_the_first_call_is_one_step_with_its_compilation(script: Script) -> None:
    calls = iter([1000.0])
    script.on_phase = lambda _phase: script.clock.advance(next(calls, 0.0))
    cell_timer = timer(script)
    assert cell_timer.first_call() == 1000.0 + STEP
    assert len(script.batches) == 1


def test_a_device_is_waited_for_within_the_clock(script: Script) -> None:
    class Device(FakeTrainer):
        """Phases return at once; the time passes when somebody waits."""

        owed = 0.0

        def _spend(self, phase: str) -> None:
            self.script.events.append(phase)
            self.owed += SECONDS[phase]

        def synchronize(self) -> None:
            self.script.clock.advance(self.owed)
            self.owed = 0.0

    timings = measure(timer(script, Device)).timings
    assert timings["step"].round_seconds == (STEP,) * 2
    assert timings["backward"].round_seconds == (SECONDS["backward"],) * 2
    assert timings["epoch"].round_seconds == (BATCHES * STEP,) * 4


def test_a_batch_as_large_as_the_data_is_timed(script: Script) -> None:
    timings = measure(timer(script, batch_size=EXAMPLES)).timings
    assert timings["step"].examples == EXAMPLES
    assert timings["epoch"].round_seconds == (STEP,) * 4


def test_garbage_is_collected_again_after_a_trainer_has_raised(script: Script) -> None:
    one = timer(script)
    one.warm_up()

    def fail(_phase: str) -> None:
        if not gc.isenabled():
            raise RuntimeError("planted")

    script.on_phase = fail
    with pytest.raises(RuntimeError, match="planted"):
        one.take_turn("epoch", 0)
    assert gc.isenabled()
