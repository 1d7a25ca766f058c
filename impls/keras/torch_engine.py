"""PyTorch behind Keras: its devices, its threads and what decides about its numbers."""

from __future__ import annotations

from typing import Any, ClassVar

import torch

from impls import contract, precision
from impls.contract import Pool
from impls.keras.trainer import require_engine
from impls.parameters import Floats
from impls.torch import device as torch_device
from impls.torch import kernels

require_engine("torch")


class Engine(contract.Trainer):
    """PyTorch on the CPU; Keras takes a GPU where it sees one, so this one's must be hidden."""

    device: ClassVar[str] = "cpu"

    @classmethod
    def pools(cls) -> tuple[Pool, ...]:
        return (
            Pool(
                library="PyTorch intra-op",
                version=str(torch.__version__),
                threads=torch.get_num_threads(),
            ),
        )

    @classmethod
    def declared(cls) -> dict[str, str]:
        onednn = torch.backends.mkldnn.is_available() and torch.backends.mkldnn.enabled
        return {
            **super().declared(),
            "oneDNN": precision.shown(onednn),
            **(kernels.declared() if cls.device == "cpu" else {}),
        }

    @staticmethod
    def array_of(tensor: Any) -> Floats:
        """Of a variable its value, from wherever it lies."""
        array: Floats = getattr(tensor, "value", tensor).detach().cpu().numpy()
        return array


class GpuEngine(Engine):
    """PyTorch on the first GPU, by default in full float32: convolutions would be in TF32."""

    device: ClassVar[str] = "cuda"

    @classmethod
    def absent(cls) -> str | None:
        reason = torch_device.absence()
        if reason is None:
            torch_device.set_precision()
        return reason

    @classmethod
    def declared(cls) -> dict[str, str]:
        return {**super().declared(), **torch_device.declared()}

    def synchronize(self) -> None:
        torch.cuda.synchronize()

    def device_memory_bytes(self) -> int | None:
        return torch_device.peak_bytes()

    def forget_device_peak(self) -> bool:
        return torch_device.forget_peak()
