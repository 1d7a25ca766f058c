"""PyTorch on the first GPU, eager: data, parameters and all operators there.

- *Full float32*: PyTorch's convolutions would take TF32, which keeps 10 bits of a factor.
  ``NVIDIA_TF32_OVERRIDE=1`` allows it.
- *cuDNN measures* its algorithms for each new shape, at the first call, and keeps the fastest.
- *Losses are read once per epoch*: reading waits for the device.
"""

from __future__ import annotations

from typing import ClassVar

import torch

from bench.errors import UsageError
from impls.keras import settings as keras_settings
from impls.networks import Network, Training
from impls.parameters import Parameters
from impls.torch import autograd as torch_autograd


def set_precision() -> None:
    """The precision of products, and cuDNN's fastest algorithms; for the whole process.

    Raises:
        UsageError: the variable that allows TF32 is neither 0 nor 1.
    """
    precision = "tf32" if keras_settings.tf32() else "ieee"
    torch.backends.cuda.matmul.fp32_precision = precision
    torch.backends.cudnn.conv.fp32_precision = precision
    torch.backends.cudnn.benchmark = True


class Trainer(torch_autograd.Trainer):
    """Eager operators on the GPU."""

    device: ClassVar[str] = "cuda"

    @classmethod
    def unavailable(cls) -> str | None:
        if not torch.cuda.is_available():
            reason = "no device: PyTorch finds no CUDA GPU on this machine"
            if torch.version.cuda is None and torch.version.hip is None:
                reason += "; it was built without CUDA, and pytorch.org has builds with it"
            return reason
        try:
            set_precision()
        except UsageError as error:
            return str(error)
        return None

    @classmethod
    def declared(cls) -> dict[str, str]:
        set_precision()
        used = {
            torch.backends.cuda.matmul.fp32_precision,
            torch.backends.cudnn.conv.fp32_precision,
        }
        return {
            "TF32": keras_settings.shown(used != {"ieee"}),
            "cudnn.benchmark": keras_settings.shown(torch.backends.cudnn.benchmark),
        }

    def __init__(self, network: Network, training: Training, parameters: Parameters) -> None:
        set_precision()
        super().__init__(network, training, parameters)

    def synchronize(self) -> None:
        torch.cuda.synchronize()

    def device_memory_bytes(self) -> int | None:
        return int(torch.cuda.max_memory_allocated())
