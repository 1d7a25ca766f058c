"""What a waiting user sees: a bar with the ranking so far, or plain lines without a terminal."""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import rich.progress
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, ProgressColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from bench.cli.output import say
from bench.documents.results import Outcome, Unavailable
from bench.planning.plan import Job, Plan, jobs
from bench.running.forecast import Forecast
from bench.running.turns import Progress
from bench.stats.sweeps import log_ratios
from impls.row import Row
from reports import format as text


class Bar(rich.progress.Progress):
    """Rich's progress display with one task; elsewhere than in a terminal nothing is drawn.

    ``count`` is the format of what is done, ``rest`` the column that says what remains, and
    ``total`` None where that is open.
    """

    def __init__(
        self, console: Console, count: str, rest: ProgressColumn, total: int | None, **task: Any
    ) -> None:
        super().__init__(
            TextColumn(f"[bold]{count}"),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            rest,
            TextColumn("{task.description}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self.task = self.add_task("", total=total, **task)


SHOWN = 4
"""How many of the fastest are shown while a batch size is measured."""


class RunProgress(Bar):
    """Shows where a run is; use it as a context manager around the run.

    A line for each batch size of a block shows the fastest so far, each with its ratio to the
    fastest and the interval that the sweeps of this block alone give.  The ``absent`` are not
    mentioned, and what turns out to be unavailable is mentioned once.
    """

    def __init__(
        self,
        console: Console,
        plan: Plan,
        rows: Sequence[Row],
        absent: Collection[str],
        forecast: Forecast,
    ) -> None:
        self.plan, self.forecast, self.absent = plan, forecast, frozenset(absent)
        self.jobs = {job.index: job for job in jobs(plan)}
        self.rows = {row.name: row for row in rows}
        self.mentioned: set[tuple[str, str]] = set()
        left = TextColumn("{task.fields[left]}", style="cyan")
        super().__init__(console, "block {task.fields[block]}", left, None, left="", block="1")

    def show(self, progress: Progress) -> None:
        """Take note of what has begun or ended."""
        self.forecast.note(progress)
        for outcome in progress.outcomes:
            self._mention(progress, outcome)
        if progress.job is not None and progress.job.implementation in self.absent:
            return
        self.update(
            self.task,
            description=escape(self._describe(progress)),
            left=self._left(),
            block=self._block(progress),
        )
        if progress.is_done and progress.epochs:
            epochs = max(map(len, progress.epochs.values()))
            line = Text(f"Block {self._block(progress)}, batch {progress.batch_size}: ")
            line.append(f"{text.count(epochs, 'epoch')}; {self._ranking(progress.epochs)}")
            if not self.console.is_terminal and (left := self._left()):
                line.append(f"  ({left})")
            self.console.print(line, highlight=False, soft_wrap=True)

    def _describe(self, progress: Progress) -> str:
        if progress.job is not None and not progress.outcomes:
            doing = "starting" if progress.batch_size is None else "checking"
            size = f", batch {progress.batch_size}" if progress.batch_size else ""
            return f"{doing} {self._name(progress.job)}{size}"
        if progress.sweep is not None:
            ranking = self._ranking(progress.epochs)
            return f"batch {progress.batch_size}, sweep {progress.sweep}: {ranking}"
        return f"batch {progress.batch_size}, first sweep" if progress.batch_size else ""

    def _block(self, progress: Progress) -> str:
        open_end = self.plan.precision is not None or self.plan.budget_seconds is not None
        total = "" if open_end else f"/{self.plan.effort.blocks}"
        return f"{progress.repetition + 1}{total}"

    def _left(self) -> str:
        budget = self.plan.budget_seconds
        if budget is not None:
            spent = self.forecast.clock.wall() - self.forecast.began
            return f"{duration(max(0.0, budget - spent))} left"
        if self.plan.precision is not None:
            return f"until every ratio is within {self.plan.precision:.1%}"
        return f"about {duration(self.forecast.left())} left"

    def _ranking(self, epochs: Mapping[int, Mapping[int, float]]) -> str:
        """Return the fastest so far; floors and controls are no candidates."""
        timed = {
            index: rounds
            for index, rounds in epochs.items()
            if rounds and self.rows[self.jobs[index].implementation].role == "trainer"
        }
        ordered = sorted(timed, key=lambda index: statistics.median(timed[index].values()))
        if not ordered:
            return "no epoch yet"
        best = ordered[0]
        seconds = statistics.median(timed[best].values())
        parts = [f"{self._name(self.jobs[best])} {seconds:.3g} s"]
        parts += [
            f"{self._name(self.jobs[index])} {_ratio(timed[index], timed[best])}"
            for index in ordered[1:SHOWN]
        ]
        more = len(ordered) - SHOWN
        return ", ".join(parts) + (f", {more} slower" if more > 0 else "")

    def _name(self, job: Job) -> str:
        several = len(self.plan.threads) > 1 or len(self.plan.settings) > 1
        words = [text.threads(job.threads), text.setting(job.setting)] if several else []
        extra = ", ".join(filter(None, words))
        return f"{job.implementation} ({extra})" if extra else job.implementation

    def _mention(self, progress: Progress, outcome: Outcome) -> None:
        """Print one line for a cell without a number, once for what cannot run here."""
        name = outcome.cell.implementation
        reason = getattr(outcome, "reason", "")
        if name in self.absent:
            return
        if isinstance(outcome, Unavailable):
            if (name, reason) in self.mentioned:
                return
            self.mentioned.add((name, reason))
        row = self.rows.get(name)
        if row is not None and (row.repeats, reason) in self.mentioned:
            reason = f"the same as {row.repeats}"
        else:
            self.mentioned.add((name, reason))
        kind = type(outcome).__name__.lower()
        where = f"Block {self._block(progress)}, batch {outcome.cell.batch_size}"
        shown = self._name(progress.job) if progress.job else name
        say(self.console, f"{where}: {shown} {kind}: {reason}")


def duration(seconds: float) -> str:
    """Return the seconds in words, as roughly as an estimate deserves."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def _ratio(own: Mapping[int, float], best: Mapping[int, float]) -> str:
    """Return how many times as long it takes as the best, from the sweeps that both took."""
    logs = log_ratios(own, best)
    if not logs:
        return "-"
    middle = math.exp(statistics.median(logs))
    if len(logs) < 3:
        return f"{middle:.2f}x"
    error = statistics.stdev(logs) / math.sqrt(len(logs))
    return f"{middle:.2f}x ± {200 * error:.1f} %"


@contextmanager
def waiting(console: Console, text: str) -> Iterator[None]:
    """Show a spinner with ``text`` in a terminal, print one plain line elsewhere."""
    if not console.is_terminal:
        say(console, text)
        yield
        return
    with console.status(text):
        yield
