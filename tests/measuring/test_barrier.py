from __future__ import annotations

import dataclasses
import itertools
import re
import threading
import time
from collections.abc import Callable, Iterator
from queue import SimpleQueue

import pytest

from bench.measuring import barrier
from bench.measuring.barrier import Attempt, Subject, refusal
from bench.measuring.clock import Clock
from tests.stand_ins.fake_trainer import TICK, FakeClock

STEP = 8 * TICK
FETCH = TICK / 8


class Device:
    """Work is owed until somebody waits; ``waits`` is the share that the barrier waits for."""

    def __init__(self, waits: float, disturbances: Iterator[float] | None = None) -> None:
        self.clock, self.waits = FakeClock(), waits
        self.disturbances = disturbances or itertools.repeat(0.0)
        self.owed = 0.0
        self.rested = 0.0
        self.steps = self.fetches = 0

    def step(self) -> None:
        self.steps += 1
        self.owed += STEP

    def synchronize(self) -> None:
        self.clock.advance(self.waits * self.owed)
        self.owed -= self.waits * self.owed

    def fetch(self) -> None:
        self.fetches += 1
        self.clock.advance(self.owed + FETCH + next(self.disturbances))
        self.owed = 0.0

    def sleep(self, seconds: float) -> None:
        """The device works on."""
        self.clock.rest(seconds)
        self.rested += seconds
        self.owed = max(0.0, self.owed - seconds)

    def refusal(self) -> str:
        clock = dataclasses.replace(self.clock.clock, sleep=self.sleep)
        return refusal(clock, Subject(self.step, self.synchronize, self.fetch))


def test_a_barrier_that_does_not_wait_is_refused_with_what_was_left() -> None:
    said = Device(waits=0.0).refusal()
    # A fetch that waits for a step seems to cost as much; 16 steps are the first to last ten.
    assert said.startswith("synchronize returned while 125 ms of work were still running, after 0")
    assert "16 steps (the least of 5 attempts)" in said


@pytest.mark.parametrize("waits", [0.5, 0.8, 0.88])
def test_a_barrier_that_waits_for_a_part_is_refused(waits: float) -> None:
    assert "still running" in Device(waits).refusal()


@pytest.mark.parametrize("waits", [0.92, 1.0])
def test_a_barrier_that_waits_is_accepted_at_the_first_attempt(waits: float) -> None:
    device = Device(waits)
    assert device.refusal() == ""
    # One for the cost of a fetch; 4 are the first to last for 20 ms.
    assert device.steps == 1 + 1 + 4 + 4 + 4
    assert device.rested == 0, "nothing is looked at twice where the first look acquits"


def test_slow_steps_are_taken_four_times() -> None:
    device = Device(waits=1.0)
    slow = Subject(lambda: [device.step() for _ in range(100)], device.synchronize, device.fetch)
    assert refusal(device.clock.clock, slow) == ""
    assert device.steps == 400


def test_one_stall_does_not_make_the_steps_too_few() -> None:
    calls = itertools.count()
    # After two that tell what a fetch costs, the first of the search.
    stalled = Device(1.0, (50 * STEP if next(calls) == 2 else 0.0 for _ in itertools.count()))
    assert stalled.refusal() == ""
    assert stalled.steps == 1 + 1 + 1 + 4 + 4 + 4


def test_disturbed_fetches_raise_no_alarm_as_long_as_one_attempt_is_quiet() -> None:
    calls = itertools.count()
    # Two and three fetches find the number of steps.  Of an attempt six are idle ones, the seventh
    # is that which counts, and where it accuses, seven more look again.
    disturbed = {2 + 3 + 14 * attempt + 6 for attempt in range(barrier.ATTEMPTS - 1)}
    noisy = Device(1.0, (50 * STEP if next(calls) in disturbed else 0.0 for _ in itertools.count()))
    assert noisy.refusal() == ""
    again = (1 + barrier.IDLE_FETCHES) * (barrier.ATTEMPTS - 1)
    assert noisy.steps == 1 + 1 + 4 + 4 + 4 * barrier.ATTEMPTS + again


