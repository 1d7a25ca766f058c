"""Work on a device that is recorded once and then done again by one call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch

WARM_UPS = 3
"""Rounds before a recording, as in PyTorch's notes on CUDA graphs.

Libraries take their work space, and cuDNN chooses its algorithms, when a shape is new to them;
neither is possible while a graph is recorded.
"""


class Recording(Protocol):
    """Work that was recorded."""

    def replay(self) -> None:
        """Do it again, on what now lies in the same tensors."""


class CudaGraph:
    """What ``work`` does on the GPU, as a CUDA graph; ``warm_up`` is done before, and for real.

    ``work`` is not done, only recorded.  Addresses and numbers are recorded as they are, so what
    is to change lies in tensors that stay where they are.  Nothing in ``work`` may wait for the
    device.
    """

    def __init__(self, warm_up: Callable[[], object], work: Callable[[], object]) -> None:
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(WARM_UPS):
                warm_up()
        torch.cuda.current_stream().wait_stream(aside)
        self.graph = torch.cuda.CUDAGraph()
        home = torch.cuda.current_stream()
        try:
            with torch.cuda.graph(self.graph):
                work()
        except BaseException:
            # Where ending the recording raises in turn, PyTorch stays on the recording's stream.
            torch.cuda.set_stream(home)
            raise

    def replay(self) -> None:
        """Launch the graph on the current stream; it runs while the caller goes on."""
        self.graph.replay()
