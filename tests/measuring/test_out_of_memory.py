from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bench.measuring.out_of_memory import LONGEST, MOST_ERRORS, explanation


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
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
    ],
)
def test_a_full_device_is_recognised_without_its_library(error: Exception) -> None:
    said = explanation(error, "gpu")
    assert said is not None
    kind, line = type(error).__name__, str(error).splitlines()[0]
    assert said.startswith(f"the GPU's memory was exhausted ({kind}: {line}): use a smaller")
    assert "--batch-size" in said


def raised(error: Exception, first: Exception, *, as_cause: bool) -> Exception:
    """``error`` as it arrives when it was raised over ``first``."""
    with pytest.raises(type(error)) as arrived, raising(error, as_cause=as_cause):
        raise first
    return arrived.value


@contextmanager
def raising(error: Exception, *, as_cause: bool) -> Iterator[None]:
    """Turn what is raised within into ``error``."""
    try:
        yield
    except Exception as first:  # noqa: BLE001  # whatever it is
        raise error from (first if as_cause else None)


@pytest.mark.parametrize("as_cause", [False, True])
def test_what_led_to_an_error_is_looked_at_too(*, as_cause: bool) -> None:
    full = OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
    ended = RuntimeError("CUDA error: operation failed due to a previous error during capture")
    between = raised(ValueError("between"), full, as_cause=not as_cause)
    said = explanation(raised(ended, between, as_cause=as_cause), "gpu") or ""
    assert said.startswith("the GPU's memory was exhausted (OutOfMemoryError: CUDA out of memory.")


def test_errors_that_lead_to_each_other_or_without_end_come_to_an_end() -> None:
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    assert explanation(one, "gpu") is None
    last: Exception = OutOfMemoryError("too far away")
    for _ in range(MOST_ERRORS):
        last = raised(ValueError("and then"), last, as_cause=True)
    assert explanation(last, "gpu") is None


def test_what_has_other_causes_too_is_only_probable() -> None:
    error = RuntimeError("CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`")
    said = explanation(error, "gpu") or ""
    assert said.startswith("the GPU's memory was probably exhausted (RuntimeError: CUBLAS_STATUS")
    full = raised(error, OutOfMemoryError("full"), as_cause=False)
    assert (explanation(full, "gpu") or "").startswith("the GPU's memory was exhausted (OutOf")


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
