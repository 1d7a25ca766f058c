from __future__ import annotations

import pytest

from bench.measuring.exhaustion import LONGEST, explanation


class OutOfMemoryError(RuntimeError):
    """As PyTorch calls it."""


class ResourceExhaustedError(Exception):
    """As TensorFlow calls it."""


class XlaRuntimeError(RuntimeError):
    """As JAX calls every error of its compiler."""


@pytest.mark.parametrize(
    "error",
    [
        OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."),
        ResourceExhaustedError("{{function_node}} failed to allocate memory [Op:MatMul]"),
        XlaRuntimeError(
            "RESOURCE_EXHAUSTED: Out of memory while trying to allocate 8 bytes.\nMore"
        ),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
)
def test_a_full_device_is_recognised_without_its_library(error: Exception) -> None:
    said = explanation(error, "gpu")
    assert said is not None
    kind, line = type(error).__name__, str(error).splitlines()[0]
    assert said.startswith(f"the GPU's memory was exhausted ({kind}: {line}): use a smaller")
    assert "--batch-size" in said


def test_a_long_message_is_cut() -> None:
    said = explanation(OutOfMemoryError("x" * 1000), "gpu") or ""
    assert "x" * LONGEST + "..." in said
    assert "x" * (LONGEST + 1) not in said


def test_on_the_processor_it_is_memory_alone() -> None:
    said = explanation(XlaRuntimeError("RESOURCE_EXHAUSTED: 8 bytes"), "cpu") or ""
    assert said.startswith("memory was exhausted")


@pytest.mark.parametrize(
    "error",
    [ValueError("planted"), XlaRuntimeError("INVALID_ARGUMENT"), RuntimeError(""), OSError()],
)
def test_any_other_error_is_none_of_its_business(error: Exception) -> None:
    assert explanation(error, "gpu") is None
