"""Which kernels PyTorch's libraries chose for this processor, in their own words.

MKL has fast kernels for processors of its maker and may take generic ones on others; nothing but
the line that it prints when it is told to be verbose says which.  Both libraries print to the
standard output of the process, once: it is caught in a file for the length of one small product.
"""

from __future__ import annotations

import ctypes
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache

import torch

GENERIC = "Intel(R) Architecture processors"
"""What MKL calls a processor that it has no kernels for."""
_OUTPUT = 1
_SMALL = 8


@cache
def declared() -> dict[str, str]:
    """PyTorch's own vector kernels, and those of MKL and oneDNN in it where it has them."""
    found = {"CPU capability": str(torch.backends.cpu.get_cpu_capability())}
    if torch.backends.mkl.is_available():
        found["MKL kernels"] = mkl_kernels(_said(torch.backends.mkl.verbose(1), _multiply))
    if torch.backends.mkldnn.is_available():
        found["oneDNN kernels"] = onednn_kernels(_said(torch.backends.mkldnn.verbose(1), _reorder))
    return found


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


def _multiply() -> None:
    torch.ones(_SMALL, _SMALL) @ torch.ones(_SMALL, _SMALL)


def _reorder() -> None:
    torch.ones(_SMALL, _SMALL).to_mkldnn()


def _said(verbose: AbstractContextManager[object], work: Callable[[], None]) -> str:
    """Return what a library prints during ``work``."""
    with _caught() as output, verbose:
        work()
    return "".join(output)


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
