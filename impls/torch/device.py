"""What decides about PyTorch's numbers: kernels on a CPU, a GPU and how exact its products are.

MKL has fast kernels for its maker's processors and may take generic ones on others.  Only the line
that it prints in verbose mode names them; so does that of oneDNN.  Both print to the standard
output of the process, which a file catches during one small product.
"""

from __future__ import annotations

import ctypes
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch

from impls import precision

GENERIC = "Intel(R) Architecture processors"
"""What MKL calls a processor that it has no kernels for."""
_OUTPUT = 1
_SMALL = 8


@cache
def cpu_kernels() -> dict[str, str]:
    """Return PyTorch's own vector kernels, and those of MKL and oneDNN in it where it has them."""
    kernels = {"CPU capability": str(torch.backends.cpu.get_cpu_capability())}
    if torch.backends.mkl.is_available():
        with _caught() as said, torch.backends.mkl.verbose(1):
            _ = torch.ones(_SMALL, _SMALL) @ torch.ones(_SMALL, _SMALL)
        kernels["MKL kernels"] = mkl_kernels("".join(said))
    if torch.backends.mkldnn.is_available():
        with _caught() as said, torch.backends.mkldnn.verbose(1):
            torch.ones(_SMALL, _SMALL).to_mkldnn()
        kernels["oneDNN kernels"] = onednn_kernels("".join(said))
    return kernels


def mkl_kernels(said: str) -> str:
    """Return what MKL's verbose line calls the processor; its slow path is named as such."""
    matched = re.search(r"MKL_VERBOSE .*? 64 architecture (.*?), Lnx", said)
    if matched is None:
        return "not told"
    return f"generic ({matched[1]})" if matched[1] == GENERIC else matched[1]


def onednn_kernels(said: str) -> str:
    """Return the instructions that oneDNN's verbose line names."""
    matched = re.search(r"onednn_verbose,.*?cpu,isa:(.*)", said)
    return matched[1].strip() if matched else "not told"


@contextmanager
def _caught() -> Iterator[list[str]]:
    """Catch what is written to the standard output below Python, by C's buffers as well."""
    flush = ctypes.CDLL(None).fflush
    output: list[str] = []
    with tempfile.TemporaryFile() as file:
        flush(None)
        before = os.dup(_OUTPUT)
        os.dup2(file.fileno(), _OUTPUT)
        try:
            yield output
        finally:
            flush(None)
            os.dup2(before, _OUTPUT)
            os.close(before)
            file.seek(0)
            output.append(file.read().decode(errors="replace"))


def gpu_absence() -> str | None:
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


def gpu_precision() -> dict[str, str]:
    """Return what holds now of that, as PyTorch says it."""
    used = torch.backends.cuda.matmul.allow_tf32 or torch.backends.cudnn.allow_tf32
    return {
        precision.DECLARED: precision.on_or_off(used),
        "cudnn.benchmark": precision.on_or_off(torch.backends.cudnn.benchmark),
    }


def peak_bytes() -> int:
    """Return the most bytes that tensors held since the start, or since :func:`forget_peak`."""
    return int(torch.cuda.max_memory_allocated())


def forget_peak() -> bool:
    """Reset :func:`peak_bytes`."""
    torch.cuda.reset_peak_memory_stats()
    return True
