"""What a waiting user sees: a bar with the time left, or plain lines where there is no terminal."""

from __future__ import annotations

import statistics
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import TextColumn
from rich.text import Text

from bench.cli.bar import Bar
from bench.cli.output import say
from bench.documents.results import Measured, Outcome, Unavailable
from bench.documents.timings import EPOCH, Timing
from bench.planning.plan import Job, Plan, jobs
from bench.running import runner
from reports import format as text


class RunProgress(Bar):
    """Shows jobs as they begin and end; use it as a context manager around the run.

    The time left is the sum over the jobs to come of what their implementation has taken so far,
    or of the average without first calls where it has not run yet; one of ``compiling`` has then
    still to compile.  Where precision or a budget ends the run, it is said what the end is waited
    for.  Nothing is said of the ``absent``, which take no time, and only once of what turns out to
    be unavailable for a reason.  A control that ``controls`` names with what it repeats is passed
    over where that failed alike.
    """

    def __init__(
        self,
        console: Console,
        plan: Plan,
        compiling: Collection[str] = (),
        absent: Collection[str] = (),
        controls: Mapping[str, str] | None = None,
    ) -> None:
        self.plan, self.compiling, self.controls = plan, compiling, controls or {}
        self.failed: set[tuple[str | None, str]] = set()
        self.jobs = [job for job in jobs(plan) if job.implementation not in absent]
        self.places = {job.index: place for place, job in enumerate(self.jobs, 1)}
        self.told: set[tuple[str, str]] = set()
        self.seconds: dict[str, list[float]] = {}
        self.first_calls = 0.0
        self.begun = 0.0
        left = TextColumn("{task.fields[left]}", style="cyan")
        super().__init__(console, "{task.completed}", left, self._total(), left="")

    def show(self, progress: runner.Progress) -> None:
        """Take note of a job's beginning or end."""
        job = progress.job
        place = self.places.get(job.index)
        if place is None:
            return
        if progress.outcomes is None:
            self.begun = time.monotonic()
            self.bar.update(self.task, description=escape(_describe(job)))
            return
        self.seconds.setdefault(job.implementation, []).append(time.monotonic() - self.begun)
        self.first_calls += sum(
            _first_calls(one) for one in progress.outcomes if isinstance(one, Measured)
        )
        left = self._left(place)
        self.bar.update(self.task, completed=place, left=left)
        if not self._is_news(job, progress.outcomes):
            return
        total = self._total()
        where = f"{place}/{total}" if total else f"{place}"
        line = Text(f"[{where}] {_describe(job)}: ")
        line.append(self._said(job, progress.outcomes))
        if not self.console.is_terminal:
            line.append(f"  ({left})" if left else "")
        self.console.print(line, highlight=False, soft_wrap=True)

    def _is_news(self, job: Job, outcomes: Sequence[Outcome]) -> bool:
        """Whether it says more than what was said of it, or of what it repeats, before."""
        if not any(isinstance(one, Measured) for one in outcomes):
            said = _summary(outcomes)
            self.failed.add((job.implementation, said))
            if (self.controls.get(job.implementation), said) in self.failed:
                return False
        missing = [one for one in outcomes if isinstance(one, Unavailable)]
        if len(missing) < len(outcomes):
            return True
        new = {(job.implementation, one.reason) for one in missing} - self.told
        self.told |= new
        return bool(new)

    def _said(self, job: Job, outcomes: Sequence[Outcome]) -> str:
        """What came of a job; in a few words where its control came to the same before it."""
        said = _summary(outcomes)
        for control, repeated in self.controls.items():
            if repeated == job.implementation and (control, said) in self.failed:
                return f"the same as {control}"
        return said

    def _total(self) -> int | None:
        """How many jobs there will be, or None where something else ends the run."""
        open_end = self.plan.precision is not None or self.plan.budget_seconds is not None
        return None if open_end else len(self.jobs)

    def _left(self, done: int) -> str:
        if self.plan.budget_seconds is not None:
            spent = sum(s for many in self.seconds.values() for s in many)
            return f"at most {duration(max(0, self.plan.budget_seconds - spent))} left"
        if self.plan.precision is not None:
            return f"until every ratio is within {self.plan.precision:.1%}"
        rest = self.jobs[done:]
        if not rest:
            return ""
        taken = [s for many in self.seconds.values() for s in many]
        average = max(0.0, sum(taken) - self.first_calls) / len(taken)
        seconds = sum(
            statistics.mean(self.seconds.get(job.implementation, [average])) for job in rest
        )
        new = {job.implementation for job in rest} - self.seconds.keys()
        more = ", plus compilation" if new & set(self.compiling) else ""
        return f"about {duration(seconds)} left{more}"


def duration(seconds: float) -> str:
    """Seconds in words, as roughly as an estimate deserves."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def _describe(job: Job) -> str:
    threads = "threads unset" if job.threads is None else f"{job.threads} threads"
    threads = "1 thread" if job.threads == 1 else threads
    setting = "".join(
        f", {name}={'(unset)' if value is None else value}" for name, value in job.setting
    )
    return f"{job.implementation}, {threads}{setting}, block {job.block + 1}"


def _summary(outcomes: Sequence[Outcome]) -> str:
    """What was measured by batch size, and one reason for each kind of other outcome."""
    times, reasons = [], {}
    for outcome in outcomes:
        if isinstance(outcome, Measured):
            times.append((outcome.cell.batch_size, _time(outcome)))
        else:
            kind = type(outcome).__name__.lower()
            reasons[kind] = outcome.reason
    parts = [f"batch {size}: {time}" for size, time in sorted(times)]
    parts += [f"{kind}: {reason}" for kind, reason in reasons.items()]
    return "; ".join(parts)


def _time(measured: Measured) -> str:
    """The median epoch; of a training up to a target accuracy its time until that was held."""
    seconds, learning = _epoch(measured).round_seconds, measured.learning
    if learning is None:
        return f"{statistics.median(seconds):.3g} s an epoch"
    target = text.target(learning.target)
    if learning.reached_epoch is None:
        return f"{target} not held in {text.count(len(seconds), 'epoch')}"
    until = sum(seconds[: learning.reached_epoch])
    return f"{target} held after {until:.3g} s of training, from epoch {learning.reached_epoch} on"


def _first_calls(measured: Measured) -> float:
    """Seconds of the first step, and those that the first epoch took longer than later ones."""
    first, examples = measured.first_epoch_seconds, measured.first_epoch_examples
    if first is None or examples is None:
        return measured.first_call_seconds
    epoch = _epoch(measured)
    usual = statistics.median(epoch.round_seconds) * examples / epoch.examples
    return measured.first_call_seconds + max(0.0, first - usual)


def _epoch(measured: Measured) -> Timing:
    return next(timing for timing in measured.timings if timing.phase == EPOCH)


@contextmanager
def waiting(console: Console, text: str) -> Iterator[None]:
    """A spinner with ``text`` in a terminal, one plain line elsewhere."""
    if not console.is_terminal:
        say(console, text)
        yield
        return
    with console.status(text):
        yield
