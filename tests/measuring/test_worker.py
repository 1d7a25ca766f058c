"""What a worker does with one cell, in this process: what it records, and what it refuses."""

from __future__ import annotations

import dataclasses
import os
import re
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import Any

import msgspec
import numpy as np
import pytest

from bench.correctness import gate
from bench.documents import rounds
from bench.documents.assignment import Arrays, Assignment
from bench.documents.messages import Finish, Finished, NotMeasured, PrepareCell, Ready, TakeTurn
from bench.documents.results import Failed, Invalid, Measured, Outcome, Unverified
from bench.documents.rounds import Turn, TurnKind
from bench.documents.timings import Check, Memory, Peaks
from bench.measuring import memory, peaks
from bench.measuring.cell_timer import CellTimer
from bench.measuring.clock import SYSTEM_CLOCK, Clock
from bench.measuring.disturbance import Monitor
from bench.measuring.worker import Worker, describe_process
from bench.planning.plan import Plan, jobs
from bench.provenance import threads
from bench.provenance.accelerator import Device
from bench.provenance.records import Accelerator
from impls.contract import Loss, Trainer
from impls.errors import ImplementationError
from impls.networks import Network, Training
from impls.parameters import Floats, Indices, Parameters
from impls.row import Row
from tests.stand_ins import fakes
from tests.stand_ins.fake_nvml import FakeGpu, FakeNvml

TRAINING = Training(batch_size=20)
PLAN = fakes.plan(
    network=Network(name="20-8-3", layers=(20, 8, 3)),
    implementations=("own",),
    trainings=(TRAINING,),
    threads=(None,),
    effort=fakes.REAL_EFFORT,
)
ROW = Row("own", "own.py:Trainer", "a trainer of this test")
READ_BEFORE = Memory(started=1, imported=2, loaded=3)


def outcome_of(
    trainer_class: type[Trainer],
    *,
    plan: Plan = PLAN,
    row: Row = ROW,
    arrays: Arrays | None = None,
    device: Device | str | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> Outcome:
    with closing(Monitor()) as monitor, tempfile.TemporaryDirectory() as folder:
        assignment = Assignment(
            job=jobs(plan)[0], block=0, repetition=0, plan=plan, row=row, root="", arrays=folder
        )
        worker = Worker(assignment, clock, monitor)
        worker.trainer_class, worker.memory, worker.device = trainer_class, READ_BEFORE, device
        worker.process = describe_process(row, trainer_class, 0.5)
        worker.arrays = arrays or Arrays(*fakes.examples(200, 20, 3))
        reply = worker.answer(PrepareCell(20))
        if isinstance(reply, NotMeasured):
            return reply.outcome
        assert isinstance(reply, Ready)
        turns = {}
        for number in range(3):
            turn = worker.answer(TakeTurn("parts" if number == 1 else "epoch", number))
            assert isinstance(turn, Turn)
            turns[number] = turn
        finished = worker.answer(Finish())
        assert isinstance(finished, Finished)
        outcome = rounds.outcome_of(finished.measured, turns, None)
        assert outcome is not None
        return outcome


def measured(trainer_class: type[Trainer], **changes: Any) -> Measured:
    outcome = outcome_of(trainer_class, **changes)
    assert isinstance(outcome, Measured)
    return outcome


class Plain(fakes.Float32Reference):
    """Right, and on the processor."""


class OnDevice(Plain):
    """Says what a trainer with a device of its own says."""

    @classmethod
    def declared(cls) -> dict[str, str]:
        return {"products": "in float32"}

    def device_memory_bytes(self) -> int:
        return 12345

    def forget_device_peak(self) -> bool:
        return True


def test_a_process_on_other_processors_than_asked_for_is_not_timed() -> None:
    found = outcome_of(Plain, plan=msgspec.structs.replace(PLAN, cpus=(9999,)))
    assert isinstance(found, Unverified)
    assert found.reason.startswith("processors 9999 requested, but the process may run on")
    usable = tuple(sorted(os.sched_getaffinity(0)))
    assert measured(Plain, plan=msgspec.structs.replace(PLAN, cpus=usable)).process.cpus


def test_the_cost_of_making_a_trainer_and_of_binding_the_data_are_apart() -> None:
    class Slow(Plain):
        def bind(self, X: Floats, Y: Floats) -> None:
            super().bind(X, Y)
            if len(X) == 200:
                clock.extra += 64.0

    class Skipping:
        """The real time, and what is added to it."""

        extra = 0.0

        def wall(self) -> float:
            return Clock().wall() + self.extra

    clock = Skipping()
    found = measured(Slow, clock=Clock(wall=clock.wall))
    assert found.bind_seconds is not None
    assert 64 <= found.bind_seconds < 128
    assert found.setup_seconds is not None
    assert 0 < found.setup_seconds < 64
    assert found.first_call_seconds < 64


def test_settings_of_libraries_and_memory_on_the_device_are_recorded() -> None:
    found = measured(OnDevice)
    assert found.process.declared == {"products": "in float32"}
    assert found.device_memory_bytes == 12345
    assert found.memory is not None
    assert found.memory.device_peak_of_timing
    plain = measured(Plain)
    assert plain.process.declared == {}
    assert plain.device_memory_bytes is None
    assert plain.memory is not None
    assert not plain.memory.device_peak_of_timing


def test_the_peak_on_a_device_begins_after_gate_and_barrier() -> None:
    class Growing(Plain):
        """Everybody who is made holds something, and nothing is given back."""

        held = peak = 0

        def load(self, parameters: Parameters) -> None:
            type(self).held += 1
            type(self).peak += 1
            super().load(parameters)

        def forget_device_peak(self) -> bool:
            type(self).peak = 0
            return True

        def device_memory_bytes(self) -> int:
            return self.peak

    found = measured(Growing).device_memory_bytes
    assert found is not None
    assert 0 < found < Growing.held


def test_the_first_epoch_is_recorded_with_its_examples() -> None:
    found = measured(Plain)
    assert found.first_epoch_seconds is not None
    assert found.first_epoch_seconds > 0
    assert found.first_epoch_examples == 40


def test_settings_are_those_after_the_first_step() -> None:
    class Late(Plain):
        steps = 0

        @classmethod
        def declared(cls) -> dict[str, str]:
            return {"kernels": "chosen" if cls.steps else "not chosen"}

        def forward(self) -> None:
            type(self).steps += 1
            super().forward()

    assert measured(Late).process.declared == {"kernels": "chosen"}


def test_resident_memory_is_read_at_every_stage_and_the_peak_is_that_of_the_timing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    events: list[str] = []

    def reading(name: str, value: object) -> Callable[[], object]:
        def read() -> object:
            events.append(name)
            return value

        return read

    monkeypatch.setattr(memory, "resident", reading("resident", 10))
    monkeypatch.setattr(memory, "forget_peak", reading("forgotten", value=True))
    monkeypatch.setattr(memory, "peak", reading("peak", 99))
    limits = Peaks(gemm=1.0, copy=1.0, cached_copy=1.0)
    monkeypatch.setattr(peaks, "measure", lambda *_: reading("limits", limits)())
    found = measured(Plain, row=dataclasses.replace(ROW, role="floor"))
    assert events == ["resident", "resident", "forgotten", "peak", "peak", "limits"]
    expected = msgspec.structs.replace(READ_BEFORE, begun=10, bound=10, peak_of_timing=True)
    assert found.memory == expected
    assert found.peak_memory_bytes == 99
    assert found.peaks == limits


def test_a_device_is_read_before_and_after_the_timing() -> None:
    class Warming(FakeNvml):
        reads = 0

        def nvmlDeviceGetTemperature(self, _gpu: FakeGpu, _sensor: int) -> int:  # noqa: N802
            self.reads += 1
            return 40 + self.reads

    gpu = FakeGpu()
    found = measured(Plain, device=Device(Warming(), gpu)).process.accelerator
    assert found is not None
    assert found.name == "Example GPU"
    assert [one.temperature for one in found.readings] == [41, 42]
    assert measured(Plain, device="no driver").process.accelerator == Accelerator(
        reason="no driver"
    )
    assert measured(Plain).process.accelerator is None


class Zeroing(Plain):
    """Passes the gate, and then sets the start weights to zero, from which its proof starts."""

    def __init__(self, network: Network, training: Training, parameters: Parameters) -> None:
        self.given, self.steps = parameters, 0
        super().__init__(network, training, parameters)

    def step(self, rows: Indices) -> Loss:
        self.steps += 1
        if self.steps == len(self.X) // 20:
            self.given.weights[0][:] = 0
        return super().step(rows)


class Blanking(Plain):
    """Trains on zeros."""

    def bind(self, X: Floats, Y: Floats) -> None:
        X[:] = 0
        super().bind(X, Y)


@pytest.mark.parametrize("hostile", [Zeroing, Blanking])
def test_start_weights_and_data_cannot_be_written_to(hostile: type[Trainer]) -> None:
    found = outcome_of(hostile)
    assert isinstance(found, Failed)
    assert re.match("ValueError: .*read-only", found.reason)


class Slicing(Plain):
    """Takes consecutive examples, as if nothing had been shuffled."""

    def prepare(self, rows: Indices) -> None:
        first = int(rows[0])
        super().prepare((first + np.arange(len(rows))) % len(self.X))


def test_the_gate_shuffles_the_rows_that_it_asks_for() -> None:
    refused = outcome_of(Slicing)
    assert isinstance(refused, Invalid)
    assert "against the float64 reference failed" in refused.reason


def test_a_reference_is_shared_among_workers_of_one_revision(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folders: list[str] = []

    def inspect(*arguments: Any) -> list[Check]:
        folders.append(arguments[-1].name)
        return []

    monkeypatch.setattr(gate, "inspect", inspect)
    for row in (ROW, ROW, dataclasses.replace(ROW, revision="abc")):
        measured(Plain, row=row)
    assert folders[0] == folders[1] != folders[2]


def test_the_gate_takes_examples_from_all_of_the_data() -> None:
    bound: list[Floats] = []

    class Noting(Plain):
        def bind(self, X: Floats, Y: Floats) -> None:
            bound.append(X[:, 0])
            super().bind(X, Y)

    X, Y = fakes.examples(200, 20, 3)
    X[:, 0] = np.linspace(-1, 1, 200)
    measured(Noting, arrays=Arrays(X, Y))
    whole, *checked = bound
    assert len(whole) == 200
    for few in checked:
        assert len(few) == 66
        assert few.min() < -0.9
        assert few.max() > 0.9


class Lazy:
    """A number that is still being computed."""

    def __init__(self, future: Future[Loss], place: int) -> None:
        self.future, self.place = future, place

    def __float__(self) -> float:
        return float(self.future.result()[self.place])


class Early(Plain):
    """Hands steps to a thread, as to a device; all that reads its state waits, but no barrier."""

    latest: Future[Loss] | None = None

    def __init__(self, network: Network, training: Training, parameters: Parameters) -> None:
        self.thread = ThreadPoolExecutor(1)
        super().__init__(network, training, parameters)

    def _drain(self) -> None:
        if self.latest is not None:
            self.latest.result()

    def _later(self, rows: Indices) -> Loss:
        time.sleep(0.005)
        return Plain.step(self, rows)

    def step(self, rows: Indices) -> Loss:
        self.latest = self.thread.submit(self._later, rows)
        return Loss(*(Lazy(self.latest, place) for place in range(3)))

    def load(self, parameters: Parameters) -> None:
        self._drain()
        super().load(parameters)

    def parameters(self) -> Parameters:
        self._drain()
        return super().parameters()

    def gradients(self) -> Parameters:
        self._drain()
        return super().gradients()


def test_a_barrier_that_does_not_wait_is_unverified_and_not_timed() -> None:
    found = outcome_of(Early)
    assert isinstance(found, Unverified)
    assert found.reason.startswith("synchronize returned while ")
    assert found.measured is None


def test_the_same_trainer_with_a_barrier_that_waits_is_measured() -> None:
    class Waiting(Early):
        def synchronize(self) -> None:
            self._drain()

    found = measured(Waiting)
    steps = next(one for one in found.timings if one.phase == "step")
    assert min(steps.round_seconds) > 0.005


def test_the_gate_comes_before_the_barrier() -> None:
    class Doubled(Early):
        def predict(self, X: Floats) -> Floats:
            return 2 * super().predict(X)

    assert isinstance(outcome_of(Doubled), Invalid)


def test_what_is_refused_before_the_clock_says_what_was_declared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Unwaiting(Early):
        @classmethod
        def declared(cls) -> dict[str, str]:
            return {"products": "in float32"}

    class Doubled(OnDevice):
        def predict(self, X: Floats) -> Floats:
            return 2 * super().predict(X)

    refused = [outcome_of(Unwaiting), outcome_of(Doubled)]
    monkeypatch.setattr(threads, "disagreement", lambda *_: "other threads")
    refused.append(outcome_of(OnDevice))
    assert [type(one) for one in refused] == [Unverified, Invalid, Unverified]
    for one in refused:
        assert isinstance(one, Unverified | Invalid)
        assert one.declared == {"products": "in float32"}


def test_a_round_of_no_duration_is_a_failure_and_not_a_damaged_journal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    timed = CellTimer.take_turn

    def stopped(self: CellTimer, kind: TurnKind, number: int) -> Turn:
        found = timed(self, kind, number)
        rounds = tuple(msgspec.structs.replace(one, seconds=0.0) for one in found.rounds)
        return msgspec.structs.replace(found, rounds=rounds)

    monkeypatch.setattr(CellTimer, "take_turn", stopped)
    outcome = outcome_of(OnDevice)
    assert isinstance(outcome, Failed)
    assert outcome.declared == {"products": "in float32"}
    assert re.fullmatch(
        r"the clock of this machine gave a round of \w+ of 0\.0 s for \d+ examples: give more "
        "examples",
        outcome.reason,
    )


@pytest.mark.parametrize("found", [{"TF32": True}, {1: "on"}, ["TF32"], None])
def test_what_is_declared_is_text(found: object) -> None:
    class Declaring(Plain):
        @classmethod
        def declared(cls) -> Any:
            return found

    with pytest.raises(ImplementationError, match=r"Declaring returned .*, and names and values"):
        outcome_of(Declaring)


@pytest.mark.parametrize("found", [None, 0.5, (0.5, None, 0.1)])
def test_a_loss_is_three_numbers(found: object) -> None:
    class Lossless(Plain):
        def loss(self) -> Any:
            return found

    said = "loss and step must return a Loss of three numbers, data, penalty, mean_error, and one"
    outcome = outcome_of(Lossless)
    assert isinstance(outcome, Failed)
    assert outcome.reason.startswith(f"ImplementationError: {said}")
