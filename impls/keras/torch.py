"""Keras on PyTorch: model, penalties and optimiser of Keras in a loop as one writes it there.

Keras' layers and optimisers run eagerly here, operator by operator, so the phases are what they
are in the step.  There is no compiled epoch: PyTorch's compiler takes a step, and would unroll a
loop of them.  Keras brings it in within ``Model.fit`` alone, so ``MLPBENCH_KERAS_JIT_COMPILE=1`` is
for that row; there Keras takes one step at a time.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import torch

from impls import precision
from impls.contract import Loss, Pool
from impls.keras import fit, trainer
from impls.keras.engine import (
    JIT_COMPILE,
    STEPS_PER_EXECUTION,
    Device,
    Tensor,
    steps_per_execution,
)
from impls.keras.model import costs
from impls.parameters import Floats, Indices, Parameters
from impls.torch import device as torch_device

trainer.require_engine("torch")


def _pools(_: str) -> tuple[Pool, ...]:
    threads, version = torch.get_num_threads(), str(torch.__version__)
    return (Pool(library="PyTorch intra-op", version=version, threads=threads),)


def _declared(place: str) -> dict[str, str]:
    onednn = torch.backends.mkldnn.is_available() and torch.backends.mkldnn.enabled
    there = torch_device.cpu_kernels() if place == "cpu" else torch_device.gpu_precision()
    return {"oneDNN": precision.on_or_off(onednn), **there}


def _absence(_: str) -> str | None:
    """By default in full float32: convolutions would be in TF32."""
    reason = torch_device.gpu_absence()
    if reason is None:
        torch_device.set_precision()
    return reason


def _gather(place: str, data: tuple[Tensor, Tensor], rows: Indices) -> tuple[Tensor, ...]:
    chosen = torch.from_numpy(rows).to(place)
    return tuple(part.index_select(0, chosen) for part in data)


def _array_of(tensor: Tensor) -> Floats:
    """Of a variable its value, from wherever it lies."""
    value: Tensor = getattr(tensor, "value", tensor)
    array: Floats = value.detach().cpu().numpy()
    return array


# Keras takes a GPU where it sees one, so for the processor it must be hidden.
CPU = Device(
    place="cpu",
    pools=_pools,
    declared=_declared,
    fit_compiles=lambda: False,
    upload=lambda place, array: torch.tensor(array, device=place),
    gather=_gather,
    stack=torch.stack,
    array_of=_array_of,
)
GPU = dataclasses.replace(
    CPU,
    place="cuda",
    absence=_absence,
    wait=lambda _: torch.cuda.synchronize(),
    peak_bytes=lambda _: torch_device.peak_bytes(),
    forget_peak=lambda _: torch_device.forget_peak(),
)


class StepTrainer(trainer.StepTrainer):
    """A step by autograd, called from a loop in Python."""

    device: ClassVar[Device] = CPU

    @classmethod
    def refused(cls) -> str | None:
        if cls.compiled():
            return (
                f"{JIT_COMPILE}=1 is not possible with this loop, which PyTorch "
                "runs eagerly: leave it unset, or take a row that runs Model.fit"
            )
        return super().refused()

    def prepare(self, rows: Indices) -> None:
        self.batch, self.T = self.device.gather(self.place, self.data, rows)

    def forward(self) -> None:
        self.Z = self.model(self.batch, training=True)
        self.cost: Tensor = None

    def loss(self) -> Loss:
        return Loss.lazy(self._costs().tolist)

    def _costs(self) -> Tensor:
        """Return the losses of the batch; its cost is kept for the way back."""
        settings = self.network, self.training
        self.cost, losses = costs(*settings, self.model.losses, self.Z, self.T)
        return losses

    def backward(self) -> None:
        """The way back is kept, so that this phase can be repeated."""
        self._derive(again=True)

    def _derive(self, *, again: bool) -> None:
        if self.cost is None:
            self._costs()
        values = [variable.value for variable in self.variables]
        self.G = torch.autograd.grad(self.cost, values, retain_graph=again)

    def update(self) -> None:
        with torch.no_grad():
            self.optimizer.apply(self.G, self.variables)
            self.updates.assign_add(1)

    def stepped(self, rows: Indices) -> Tensor:
        self.prepare(rows)
        self.forward()
        losses = self._costs()
        self._derive(again=False)
        self.update()
        return losses

    def outputs(self, X: Floats) -> Floats:
        with torch.no_grad():
            return super().outputs(X)

    def gradients(self) -> Parameters:
        return self.canonical(list(self.G))


class FitTrainer(fit.Trainer):
    """``Model.fit``, a step at a time."""

    device: ClassVar[Device] = CPU

    @classmethod
    def refused(cls) -> str | None:
        steps = steps_per_execution()
        if steps > 1:
            return (
                f"{STEPS_PER_EXECUTION}={steps} is not possible with PyTorch, where "
                "Keras takes one step at a time: leave it unset"
            )
        return super().refused()


class GpuStepTrainer(StepTrainer):
    """The same loop with data on the GPU."""

    device: ClassVar[Device] = GPU


class GpuFitTrainer(FitTrainer):
    """``Model.fit``, data on the GPU."""

    device: ClassVar[Device] = GPU
