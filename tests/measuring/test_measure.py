from __future__ import annotations

import gc
from typing import ClassVar

import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from bench.documents.timings import Timing
from bench.measuring.measure import CellTimer, FirstEpoch, Measurement
from bench.planning.plan import Effort
from impls.contract import PHASES, Loss, Phase
from impls.networks import Training
from impls.parameters import Rows, start_parameters
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


def by_phase(found: Measurement) -> dict[str, Timing]:
    return {timing.phase: timing for timing in found.timings}


def test_step_phases_and_epoch_are_exact(script: Script) -> None:
    timings = by_phase(timer(script).measure())
    assert list(timings) == ["step", *PHASES, "epoch"]
    assert timings["step"].round_seconds == (STEP,) * 3
    for phase in PHASES:
        assert timings[phase].round_seconds == (SECONDS[phase],) * 3
    assert timings["epoch"].round_seconds == (BATCHES * STEP,) * 3


def test_cpu_time_is_kept_and_gives_the_threads_observed(script: Script) -> None:
    found = timer(script).measure()
    timings = by_phase(found)
    assert timings["step"].round_cpu_seconds == (1.5 * STEP,) * 3
    assert timings["epoch"].round_cpu_seconds == (1.5 * BATCHES * STEP,) * 3
    assert found.threads_observed == 1.5


def test_every_round_of_step_and_epoch_has_its_disturbance(script: Script) -> None:
    found = timer(script, rounds=5, epoch_rounds=4).measure()
    for phase, timing in by_phase(found).items():
        expected = len(timing.round_seconds) if phase in {"step", "epoch"} else 0
        assert len(timing.disturbances) == expected
        # The monitor is read right before and right after the round, and never within it.
        assert {one.switches for one in timing.disturbances} <= {1}
    assert found.threads_busy == 1


def test_the_cost_of_a_probe_is_that_of_a_phase_that_does_nothing(script: Script) -> None:
    class Device(FakeTrainer):
        def synchronize(self) -> None:
            self.script.clock.advance(3 * TICK)

    assert timer(script).measure().probe_seconds == 0
    assert timer(script, Device).measure().probe_seconds == 3 * TICK


def test_timings_say_how_many_examples_and_iterations_they_stand_for(script: Script) -> None:
    timings = by_phase(timer(script, round_seconds=10 * STEP).measure())
    assert timings["epoch"].examples == EXAMPLES
    assert timings["epoch"].iterations == 1
    assert timings["step"].examples == timings["forward"].examples == BATCH
    assert timings["step"].iterations == timings["forward"].iterations >= 10


@pytest.mark.parametrize("planted", PHASES)
def test_a_sleep_planted_in_one_phase_shows_in_that_phase_only(
    script: Script, planted: str
) -> None:
    script.seconds = SECONDS | {planted: SECONDS[planted] + 1024 * TICK}
    timings = by_phase(timer(script).measure())
    for phase in PHASES:
        extra = 1024 * TICK if phase == planted else 0
        assert timings[phase].round_seconds == (SECONDS[phase] + extra,) * 3
    assert timings["step"].round_seconds == (STEP + 1024 * TICK,) * 3
    assert timings["epoch"].round_seconds == (BATCHES * (STEP + 1024 * TICK),) * 3


def test_phases_are_means_over_the_iterations_of_a_round(script: Script) -> None:
    calls = iter(range(10**6))
    script.on_phase = lambda phase: script.clock.advance(
        2 * TICK if phase == "forward" and next(calls) % 2 else 0
    )
    timings = by_phase(timer(script, round_seconds=16 * STEP).measure())
    assert timings["step"].iterations >= 16
    assert timings["forward"].round_seconds == pytest.approx([3 * TICK] * 3, rel=0.05)
    assert timings["backward"].round_seconds == (SECONDS["backward"],) * 3


def updates_after_each_load(script: Script) -> list[int]:
    runs = "".join("|" if event == "load" else event[0] for event in script.events).split("|")
    return [run.count("u") for run in runs]


def test_start_weights_are_put_back_before_every_round(script: Script) -> None:
    timings = by_phase(timer(script, round_seconds=5 * STEP).measure())
    iterations = timings["step"].iterations
    _before, _warm_up, *rounds = updates_after_each_load(script)
    steps_and_phases, epochs = rounds[:-4], rounds[-4:]
    # Each with a step before that is not counted.
    assert steps_and_phases == [iterations + 1] * 6
    assert epochs == [3, *[BATCHES] * 3], "the uncounted start of an epoch, then three epochs"


def test_a_slow_first_epoch_is_not_counted_and_known_by_itself(script: Script) -> None:
    script.first_epoch_extra = 1000.0
    found = timer(script).measure()
    assert by_phase(found)["epoch"].round_seconds == (BATCHES * STEP,) * 3
    # Two batches of 20 and the shorter one of 10.
    assert found.first_epoch == FirstEpoch(seconds=1000.0 + 3 * STEP, examples=50)


class Compiling(FakeTrainer):
    """Compiles an epoch for its number of examples, whichever it has not seen."""

    whole_epochs: ClassVar[bool] = True

    def epoch(self, order: Rows) -> npt.NDArray[np.float64]:
        if len(order) not in {len(one) for one in self.script.epochs}:
            self.script.clock.advance(1000.0)
        return super().epoch(order)


