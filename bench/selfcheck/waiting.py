"""A trainer that works as another one and waits in some of its phases."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from impls import contract
from impls.contract import Loss, Phase
from impls.networks import Network, Training
from impls.parameters import Floats, Parameters, Rows

Waits = Mapping[Phase, float]
"""Seconds to wait in a phase."""


class Waiting(contract.Trainer):
    """``original`` that waits for ``waits`` seconds in a phase, by calling ``wait``."""

    def __init__(
        self, original: contract.Trainer, waits: Waits, wait: Callable[[float], object]
    ) -> None:
        self.original, self.waits, self.wait = original, waits, wait
        self.network: Network = original.network
        self.training: Training = original.training

    def _spend(self, phase: Phase) -> None:
        if phase in self.waits:
            self.wait(self.waits[phase])

    def load(self, parameters: Parameters) -> None:
        """Leave it to the original, as all that is not a phase."""
        self.original.load(parameters)

    def bind(self, X: Floats, Y: Floats) -> None:
        """See :meth:`load`."""
        self.original.bind(X, Y)

    def prepare(self, rows: Rows) -> None:
        """Do the work, then wait; so do all phases."""
        self.original.prepare(rows)
        self._spend("prepare")

    def forward(self) -> None:
        """See :meth:`prepare`."""
        self.original.forward()
        self._spend("forward")

    def loss(self) -> Loss:
        """See :meth:`prepare`."""
        loss = self.original.loss()
        self._spend("loss")
        return loss

    def backward(self) -> None:
        """See :meth:`prepare`."""
        self.original.backward()
        self._spend("backward")

    def update(self) -> None:
        """See :meth:`prepare`."""
        self.original.update()
        self._spend("update")

    def predict(self, X: Floats) -> Floats:
        """See :meth:`load`."""
        return self.original.predict(X)

    def parameters(self) -> Parameters:
        """See :meth:`load`."""
        return self.original.parameters()

    def gradients(self) -> Parameters:
        """See :meth:`load`."""
        return self.original.gradients()


def busy_wait(seconds: float) -> None:
    """Keep the processor busy for ``seconds``: sleeping would last longer than asked."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass
