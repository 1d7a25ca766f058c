"""PyTorch's first GPU: whether there is one, how exact its products are, what memory it held."""

from __future__ import annotations

import torch

from impls import precision


def absence() -> str | None:
    """Return why PyTorch has no GPU here, or None where it has one."""
    if torch.cuda.is_available():
        return None
    reason = "no device: PyTorch finds no CUDA GPU on this machine"
    if torch.version.cuda is None and torch.version.hip is None:
        reason += "; it was built without CUDA, and pytorch.org has builds with it"
    return reason


def set_precision() -> None:
    """Set how exact products are, and have cuDNN choose its algorithms by rule; process-wide.

    The older pair of switches: of the newer ones, each operator has its own, and where they differ
    PyTorch's getters raise, which its compiler reads.  cuDNN's own measurements would prefer
    algorithms of other arithmetic, such as Winograd's, where they are faster.

    Raises:
        UsageError: what the user set about TF32 is not possible.
    """
    allowed = precision.tf32()
    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.allow_tf32 = allowed
    torch.backends.cudnn.benchmark = False


def declared() -> dict[str, str]:
    """Return what holds now of that, as PyTorch says it."""
    used = torch.backends.cuda.matmul.allow_tf32 or torch.backends.cudnn.allow_tf32
    return {
        precision.DECLARED: precision.shown(used),
        "cudnn.benchmark": precision.shown(torch.backends.cudnn.benchmark),
    }


def peak_bytes() -> int:
    """Return the most memory that tensors held since the process began, or was told to forget."""
    return int(torch.cuda.max_memory_allocated())


def forget_peak() -> bool:
    """Reset :func:`peak_bytes`."""
    torch.cuda.reset_peak_memory_stats()
    return True
