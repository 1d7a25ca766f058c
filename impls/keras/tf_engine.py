"""TensorFlow behind Keras: its devices, its threads and what decides about its numbers."""

from __future__ import annotations

import os
import platform
from typing import Any, ClassVar

import tensorflow as tf

from impls import contract, precision
from impls.contract import Pool
from impls.keras.trainer import require_engine
from impls.parameters import Floats

require_engine("tensorflow")


class Engine(contract.Trainer):
    """TensorFlow on the CPU."""

    device: ClassVar[str] = "/CPU:0"

    @classmethod
    def pools(cls) -> tuple[Pool, ...]:
        # TensorFlow's getter answers 0 where the number came from the environment.
        threads = tf.config.threading.get_intra_op_parallelism_threads() or None
        return (Pool(library="tensorflow intra-op", version=tf.__version__, threads=threads),)

    @classmethod
    def declared(cls) -> dict[str, str]:
        return {**super().declared(), "oneDNN": precision.shown(onednn())}

    @staticmethod
    def array_of(tensor: Any) -> Floats:
        """Keras' own way meets a signature that NumPy 2 no longer likes."""
        array: Floats = tensor.numpy()
        return array


class GpuEngine(Engine):
    """TensorFlow on the first GPU, by default in full float32: its TF32 would round to 10 bits."""

    device: ClassVar[str] = "/GPU:0"

    @classmethod
    def absent(cls) -> str | None:
        if not tf.config.list_physical_devices("GPU"):
            return "no device: TensorFlow finds no GPU on this machine"
        tf.config.experimental.enable_tensor_float_32_execution(precision.tf32())
        return None

    @classmethod
    def declared(cls) -> dict[str, str]:
        return {**super().declared(), **precision.declaration()}

    def synchronize(self) -> None:
        tf.test.experimental.sync_devices()

    def device_memory_bytes(self) -> int | None:
        name = self.device.removeprefix("/")
        return int(tf.config.experimental.get_memory_info(name)["peak"])

    def forget_device_peak(self) -> bool:
        tf.config.experimental.reset_memory_stats(self.device.removeprefix("/"))
        return True


def onednn() -> bool:
    """Return whether TensorFlow lets oneDNN do the products: on x86 unless it is told not to."""
    default = "1" if platform.machine() in {"x86_64", "AMD64"} else "0"
    return os.environ.get("TF_ENABLE_ONEDNN_OPTS", default) != "0"
