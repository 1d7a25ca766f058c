"""What of a network and its training decides which formulas a compiler sees."""

from __future__ import annotations

from typing import NamedTuple

from impls.convolution import Stage
from impls.networks import Network, Training


class Formulas(NamedTuple):
    """A key for compiled code; numbers such as rates are not in it, so they can change.

    ``dropout_rates`` is empty where nothing is dropped; ``momentum``, ``l1`` and ``l2`` say
    whether there is any.
    """

    layers: tuple[int, ...]
    stages: tuple[Stage, ...]
    activation: str
    loss: str
    output: str
    dtype: str
    dropout_rates: tuple[float, ...]
    optimiser: str
    momentum: bool
    l1: bool
    l2: bool

    @classmethod
    def of(cls, network: Network, training: Training) -> Formulas:
        """Return those of a network and its training."""
        return cls(
            layers=network.layers,
            stages=network.stages,
            activation=network.activation,
            loss=network.loss,
            output=network.output,
            dtype=network.dtype,
            dropout_rates=network.dropout_rates if any(network.dropout_rates) else (),
            optimiser=training.optimiser,
            momentum=bool(training.momentum),
            l1=bool(training.l1),
            l2=bool(training.l2),
        )
