"""A clock that is wound by hand, and a trainer that winds it instead of computing."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from bench.measuring.clock import Clock
from bench.measuring.disturbance import Monitor, Reading
from impls import contract
from impls.contract import Loss
from impls.networks import Training
from impls.parameters import Floats, Indices, Parameters
from tests.stand_ins.fakes import NETWORK

TICK = 1 / 1024
"""A duration that floats add up without rounding."""


@dataclass
class FakeClock:
    """Stands still until somebody calls :meth:`advance`."""

    now: float = 0.0
    busy: float = 0.0

    def advance(self, seconds: float, threads: float = 1.0) -> None:
        self.now += seconds
        self.busy += seconds * threads

    def rest(self, seconds: float) -> None:
        """Time passes and nobody works."""
        self.now += seconds

    @property
    def clock(self) -> Clock:
        return Clock(wall=lambda: self.now, cpu=lambda: self.busy, sleep=self.rest)


class FakeMonitor(Monitor):
    """Numbers its readings: a disturbance says how many readings lie between its two."""

    def __init__(self, clock: FakeClock) -> None:
        self.fake_clock, self.readings = clock, 0

    def read(self) -> Reading:
        self.readings += 1
        now = self.fake_clock
        return Reading(now.now, now.busy, self.readings, {1: (now.busy, 0.0)}, None, None)


@dataclass
class Script:
    """How long each phase of a :class:`FakeTrainer` takes, and what happened to the trainer."""

    clock: FakeClock = field(default_factory=FakeClock)
    seconds: Mapping[str, float] = field(default_factory=dict)
    threads: float = 1.0
    first_epoch_extra: float = 0.0
    on_phase: Callable[[str], None] = lambda _phase: None
    events: list[str] = field(default_factory=list)
    batches: list[Indices] = field(default_factory=list)
    epochs: list[Indices] = field(default_factory=list)
    collecting: list[bool] = field(default_factory=list)


class FakeTrainer(contract.Trainer):
    """Lets the clock advance instead of computing; its weights count the updates since load."""

    def __init__(self, script: Script, training: Training, start: Parameters) -> None:
        self.script = script
        super().__init__(NETWORK, training, start)

    def _spend(self, phase: str) -> None:
        self.script.events.append(phase)
        self.script.collecting.append(gc.isenabled())
        self.script.on_phase(phase)
        self.script.clock.advance(self.script.seconds.get(phase, 0.0), self.script.threads)

    def load(self, parameters: Parameters) -> None:
        self.script.events.append("load")
        self.W = [np.array(W) for W in parameters.weights]

    def bind(self, X: Floats, Y: Floats) -> None:
        self.X, self.Y = X, Y

    def prepare(self, rows: Indices) -> None:
        self.script.batches.append(rows)
        self._spend("prepare")

    def forward(self) -> None:
        self._spend("forward")

    def loss(self) -> Loss:
        self._spend("loss")
        return Loss(0.0, 0.0, 0.0)

    def backward(self) -> None:
        self._spend("backward")

    def update(self) -> None:
        self._spend("update")
        self.W[0] += 1

    def epoch(self, order: Indices) -> npt.NDArray[np.float64]:
        if not self.script.epochs:
            self.script.clock.advance(self.script.first_epoch_extra)
        self.script.epochs.append(order)
        return super().epoch(order)

    def predict(self, X: Floats) -> Floats:
        raise NotImplementedError

    def parameters(self) -> Parameters:
        return Parameters(tuple(self.W), ())

    def gradients(self) -> Parameters:
        raise NotImplementedError
