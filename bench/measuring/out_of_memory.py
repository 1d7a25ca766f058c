"""Out of memory on a device: recognised by name and message, so that no library is imported."""

from __future__ import annotations

CLASSES = frozenset({"OutOfMemoryError", "ResourceExhaustedError"})
"""PyTorch's, and TensorFlow's."""
MESSAGES = (
    "RESOURCE_EXHAUSTED",
    "CUDA out of memory",
    "CUDA error: out of memory",
    "CUDA_ERROR_OUT_OF_MEMORY",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
)
"""XLA's, and those under which the others appear where a library below them raises."""
LIKELY_MESSAGES = ("CUBLAS_STATUS_NOT_INITIALIZED",)
"""What a library says that found no memory for itself, but not only then."""
LONGEST = 160
MOST_ERRORS = 16
"""The most errors of a chain that are examined."""


def explanation(error: BaseException, device: str) -> str | None:
    """Return the message to the user where ``error`` means that memory on ``device`` is exhausted.

    An error that led to ``error`` counts as well: what fails while a graph is recorded surfaces as
    the end of the recording.  None for any other error.
    """
    chain = _chain(error)
    for cause in chain:
        names = {kind.__name__ for kind in type(cause).__mro__}
        if names & CLASSES or any(message in str(cause) for message in MESSAGES):
            return _advice(cause, device, "was")
    for cause in chain:
        if any(message in str(cause) for message in LIKELY_MESSAGES):
            return _advice(cause, device, "was probably")
    return None


def _chain(error: BaseException) -> list[BaseException]:
    """Return ``error`` and what led to it, each once."""
    chain: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting and len(chain) < MOST_ERRORS:
        cause = waiting.pop(0)
        if cause is not None and all(cause is not earlier for earlier in chain):
            chain.append(cause)
            waiting += [cause.__cause__, cause.__context__]
    return chain


def _advice(error: BaseException, device: str, was: str) -> str:
    first_line = (str(error).strip().splitlines() or [""])[0]
    if len(first_line) > LONGEST:
        first_line = first_line[:LONGEST] + "..."
    said = f"{type(error).__name__}: {first_line}" if first_line else type(error).__name__
    where = "the GPU's memory" if device == "gpu" else "memory"
    return (
        f"{where} {was} exhausted ({said}): use a smaller --batch-size, fewer "
        "--examples or a smaller --network, or stop other processes that use it"
    )
