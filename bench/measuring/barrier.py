"""Does ``synchronize`` wait?  Every timed region ends with it, and a device works on meanwhile.

Where it returned too early, the clock would stop while work is still running, and the
implementation would seem as fast as work can be handed over.  So, before anything is timed:

1. Fetch ``parameters()`` several times while nothing runs: this is what a fetch costs.
2. Take some steps, ``synchronize``, and fetch ``parameters()`` at once.  A fetch cannot lie: the
   gate has compared what it returns, which depends on the last update, so it has to wait for all
   steps.  What it takes beyond an idle fetch is work that was still running after ``synchronize``.
3. Where that is much, it may also be the fetch itself: a library that keeps a copy of what it has
   handed out fetches for nothing until the weights change.  So fetch again after steps, each time
   with a rest before that even a barrier which does not wait needs no more, and judge by that.

It counts as running where it is more than :data:`SHARE` of all the work, and more than idle fetches
differ from each other.  A disturbance of the machine can lengthen one fetch, but nothing shortens
the wait for work that is really left: the first attempt of :data:`ATTEMPTS` without a finding
acquits.  A trainer that works before it returns is acquitted like any other, so no list of
asynchronous libraries is needed.

The number of steps is such that they last, fetch included, for :data:`LEAST_SECONDS` and for many
fetches; reckoned with the fetch, because without it their time may be what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from bench.measuring.clock import Clock

SHARE = 0.1
"""So much of the work may seem to be left: caches and the scheduler make no two fetches alike."""
ATTEMPTS = 5
IDLE_FETCHES = 5
LEAST_SECONDS = 0.02
FETCHES = 10
"""The steps last at least as long as this many fetches, or else a fetch would hide their end."""
MOST_STEPS = 1024


@dataclass(frozen=True)
class Subject:
    """What is examined: one step, the barrier, and a fetch that needs all steps to be done."""

    step: Callable[[], object]
    synchronize: Callable[[], object]
    fetch: Callable[[], object]


@dataclass(frozen=True)
class Attempt:
    """One look: seconds from the first step to the end of ``synchronize``, and left after it."""

    waited: float
    left: float
    noise: float

    @property
    def is_early(self) -> bool:
        """Whether the barrier returned while a notable part of the work was still running."""
        return self.left > max(SHARE * (self.waited + self.left), self.noise)


def refusal(clock: Clock, subject: Subject) -> str:
    """Return one sentence where ``synchronize`` does not wait, else an empty string."""
    steps = _steps(clock, subject)
    attempts: list[Attempt] = []
    while len(attempts) < ATTEMPTS:
        attempt = _attempt(clock, subject, steps)
        if not attempt.is_early:
            return ""
        attempts.append(attempt)
    least = min(attempts, key=lambda attempt: attempt.left)
    return (
        f"synchronize returned while {1e3 * least.left:.3g} ms of work were still running, after "
        f"{1e3 * least.waited:.3g} ms for {steps} {'step' if steps == 1 else 'steps'} (the least "
        f"of {ATTEMPTS} attempts): times would end before the work does; let it wait for the "
        "last update"
    )


def _steps(clock: Clock, subject: Subject) -> int:
    """Return how many steps last long enough; their time is taken with the fetch that ends them."""
    subject.fetch()
    _run(subject, 1)
    # About what a fetch of new weights costs; too much where the barrier does not wait.
    wanted = max(LEAST_SECONDS, FETCHES * _seconds(clock, subject.fetch))
    steps, reached = 1, 0
    # Twice in a row, so that one stall does not end the search.
    while steps < MOST_STEPS and reached < 2:
        begun = clock.wall()
        _run(subject, steps)
        subject.fetch()
        if clock.wall() - begun < wanted:
            steps, reached = min(4 * steps, MOST_STEPS), 0
        else:
            reached += 1
    return steps


def _attempt(clock: Clock, subject: Subject, steps: int) -> Attempt:
    # The first fetch waits for whatever was still running.
    subject.fetch()
    idle, noise = _typical([_seconds(clock, subject.fetch) for _ in range(IDLE_FETCHES)])
    begun = clock.wall()
    _run(subject, steps)
    waited = clock.wall() - begun
    fetched = _seconds(clock, subject.fetch)
    attempt = Attempt(waited, fetched - idle, noise)
    if not attempt.is_early:
        return attempt
    # The same with fetches of weights that are new, made when their step must be done.
    subject.fetch()
    lasts = _seconds(clock, subject.step, subject.fetch)
    rested = []
    for _ in range(IDLE_FETCHES):
        _run(subject, 1)
        clock.sleep(lasts)
        rested.append(_seconds(clock, subject.fetch))
    idle, noise = _typical(rested)
    return Attempt(waited, fetched - idle, noise)


def _run(subject: Subject, steps: int) -> None:
    for _ in range(steps):
        subject.step()
    subject.synchronize()


def _seconds(clock: Clock, *calls: Callable[[], object]) -> float:
    begun = clock.wall()
    for call in calls:
        call()
    return clock.wall() - begun


def _typical(seconds: list[float]) -> tuple[float, float]:
    """Return the median, and by how much they differ, outliers left out."""
    ordered = sorted(seconds)
    return median(ordered), ordered[-2] - ordered[1]
