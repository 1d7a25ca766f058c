"""PyTorch on the first GPU, a whole epoch as one CUDA graph: the device waits for no Python.

- *The graph is a loop of modules, autograd and optimiser*, recorded once per number of examples,
  the shorter last batch included; a step is an epoch of one batch.
- *What changes lies in tensors*: order of the examples, rates with the corrections of Adam, keys of
  the dropout.  They are written before a replay, losses are read after it.
- *Few launches per batch*: batches are gathered, masks drawn and losses computed several batches at
  a time, and autograd begins at the last layer's input.
- *Long epochs are replayed in stretches*: a graph of a hundred thousand operators would take long
  to record and much memory.
- *Phases do not exist* in a graph; called one by one they run eagerly and are not timed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch

from impls.contract import Loss, Phase
from impls.mathematics.dropout import hash_of as hash_on_host
from impls.networks import Network, Training
from impls.parameters import Floats, Indices, Parameters, batches
from impls.torch import autograd as torch_autograd
from impls.torch.dropout import Tensor, hash_of
from impls.torch.functions import derivative, losses, weight_norms
from impls.torch.optimisers import Tensors, corrected

GRAPH_BATCHES = 1000
"""Batches in one graph at most."""
TOGETHER_ROWS = 8192
"""Rows that are gathered together, if not one batch is more: the copy stays in the GPU's cache."""
WARM_UPS = 3
"""Rounds before a recording, as in PyTorch's notes on CUDA graphs.

Libraries take their work space, and cuDNN chooses its algorithms, when a shape is new to them;
neither is possible while a graph is recorded.
"""


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


