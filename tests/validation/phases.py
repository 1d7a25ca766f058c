"""Time planted in one phase must be found in that phase, and in no other.

A trainer that works as always waits in one phase for a known time.  It is measured in turn with
the same trainer that waits in another phase, and with one that never does; what the phase takes
more is what the timer found.  Beside that: whether phases add up to the step, and what it costs
to time them apart.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

import threadpoolctl

from bench.documents.rounds import Turn, timings_of
from bench.documents.timings import STEP
from bench.measuring.clock import SYSTEM_CLOCK, probe_seconds
from bench.planning.plan import Effort
from bench.selfcheck import CheckResult, Options, Report
from impls import contract
from impls.contract import PHASES, Loss, Phase
from impls.networks import Network, Training
from impls.parameters import Floats, Indices, Parameters
from tests.validation.in_process import (
    DEFAULT,
    TOP,
    default_work,
    median_seconds,
    work_of,
)

ROUNDS = 15
PLANTED_SECONDS = 1e-3
STEPS = 10
"""Per epoch of the planted trainer."""
ACCURACY = 0.02
PROBES = 25
MOST_RESIDUAL = 0.03
MOST_PROBE = 0.005

EFFORT = Effort(blocks=1, sweeps=3, round_seconds=0.02, cell_seconds=1.0, warmup_seconds=0.02)
_BATCH_SIZE = 32

Seconds = Mapping[str, float]
"""The medians that were measured, by phase, step and epoch."""

Waits = Mapping[Phase, float]
"""Seconds to wait in a phase."""


class Waiting(contract.Trainer):
    """``original`` that waits for ``waits`` seconds in a phase, by calling ``wait``."""

    def __init__(
        self, original: contract.Trainer, waits: Waits, wait: Callable[[float], object]
    ) -> None:
        self.original, self.waits, self.wait = original, waits, wait
        self.network: Network = original.network
        self.training: Training = original.training

    def _spend(self, phase: Phase) -> None:
        if phase in self.waits:
            self.wait(self.waits[phase])

    def load(self, parameters: Parameters) -> None:
        """Leave it to the original, as all that is not a phase."""
        self.original.load(parameters)

    def bind(self, X: Floats, Y: Floats) -> None:
        """See :meth:`load`."""
        self.original.bind(X, Y)

    def prepare(self, rows: Indices) -> None:
        """Do the work, then wait; so do all phases."""
        self.original.prepare(rows)
        self._spend("prepare")

    def forward(self) -> None:
        """See :meth:`prepare`."""
        self.original.forward()
        self._spend("forward")

    def loss(self) -> Loss:
        """See :meth:`prepare`."""
        loss = self.original.loss()
        self._spend("loss")
        return loss

    def backward(self) -> None:
        """See :meth:`prepare`."""
        self.original.backward()
        self._spend("backward")

    def update(self) -> None:
        """See :meth:`prepare`."""
        self.original.update()
        self._spend("update")

    def predict(self, X: Floats) -> Floats:
        """See :meth:`load`."""
        return self.original.predict(X)

    def parameters(self) -> Parameters:
        """See :meth:`load`."""
        return self.original.parameters()

    def gradients(self) -> Parameters:
        """See :meth:`load`."""
        return self.original.gradients()


def busy_wait(seconds: float) -> None:
    """Keep the processor busy for ``seconds``: sleeping would last longer than asked."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def check(options: Options) -> Report:
    """``trials`` counts the rounds in which every variant is measured once."""
    work = work_of(_BATCH_SIZE, STEPS * _BATCH_SIZE, options.seed)
    original = work.trainer(TOP.name)

    def measure(waits: Waits) -> Seconds:
        return medians(work.measure(Waiting(original, waits, busy_wait), EFFORT))

    rounds = options.trials or ROUNDS
    rng = random.Random(options.seed)
    # A second thread of BLAS would make every product depend on who else wants its processor.
    with threadpoolctl.threadpool_limits(1):
        findings = of_planted(in_turn(measure, rounds, rng, options.say))
        options.say("probes beside the shortest step ...")
        probes, notes = _probes(options.seed)
    return Report("Phases", [*findings, *probes], notes)


