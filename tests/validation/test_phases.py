"""The check of phases on a clock that is wound by hand, and against timers that are broken."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np
import pytest

from bench.measuring import cell_timer
from bench.measuring.cell_timer import CellTimer
from impls.contract import Phase
from impls.networks import Training
from impls.parameters import start_parameters
from tests.stand_ins.fake_trainer import TICK, FakeMonitor, FakeTrainer, Script
from tests.stand_ins.fakes import NETWORK
from tests.validation import phases
from tests.validation.in_process import turns
from tests.validation.phases import Seconds, Waiting, Waits, busy_wait

BATCH = 10
EFFORT = msgspec.structs.replace(phases.EFFORT, cell_seconds=1e6)
Found = Mapping[Phase | None, Sequence[Seconds]]


def found_on_a_fake_clock(rounds: int = 1) -> Found:
    training = Training(batch_size=BATCH)
    start = start_parameters(NETWORK, training, 1)

    def measured(waits: Waits) -> Seconds:
        script = Script(seconds=dict.fromkeys(phases.PHASES, TICK))
        trainer = Waiting(FakeTrainer(script, training, start), waits, script.clock.advance)
        examples = phases.STEPS * BATCH
        trainer.bind(np.zeros((examples, 6)), np.zeros((examples, 3)))
        timer = CellTimer(
            trainer,
            start,
            examples=examples,
            seed=1,
            effort=EFFORT,
            clock=script.clock.clock,
            monitor=FakeMonitor(script.clock),
        )
        timer.warm_up()
        return phases.medians(tuple(turns(timer, EFFORT, script.clock.clock)))

    return phases.in_turn(measured, rounds, random.Random(1), lambda _line: None)


def test_a_planted_wait_is_found_where_it_is_and_nowhere_else() -> None:
    findings = phases.of_planted(found_on_a_fake_clock())
    assert [finding.found for finding in findings] == [
        *["100.0% of it there, at most +0.0% in another phase"] * 5,
        *["+0.0% of the step"] * 2,
    ]
    assert all(finding.passed for finding in findings)


def one_phase_too_late(*arguments: object) -> list[float]:
    first, *rest = TIME_PHASES(*arguments)  # type: ignore[arg-type]
    return [*rest, first]


def all_alike(*arguments: object) -> list[float]:
    seconds = TIME_PHASES(*arguments)  # type: ignore[arg-type]
    return [sum(seconds) / len(seconds)] * len(seconds)


def three_percent_short(*arguments: object) -> list[float]:
    return [0.97 * seconds for seconds in TIME_PHASES(*arguments)]  # type: ignore[arg-type]


TIME_PHASES = cell_timer.time_phases


@pytest.mark.parametrize("broken", [one_phase_too_late, all_alike, three_percent_short])
def test_a_timer_that_tells_phases_apart_wrongly_is_found_out(
    monkeypatch: pytest.MonkeyPatch, broken: Callable[..., list[float]]
) -> None:
    monkeypatch.setattr(cell_timer, "time_phases", broken)
    assert not any(finding.passed for finding in phases.of_planted(found_on_a_fake_clock())[:5])


def test_a_step_that_does_more_than_its_phases_is_found_out() -> None:
    found = {
        variant: [dict(one) | {"step": one["step"] + TICK} for one in rounds]
        for variant, rounds in found_on_a_fake_clock().items()
    }
    *planted, plain, slowed = phases.of_planted(found)
    assert all(finding.passed for finding in planted)
    assert not plain.passed
    assert plain.found == "+16.7% of the step"
    assert not slowed.passed


def test_a_step_that_is_slower_after_any_wait_hides_nothing() -> None:
    found = {
        variant: [
            {
                what: seconds + (0.0 if variant is None else 0.1 * TICK)
                for what, seconds in one.items()
            }
            for one in rounds
        ]
        for variant, rounds in found_on_a_fake_clock().items()
    }
    assert all(finding.passed for finding in phases.of_planted(found)[:5])


def test_a_busy_wait_takes_at_least_its_time() -> None:
    begun = time.perf_counter()
    busy_wait(0.002)
    assert time.perf_counter() - begun >= 0.002