def test_what_is_compiled_for_its_length_is_compiled_before_the_clock_starts(
    script: Script,
) -> None:
    found = timer(script, Compiling, cell_seconds=4 * BATCHES * STEP).measure()
    assert by_phase(found)["epoch"].round_seconds == (BATCHES * STEP,) * 3
    assert found.first_epoch == FirstEpoch(1000.0 + BATCHES * STEP, EXAMPLES)


def test_a_device_is_waited_for_at_the_end_of_the_first_epoch(script: Script) -> None:
    class Device(FakeTrainer):
        def synchronize(self) -> None:
            self.script.clock.advance(1000.0)

    assert timer(script, Device).measure().first_epoch.seconds == 1000.0 + 3 * STEP


def test_every_epoch_holds_all_examples_in_an_order_of_its_own(script: Script) -> None:
    timer(script).measure()
    _warm_up, *epochs = script.epochs
    assert len(epochs) == 3
    for order in epochs:
        assert sorted(order) == list(range(EXAMPLES))
    assert len({tuple(order) for order in epochs}) == 3


def test_timed_steps_walk_through_the_full_batches_of_a_shuffled_epoch(script: Script) -> None:
    timer(script, rounds=2, epoch_rounds=2).measure()
    first, second, third, again = (tuple(rows) for rows in script.batches[:4])
    assert len(first) == len(second) == len(third) == BATCH
    assert len(set(first) | set(second) | set(third)) == 3 * BATCH
    assert again == first
    assert list(first) != sorted(first)


def test_a_trainer_with_fewer_phases_is_timed_in_those(script: Script) -> None:
    timings = by_phase(timer(script, TwoPhases).measure())
    assert list(timings) == ["step", "forward", "backward", "epoch"]
    assert timings["forward"].round_seconds == (SECONDS["forward"],) * 3
    assert timings["backward"].round_seconds == (SECONDS["backward"],) * 3
    assert timings["step"].round_seconds == (STEP,) * 3


def test_a_trainer_without_phases_still_has_step_and_epoch(script: Script) -> None:
    timings = by_phase(timer(script, NoPhases).measure())
    assert list(timings) == ["step", "epoch"]
    assert timings["step"].round_seconds == (STEP,) * 3


@pytest.mark.parametrize(("seconds", "expected"), [(0.0, 1), (9 * STEP, 3), (13 * STEP, 4)])
def test_rounds_end_with_the_time_of_the_cell_but_not_before_one(
    script: Script, seconds: float, expected: int
) -> None:
    # A round takes two steps here, one of them before the clock starts.
    timings = by_phase(timer(script, rounds=50, cell_seconds=seconds).measure())
    assert len(timings["step"].round_seconds) == expected
    assert len(timings["update"].round_seconds) == expected


@pytest.mark.parametrize(("epochs", "expected"), [(0.5, 1), (2.5, 3), (3.5, 4)])
def test_epochs_end_with_the_time_of_the_cell_but_not_before_one(
    script: Script, epochs: float, expected: int
) -> None:
    seconds = epochs * BATCHES * STEP
    timings = by_phase(timer(script, epoch_rounds=50, cell_seconds=seconds).measure())
    assert len(timings["epoch"].round_seconds) == expected


def test_no_more_rounds_are_made_than_the_effort_grants(script: Script) -> None:
    timings = by_phase(timer(script, rounds=6, epoch_rounds=4).measure())
    assert len(timings["step"].round_seconds) == 6
    assert len(timings["epoch"].round_seconds) == 4


def test_steps_and_phases_take_turns_in_random_order(script: Script) -> None:
    class Stepping(FakeTrainer):
        def step(self, rows: Rows) -> Loss:
            self.script.events.append("whole step")
            return super().step(rows)

    timer(script, Stepping, rounds=12).measure()
    runs = " ".join(script.events).split("load")[2:-4]
    # One before the clock starts, and one that is timed unless the phases are.
    kinds = [run.count("whole step") == 2 for run in runs]
    pairs = {tuple(kinds[place : place + 2]) for place in range(0, len(kinds), 2)}
    assert pairs == {(True, False), (False, True)}


def test_garbage_is_not_collected_within_a_round_and_is_again_afterwards(script: Script) -> None:
    timer(script).measure()
    marks = [event for event in script.events if event != "load"]
    assert len(marks) == len(script.collecting)
    _before, warm_up, *rounds = (len(PHASES) * n for n in updates_after_each_load(script))
    first_epoch, *epochs = rounds[-4:]
    steps = sum(rounds[:-4])
    expected = [True] * (len(marks) - steps - first_epoch - sum(epochs))
    expected += [False] * steps + [True] * first_epoch + [False] * sum(epochs)
    assert script.collecting == expected
    assert expected[:warm_up] == [True] * warm_up
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

    timings = by_phase(timer(script, Device).measure())
    assert timings["step"].round_seconds == (STEP,) * 3
    assert timings["backward"].round_seconds == (SECONDS["backward"],) * 3
    assert timings["epoch"].round_seconds == (BATCHES * STEP,) * 3


def test_a_batch_as_large_as_the_data_is_timed(script: Script) -> None:
    timings = by_phase(timer(script, batch_size=EXAMPLES).measure())
    assert timings["step"].examples == EXAMPLES
    assert timings["epoch"].round_seconds == (STEP,) * 3


def test_garbage_is_collected_again_after_a_trainer_has_raised(script: Script) -> None:
    def fail(_phase: str) -> None:
        if not gc.isenabled():
            raise RuntimeError("planted")

    script.on_phase = fail
    with pytest.raises(RuntimeError, match="planted"):
        timer(script).measure()
    assert gc.isenabled()
