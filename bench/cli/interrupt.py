"""Ctrl-C in two steps: the first asks for an end, the second does not wait for it."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Any, Self

from rich.console import Console


class Interruption:
    """While the block runs, the first Ctrl-C is only noted; the next one interrupts as usual."""

    def __init__(self, console: Console, what: str) -> None:
        self.console, self.what = console, what
        self.asked = False
        self._before: Any = None

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        signal.signal(signal.SIGINT, self._before)

    def wanted(self) -> bool:
        """Return whether an end was asked for."""
        return self.asked

    def _note(self, _signal: int, _frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        self.console.print(
            f"Interrupted: finishing {self.what}. Press Ctrl-C again to stop at once.",
            style="yellow",
        )
