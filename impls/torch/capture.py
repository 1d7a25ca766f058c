"""Work on a device that is recorded once and then done again by one call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch

from impls.mathematics.dropout import hash_of
from impls.networks import Network, Training
from impls.parameters import Rows
from impls.torch.foreach import Tensors, corrected

WARM_UPS = 3
"""Rounds before a recording, as in PyTorch's notes on CUDA graphs.

Libraries take their work space, and cuDNN chooses its algorithms, when a shape is new to them;
neither is possible while a graph is recorded.
"""


class Recording(Protocol):
    """Work that was recorded."""

    def replay(self) -> None:
        """Do it again, on what now lies in the same tensors."""


class CudaGraph:
    """What ``work`` does on the GPU, as a CUDA graph; ``warm_up`` is done before, and for real.

    ``work`` is not done, only recorded.  Addresses and numbers are recorded as they are, so what
    is to change lies in tensors that stay where they are.  Nothing in ``work`` may wait for the
    device.
    """

    def __init__(self, warm_up: Callable[[], object], work: Callable[[], object]) -> None:
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(WARM_UPS):
                warm_up()
        torch.cuda.current_stream().wait_stream(aside)
        self.graph = torch.cuda.CUDAGraph()
        home = torch.cuda.current_stream()
        try:
            with torch.cuda.graph(self.graph):
                work()
        except BaseException:
            # Where ending the recording raises in turn, PyTorch stays on the recording's stream.
            torch.cuda.set_stream(home)
            raise

    def replay(self) -> None:
        """Launch the graph on the current stream; it runs while the caller goes on."""
        self.graph.replay()


_WORD = 0xFFFFFFFF


class Stretch:
    """Consecutive batches, the last of which may be shorter, on a device.

    ``order`` holds the numbers of the examples, shape ``(rows,)``; ``rates`` and ``keys``, the
    step keys of the dropout, have one element per batch, and ``losses`` the
    three numbers of a loss.  ``recording`` trains on all of it and leaves the last gradients in
    ``G``.
    """

    recording: Recording
    G: Tensors

    def __init__(self, rows: int, network: Network, training: Training, device: str) -> None:
        self.rows, self.training = rows, training
        self.drops = any(network.dropout)
        self.size = min(training.batch_size, rows)
        self.count = -(-rows // self.size)
        numbers = torch.arange(rows, dtype=torch.int32, device=device)
        self.order = torch.zeros_like(numbers)
        self.place_in_batch = numbers % self.size
        self.batch_of = numbers // self.size
        self.keys = torch.zeros_like(numbers[: self.count])
        kind = {"dtype": getattr(torch, network.dtype), "device": device}
        self.rates = torch.zeros(self.count, **kind)
        self.losses = torch.zeros(self.count, 3, **kind)
        self.told = np.zeros(self.count)

    def groups(self, rows: int) -> list[range]:
        """Return the numbers of the batches in groups: as many as ``rows`` hold, and at least one.

        Those of a group have one size: a shorter last batch is a separate group.
        """
        together = max(1, rows // self.size)
        full = self.rows // self.size
        found = [range(one, min(one + together, full)) for one in range(0, full, together)]
        return found if full == self.count else [*found, range(full, self.count)]

    def rows_of(self, numbers: range) -> slice:
        """Return where the examples of consecutive batches stand in ``order``."""
        return slice(numbers.start * self.size, min(numbers.stop * self.size, self.rows))

    def tell(self, order: Rows, rate: float, updates: int) -> None:
        """Write what the next replay is about; ``updates`` were made before it."""
        self.order.copy_(torch.from_numpy(order))
        before = updates + np.arange(self.count)
        rates = corrected(self.training, np.full(self.count, rate), before)
        # Most rates stay what they are; a copy to a device takes longer than to look.
        if not np.array_equal(rates, self.told):
            self.rates.copy_(torch.from_numpy(rates))
            self.told = rates
        if self.drops:
            # The step keys of impls.mathematics.dropout, all at a time; the sum wraps around.
            first = np.uint32((hash_of(self.training.dropout_seed & _WORD) + updates) & _WORD)
            keys = hash_of(np.arange(self.count, dtype=np.uint32) + first)
            self.keys.copy_(torch.from_numpy(keys.view(np.int32)))