def in_turn(
    measure: Callable[[Waits], Seconds],
    rounds: int,
    rng: random.Random,
    say: Callable[[str], object],
) -> Mapping[Phase | None, Sequence[Seconds]]:
    """Return what ``measure`` finds without a wait (None) and with one in each phase, in turn."""
    variants: list[Phase | None] = [None, *PHASES]
    measured: dict[Phase | None, list[Seconds]] = {variant: [] for variant in variants}
    for number in range(rounds):
        for variant in rng.sample(variants, len(variants)):
            waits: Waits = {} if variant is None else {variant: PLANTED_SECONDS}
            measured[variant].append(measure(waits))
        say(f"round {number + 1} of {rounds}")
    return measured


def of_planted(measured: Mapping[Phase | None, Sequence[Seconds]]) -> list[CheckResult]:
    """Return each planted wait: how much of it was found where it is, and elsewhere.

    A phase is set against the same phase in runs that wait as long in another one: after a wait
    the whole step may be slower, for others have used the cache meanwhile.
    """
    findings = []
    for phase in PHASES:
        more = {other: _more(measured, phase, other) / PLANTED_SECONDS for other in PHASES}
        there = more.pop(phase)
        elsewhere = max(more.values(), key=abs)
        findings.append(
            CheckResult(
                f"{PLANTED_SECONDS * 1e3:g} ms planted in {phase}",
                f"{there:.1%} of it there, at most {elsewhere:+.1%} in another phase",
                f"within {ACCURACY:.0%}",
                max(abs(there - 1), abs(elsewhere)) <= ACCURACY,
            )
        )
    planted = [seconds for phase in PHASES for seconds in measured[phase]]
    return [
        *findings,
        _whole("step less the sum of its phases, without a wait", measured[None]),
        _whole("step less the sum of its phases, with one", planted),
    ]


def _more(measured: Mapping[Phase | None, Sequence[Seconds]], slowed: Phase, what: Phase) -> float:
    """Return how much longer ``what`` took where ``slowed`` waited than where others did.

    That is the median of all rounds, each with the median of the others in it.
    """
    others = [measured[phase] for phase in PHASES if phase not in {slowed, what}]
    return statistics.median(
        seconds[what] - statistics.median(other[number][what] for other in others)
        for number, seconds in enumerate(measured[slowed])
    )


def _whole(what: str, measured: Sequence[Seconds]) -> CheckResult:
    """Return whether a step that is its phases takes as long as they do."""
    residual = statistics.median(_residual(seconds) for seconds in measured)
    return CheckResult(
        what,
        f"{residual:+.1%} of the step",
        f"within {MOST_RESIDUAL:.0%}",
        abs(residual) <= MOST_RESIDUAL,
    )


def _residual(seconds: Seconds) -> float:
    """Return what of the step its phases leave over, as a share of it."""
    return 1 - sum(seconds[phase] for phase in _apart(seconds)) / seconds[STEP]


def _apart(seconds: Seconds) -> list[Phase]:
    """Return the phases that were timed apart: not every implementation has them all."""
    return [phase for phase in PHASES if phase in seconds]


def medians(turns: Sequence[Turn]) -> Seconds:
    """Return the median over the rounds of every phase, of the step and of the epoch."""
    return {
        timing.phase: median_seconds(turns, timing.phase)
        for timing in timings_of(dict(enumerate(turns)))
    }


def _probes(seed: int) -> tuple[list[CheckResult], list[str]]:
    """Return the cost of timing phases apart beside the shortest step of the default profile."""
    work = default_work(seed)
    by_name = {
        name: medians(work.measure(work.trainer(name), DEFAULT.effort))
        for name in work.fast_implementations()
    }
    divided = {name: seconds for name, seconds in by_name.items() if _apart(seconds)}
    name = min(divided, key=lambda name: divided[name][STEP])
    step, number = divided[name][STEP], len(_apart(divided[name]))
    synchronize = work.trainer(name).synchronize
    probe = statistics.median(probe_seconds(SYSTEM_CLOCK, synchronize) for _ in range(PROBES))
    notes = [
        f"{other}: step less the sum of its phases is {_residual(seconds):+.1%} of the step"
        for other, seconds in divided.items()
    ]
    share = number * probe / step
    finding = CheckResult(
        f"the {number} probes of a step, {name}, batch {work.training.batch_size}",
        f"{share:.2%}: {probe * 1e9:.0f} ns each, step {step * 1e6:.0f} us",
        f"below {MOST_PROBE:.1%}",
        share < MOST_PROBE,
    )
    return [finding], notes
