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
)
"""XLA's, and those under which the others appear where a library below them raises."""
LONGEST = 160


def explanation(error: BaseException, device: str) -> str | None:
    """What to tell the user where ``error`` says that memory on ``device`` is exhausted.

    None for any other error.
    """
    names = {kind.__name__ for kind in type(error).__mro__}
    first_line = (str(error).strip().splitlines() or [""])[0]
    if not (names & CLASSES or any(message in str(error) for message in MESSAGES)):
        return None
    if len(first_line) > LONGEST:
        first_line = first_line[:LONGEST] + "..."
    said = f"{type(error).__name__}: {first_line}" if first_line else type(error).__name__
    where = "the GPU's memory" if device == "gpu" else "memory"
    return (
        f"{where} was exhausted ({said}): use a smaller --batch-size, fewer "
        "--examples or a smaller --network, or end what else holds memory there"
    )