def test_a_disturbed_idle_fetch_acquits_nobody() -> None:
    calls = itertools.count()
    lying = Device(0.0, (50 * STEP if next(calls) % 7 == 2 else 0.0 for _ in itertools.count()))
    assert "still running" in lying.refusal()


def test_fetches_that_scatter_hide_no_more_than_they_scatter() -> None:
    scatter = itertools.cycle([0.0, 3 * STEP, 0.0, 3 * STEP, 0.0, 3 * STEP, 0.0])
    assert Device(1.0, scatter).refusal() == ""


@pytest.mark.parametrize(
    ("left", "noise", "early"),
    [
        (1.25, 0.0, True),
        (1.0, 0.0, False),
        (0.95, 0.0, False),
        (4.0, 3.75, True),
        (4.0, 4.0, False),
    ],
)
def test_more_than_a_tenth_of_all_work_and_than_the_noise_is_left_too_early(
    left: float, noise: float, *, early: bool
) -> None:
    assert Attempt(waited=10 - left, left=left, noise=noise).is_early is early


class Cached(Device):
    """Copies what it hands out once for each update; ``step_seconds`` of work in each step."""

    def __init__(self, waits: float, step_seconds: float, copy_seconds: float) -> None:
        super().__init__(waits)
        self.step_seconds, self.copy_seconds = step_seconds, copy_seconds
        self.is_new = True

    def step(self) -> None:
        self.steps += 1
        self.owed += self.step_seconds
        self.is_new = True

    def fetch(self) -> None:
        self.clock.advance(self.owed + self.copy_seconds * self.is_new)
        self.owed = 0.0
        self.is_new = False


MILLISECOND = 1e-3


@pytest.mark.parametrize("step", [0.1, 5, 50])
@pytest.mark.parametrize("copy", [0.01, 4, 40])
def test_a_copy_that_is_kept_until_the_next_step_is_not_taken_for_work(
    step: float, copy: float
) -> None:
    assert Cached(1.0, step * MILLISECOND, copy * MILLISECOND).refusal() == ""
    lying = Cached(0.0, step * MILLISECOND, copy * MILLISECOND)
    assert "still running" in lying.refusal()


class Threaded:
    """A trainer whose work runs in a thread of its own."""

    def __init__(self, *, waits: bool) -> None:
        self.waits = waits
        self.queue: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self.thread = threading.Thread(target=self._work)
        self.thread.start()

    def _work(self) -> None:
        while (work := self.queue.get()) is not None:
            work()

    def step(self) -> None:
        self.queue.put(lambda: time.sleep(0.002))

    def drain(self) -> None:
        done = threading.Event()
        self.queue.put(done.set)
        done.wait()

    def synchronize(self) -> None:
        if self.waits:
            self.drain()

    def close(self) -> None:
        self.queue.put(None)
        self.thread.join()


@pytest.mark.parametrize("waits", [False, True])
def test_work_in_a_thread_is_found_by_a_real_clock(*, waits: bool) -> None:
    trainer = Threaded(waits=waits)
    try:
        said = refusal(Clock(), Subject(trainer.step, trainer.synchronize, trainer.drain))
    finally:
        trainer.close()
    assert bool(re.match("synchronize returned while .* ms of work", said)) is not waits


def test_work_that_ends_before_a_step_returns_is_accepted_by_a_real_clock() -> None:
    subject = Subject(lambda: sum(range(5000)), lambda: None, lambda: sum(range(2000)))
    assert refusal(Clock(), subject) == ""


def test_the_number_of_steps_that_take_no_time_is_bounded(fake_clock: FakeClock) -> None:
    steps: list[None] = []
    fetches = iter(range(100))
    subject = Subject(lambda: steps.append(None), lambda: None, lambda: next(fetches))
    assert refusal(fake_clock.clock, subject) == ""
    assert max(barrier.MOST_STEPS, 1 + 4 + 16 + 64 + 256) < len(steps) < 3 * barrier.MOST_STEPS
