"""The bar that moves while something long goes on."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn


class Bar:
    """Use it as a context manager; elsewhere than in a terminal nothing is drawn.

    ``count`` is the format of what is done, ``rest`` the column that says what remains, and
    ``total`` None where that is open.
    """

    def __init__(
        self, console: Console, count: str, rest: ProgressColumn, total: int | None, **task: Any
    ) -> None:
        self.console = console
        self.bar = Progress(
            TextColumn(f"[bold]{count}"),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            rest,
            TextColumn("{task.description}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self.task = self.bar.add_task("", total=total, **task)

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bar.stop()
