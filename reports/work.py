"""The work model: how many floating-point operations a network's matrix products need.

Only the products count, at two operations per multiply-add; biases, activations and the update
are left out, as they are in the floor.
"""

from __future__ import annotations

from dataclasses import dataclass

from impls.networks import Network

_PER_MULTIPLY_ADD = 2


@dataclass(frozen=True)
class Work:
    """Floating-point operations for one example of one training step."""

    forward: int
    weight_gradients: int
    deltas: int

    @property
    def total(self) -> int:
        """Forward and backward together."""
        return self.forward + self.weight_gradients + self.deltas


def work_per_example(network: Network) -> Work:
    """The products of one step of ``network``, per example.

    The forward pass and the weight gradients each have one product per weight matrix.  The deltas
    have one less: nothing is propagated to the input layer.
    """
    products = [_PER_MULTIPLY_ADD * n_in * n_out for n_in, n_out in network.shapes]
    return Work(forward=sum(products), weight_gradients=sum(products), deltas=sum(products[1:]))


def gigaflops(network: Network, examples: int, seconds: float) -> float:
    """Rate in GFLOP/s at which ``examples`` were trained in ``seconds``."""
    return work_per_example(network).total * examples / seconds / 1e9
