"""PyTorch as its users write it: modules, autograd, fused operators of ``torch.optim``.

- *The data set is on the device*, and ``index_select`` gathers a batch from it.
- *Losses are taken from the last layer's input*, where PyTorch has stable fused forms, and autograd
  goes back from there.  It needs the operators of the loss recorded first: without the phase
  ``loss``, ``backward`` records them.
- *Optimisers move all parameters in one call*, or a handful of them.  Where PyTorch's own have
  other formulas, :mod:`impls.torch.optimisers` says so.
- *On a GPU* data, parameters and all operators are there, and products are in full float32:
  PyTorch's convolutions would take TF32, which keeps 10 bits of a factor.  :mod:`impls.precision`
  says how it is allowed.
- *Losses are read once per epoch*: reading waits for the device.
- *Dropout masks* are those that all implementations share, so ``nn.Dropout`` is of no use here.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch

from impls import contract
from impls.contract import FEATURES, Feature, Loss, Pool, State
from impls.errors import UsageError
from impls.networks import Network, Training
from impls.parameters import Floats, Indices, Parameters, batches
from impls.torch import device as torch_device
from impls.torch import mlp as torch_mlp
from impls.torch.dropout import Masks, Tensor, row_keys
from impls.torch.functions import add_penalty_gradients, data_loss, mean_error, outputs, penalty
from impls.torch.network import Model, canonical, examples, fill
from impls.torch.optimisers import Optimiser, Tensors, corrected

PREDICTED_ROWS = 1000
"""Rows that are predicted together; maps of a whole data set would fill the memory."""


class Trainer(contract.Trainer):
    """Eager operators on the CPU."""

    features: ClassVar[frozenset[Feature]] = FEATURES
    device: ClassVar[str] = "cpu"

    @classmethod
    def declared(cls) -> dict[str, str]:
        return torch_device.cpu_kernels()

    @classmethod
    def pools(cls) -> tuple[Pool, ...]:
        return torch_mlp.Trainer.pools()

    def __init__(self, network: Network, training: Training, parameters: Parameters) -> None:
        self.model = Model(network, self.device)
        self.weights, self.values = self.model.weights, self.model.values
        self.optimiser = Optimiser(self.values, training)
        self.masks = Masks(network, self.device)
        super().__init__(network, training, parameters)

    def load(self, parameters: Parameters) -> None:
        # In place: what was recorded on a device knows these tensors by their addresses.
        fill(self.values, parameters, self.network)
        self.optimiser.forget()
        self.updates = 0

    def bind(self, X: Floats, Y: Floats) -> None:
        self.X = examples(X, self.network, self.device)
        self.Y = torch.tensor(Y, device=self.device)

    def prepare(self, rows: Indices) -> None:
        chosen = torch.from_numpy(rows).to(self.device)
        self.batch = self.X.index_select(0, chosen)
        self.T = self.Y.index_select(0, chosen)

    def forward(self) -> None:
        masks: list[Tensor | None] = [None] * len(self.masks.rates)
        if any(self.masks.rates):
            seed, rows = self.training.dropout_seed, len(self.batch)
            masks = self.masks.draw(row_keys(seed, self.updates, 0, rows, self.device))
        self.Z = self.model(self.batch, masks)
        self.data: Tensor | None = None

    def loss(self) -> Loss:
        return Loss.lazy(self._losses().tolist)

    def _losses(self) -> Tensor:
        """Return data, penalty and mean error of the last forward pass, on the device."""
        self.data = self._data_loss()
        with torch.no_grad():
            error = mean_error(self.network, self.Z, self.T)
            return torch.stack([self.data.detach(), penalty(self.weights, self.training), error])

    def _data_loss(self) -> Tensor:
        """Summed or averaged over examples."""
        scale = self.training.data_scale(len(self.T))
        data = data_loss(self.network.loss, self.Z, self.T)
        return data if scale == 1 else data * scale

    def backward(self) -> None:
        if self.data is None:
            self.data = self._data_loss()
        # Kept, since a phase may be repeated.
        self.G = self.gradients_of(self.data, keep=True)

    def gradients_of(
        self, part: Tensor, derivative: Tensor | None = None, *, keep: bool = False
    ) -> Tensors:
        """Return gradients of the cost, in the order of ``values``.

        ``part`` is the data loss, or what it was computed from; then with its ``derivative``.
        """
        for value in self.values:
            value.grad = None
        part.backward(derivative, retain_graph=keep)
        G = [value.grad for value in self.values]
        with torch.no_grad():
            add_penalty_gradients(G[: len(self.weights)], self.weights, self.training)
        return G

    def update(self) -> None:
        rate = corrected(self.training, self.learning_rate, self.updates)
        self.optimiser.move(self.G, rate)
        self.updates += 1

    def step(self, rows: Indices) -> Loss:
        return Loss.lazy(self._step(rows).tolist)

    def _step(self, rows: Indices) -> Tensor:
        """Return one step; the three numbers of its loss, on the device."""
        self.prepare(rows)
        self.forward()
        losses = self._losses()
        self.G = self.gradients_of(self.data)
        self.update()
        return losses

    def epoch(self, order: Indices) -> npt.NDArray[np.float64]:
        # Read once, at the end: reading waits for the device.
        parts = [self._step(rows) for rows in batches(order, self.training.batch_size)]
        losses: npt.NDArray[np.float64] = torch.stack(parts).cpu().double().numpy()
        return losses

    @torch.inference_mode()  # type: ignore[untyped-decorator]  # PyTorch's has no types
    def predict(self, X: Floats) -> Floats:
        kept = [None] * len(self.masks.rates)
        parts = examples(X, self.network, self.device).split(PREDICTED_ROWS)
        tensors = [outputs(self.network, self.model(part, kept)) for part in parts]
        predicted: Floats = torch.cat(tensors).cpu().numpy()
        return predicted

    def parameters(self) -> Parameters:
        return canonical(self.values, self.network)

    def gradients(self) -> Parameters:
        return canonical(self.G, self.network)

    def state(self) -> State:
        memory = tuple(canonical(part, self.network) for part in self.optimiser.memory)
        return State(self.parameters(), memory, self.updates)

    def resume(self, state: State) -> None:
        super().resume(state)
        self.updates = state.updates
        for part, given in zip(self.optimiser.memory, state.memory or (), strict=False):
            fill(part, given, self.network)


class GpuTrainer(Trainer):
    """Eager operators on the first GPU."""

    device: ClassVar[str] = "cuda"

    @classmethod
    def unavailable(cls) -> str | None:
        reason = torch_device.gpu_absence()
        if reason is not None:
            return reason
        try:
            torch_device.set_precision()
        except UsageError as error:
            return str(error)
        return None

    @classmethod
    def declared(cls) -> dict[str, str]:
        torch_device.set_precision()
        return torch_device.gpu_precision()

    def __init__(self, network: Network, training: Training, parameters: Parameters) -> None:
        torch_device.set_precision()
        super().__init__(network, training, parameters)

    def synchronize(self) -> None:
        torch.cuda.synchronize()

    def device_memory_bytes(self) -> int | None:
        return torch_device.peak_bytes()

    def forget_device_peak(self) -> bool:
        return torch_device.forget_peak()
