"""NVIDIA's management library as far as it is asked, with devices that are made up."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace


class NVMLError(Exception):
    """What every function raises where it has no answer."""


@dataclass
class FakeGpu:
    name: str = "Example GPU"
    uuid: str = "GPU-1"
    clock: int = 1980
    most: int = 1980
    reasons: int = 0
    silent: frozenset[str] = frozenset()


@dataclass
class FakeNvml:
    """The module; ``driver`` is empty where none is loaded."""

    gpus: list[FakeGpu] = field(default_factory=lambda: [FakeGpu()])
    driver: str = "580.65"
    NVMLError: type[Exception] = NVMLError
    NVML_CLOCK_SM: int = 1
    NVML_CLOCK_MEM: int = 2
    NVML_TEMPERATURE_GPU: int = 0

    def nvmlInit(self) -> None:  # noqa: N802
        if not self.driver:
            raise NVMLError("Driver Not Loaded")

    def nvmlSystemGetDriverVersion(self) -> str:  # noqa: N802
        return self.driver

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(self.gpus)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> FakeGpu:  # noqa: N802
        return self.gpus[index]

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> FakeGpu:  # noqa: N802
        for gpu in self.gpus:
            if gpu.uuid == uuid:
                return gpu
        raise NVMLError("Not Found")

    def nvmlDeviceGetName(self, gpu: FakeGpu) -> str:  # noqa: N802
        return gpu.name

    def nvmlDeviceGetMemoryInfo(self, _gpu: FakeGpu) -> SimpleNamespace:  # noqa: N802
        return SimpleNamespace(total=80 * 2**30, used=2**30)

    def nvmlDeviceGetMaxClockInfo(self, gpu: FakeGpu, kind: int) -> int:  # noqa: N802
        return gpu.most if kind == self.NVML_CLOCK_SM else 2619

    def nvmlDeviceGetClockInfo(self, gpu: FakeGpu, kind: int) -> int:  # noqa: N802
        if "clock" in gpu.silent:
            raise NVMLError("Not Supported")
        return gpu.clock if kind == self.NVML_CLOCK_SM else 2619

    def nvmlDeviceGetTemperature(self, _gpu: FakeGpu, _sensor: int) -> int:  # noqa: N802
        return 41

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, gpu: FakeGpu) -> int:  # noqa: N802
        if "reasons" in gpu.silent:
            raise NVMLError("Function Not Found")
        return gpu.reasons
