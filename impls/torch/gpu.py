"""PyTorch on the first GPU, eager: data, parameters and all operators there.

- *Full float32*: PyTorch's convolutions would take TF32, which keeps 10 bits of a factor.
  :mod:`impls.precision` says how it is allowed.
- *Losses are read once per epoch*: reading waits for the device.
"""

from __future__ import annotations

from typing import ClassVar

import torch

from impls.errors import UsageError
from impls.networks import Network, Training
from impls.parameters import Parameters
from impls.torch import autograd as torch_autograd
from impls.torch import device as torch_device


class Trainer(torch_autograd.Trainer):
    """Eager operators on the GPU."""

    device: ClassVar[str] = "cuda"

    @classmethod
    def unavailable(cls) -> str | None:
        reason = torch_device.absence()
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
        return torch_device.declared()

    def __init__(self, network: Network, training: Training, parameters: Parameters) -> None:
        torch_device.set_precision()
        super().__init__(network, training, parameters)

    def synchronize(self) -> None:
        torch.cuda.synchronize()

    def device_memory_bytes(self) -> int | None:
        return torch_device.peak_bytes()

    def forget_device_peak(self) -> bool:
        return torch_device.forget_peak()