class Stretch:
    """Consecutive batches, the last of which may be shorter, on a device.

    ``order`` holds the numbers of the examples, shape ``(rows,)``; ``rates`` and ``keys``, the
    step keys of the dropout, have one element per batch, and ``losses`` the three numbers of a
    loss.  ``recording`` trains on all of it and leaves the last gradients in ``G``.
    """

    recording: CudaGraph
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
        self.host_rates = np.zeros(self.count)

    def groups(self, rows: int) -> list[range]:
        """Return the numbers of the batches in groups: as many as ``rows`` hold, and at least one.

        Those of a group have one size: a shorter last batch is a separate group.
        """
        together = max(1, rows // self.size)
        full = self.rows // self.size
        groups = [range(start, min(start + together, full)) for start in range(0, full, together)]
        return groups if full == self.count else [*groups, range(full, self.count)]

    def rows_of(self, numbers: range) -> slice:
        """Return where the examples of consecutive batches stand in ``order``."""
        return slice(numbers.start * self.size, min(numbers.stop * self.size, self.rows))

    def write(self, order: Indices, rate: float, updates: int) -> None:
        """Write what the next replay is about; ``updates`` were made before it."""
        self.order.copy_(torch.from_numpy(order))
        before = updates + np.arange(self.count)
        rates = corrected(self.training, np.full(self.count, rate), before)
        # Most rates stay what they are; a copy to a device takes longer than to look.
        if not np.array_equal(rates, self.host_rates):
            self.rates.copy_(torch.from_numpy(rates))
            self.host_rates = rates
        if self.drops:
            # The step keys of impls.mathematics.dropout, all at a time; the sum wraps around.
            first = np.uint32(
                (hash_on_host(self.training.dropout_seed & 0xFFFFFFFF) + updates) & 0xFFFFFFFF
            )
            keys = hash_on_host(np.arange(self.count, dtype=np.uint32) + first)
            self.keys.copy_(torch.from_numpy(keys.view(np.int32)))


class Trainer(torch_autograd.GpuTrainer):
    """Replayed epochs and steps on the GPU."""

    phases: ClassVar[frozenset[Phase]] = frozenset()
    whole_epochs: ClassVar[bool] = True
    record: ClassVar[type[CudaGraph]] = CudaGraph

    @classmethod
    def supports(cls, network: Network, training: Training) -> str | None:
        if training.optimiser == "adam" and network.dtype != "float32":
            return f"PyTorch's fused Adam reads rates from a device in float32, not {network.dtype}"
        return super().supports(network, training)

    @classmethod
    def declared(cls) -> dict[str, str]:
        return {**super().declared(), "batches per CUDA graph": f"at most {GRAPH_BATCHES}"}

    def __init__(self, network: Network, training: Training, parameters: Parameters) -> None:
        self.stretches: dict[int, Stretch] = {}
        super().__init__(network, training, parameters)

    def bind(self, X: Floats, Y: Floats) -> None:
        super().bind(X, Y)
        # What was recorded reads the data that were bound then.
        self.stretches.clear()

    def step(self, rows: Indices) -> Loss:
        return Loss.lazy(self._replayed(rows)[0].tolist)

    def epoch(self, order: Indices) -> npt.NDArray[np.float64]:
        most = GRAPH_BATCHES * self.training.batch_size
        parts = [self._replayed(part) for part in batches(order, most)]
        tracked: npt.NDArray[np.float64] = torch.cat(parts).cpu().double().numpy()
        return tracked

    def _replayed(self, order: Indices) -> Tensor:
        """Train on all of ``order``; the losses of its batches, a copy on the device."""
        stretch = self._stretch(len(order))
        stretch.write(order, self.learning_rate, self.updates)
        stretch.recording.replay()
        self.updates += stretch.count
        self.G = stretch.G
        return stretch.losses.clone()

    def _stretch(self, rows: int) -> Stretch:
        """Return the stretch of ``rows`` rows, recorded at its first use.

        Parameters and memory stay as they are.
        """
        if rows in self.stretches:
            return self.stretches[rows]
        stretch = Stretch(rows, self.network, self.training, self.device)
        # What autograd keeps of a phase belongs to another stream than the recording's.
        self.Z = self.data = None
        groups = stretch.groups(TOGETHER_ROWS)
        # A kernel that is new to the process would have to be loaded while the device records: one
        # group of each size calls for all of them.
        sizes = {len(stretch.order[stretch.rows_of(group)]): group for group in groups}
        tensors = [*self.values, *(part for kept in self.optimiser.memory for part in kept)]
        with torch.no_grad():
            before = [tensor.clone() for tensor in tensors]
            stretch.recording = type(self).record(
                lambda: self._train(stretch, sizes.values()), lambda: self._train(stretch, groups)
            )
            stretch.G = self.G
            for tensor, value in zip(tensors, before, strict=True):
                tensor.copy_(value)
        self.stretches[rows] = stretch
        return stretch

    @torch.enable_grad()  # type: ignore[untyped-decorator]
    def _train(self, stretch: Stretch, groups: Iterable[range]) -> None:
        """Train on groups of batches; with all of them, this is what is recorded."""
        for numbers in groups:
            self._train_together(stretch, numbers)

    def _train_together(self, stretch: Stretch, numbers: range) -> None:
        """Train on batches of one size, gathered and tracked together, one after another."""
        rows = stretch.rows_of(numbers)
        chosen = stretch.order[rows]
        X, T = self.X.index_select(0, chosen), self.Y.index_select(0, chosen)
        masks: list[Tensor | None] = [None] * len(self.masks.rates)
        if stretch.drops:
            keys = stretch.keys.index_select(0, stretch.batch_of[rows])
            masks = self.masks.draw(hash_of(keys.add_(stretch.place_in_batch[rows])))
        inputs, norms = [], []
        for index, number in enumerate(numbers):
            part = slice(index * stretch.size, (index + 1) * stretch.size)
            targets = T[part]
            Z = self.model(X[part], [None if mask is None else mask[part] for mask in masks])
            inputs.append(Z.detach())
            with torch.no_grad():
                delta = derivative(self.network, Z, targets)
                norms.append(weight_norms(self.weights, self.training))
            scale = self.training.data_scale(len(targets))
            self.G = self.gradients_of(Z, delta if scale == 1 else delta.mul_(scale))
            self.optimiser.move(self.G, stretch.rates[number])
        tracked = losses(self.network, self.training, inputs, T, norms)
        stretch.losses[numbers.start : numbers.stop].copy_(tracked)
