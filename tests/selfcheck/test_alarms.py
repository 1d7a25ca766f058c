"""How false alarms and planted slowdowns are judged, on made-up runs whose truth is known."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import msgspec
import numpy as np
import pytest

from bench.documents.results import Measured, Results
from bench.documents.timings import Disturbance, Timing
from bench.observations.ratios import ratios_to, timed_points
from bench.selfcheck import false_alarms, slowdown
from bench.selfcheck.false_alarms import judge_controls, of_table
from bench.stats import verdicts
from bench.stats.verdicts import Verdict
from impls import registry
from impls.row import control_of
from tests.stand_ins import fakes

NAMES = ("numpy-optimized", "numba")
ROWS = [row for name in NAMES for row in (registry.find(name), control_of(registry.find(name)))]
BLOCKS, SWEEPS = 4, 12


def run(slower: float = 0.0, noise: float = 0.002, busy: float = 0.0) -> Results:
    """A run in which every control takes longer by ``slower`` than its original.

    With two threads something else takes ``busy`` seconds of processor time in every epoch.
    """
    rng = np.random.default_rng(7)
    plan = fakes.plan(implementations=tuple(row.name for row in ROWS))
    outcomes: list[Measured] = []
    for row in ROWS:
        for threads in (1, 2):
            for block in range(BLOCKS):
                cell = fakes.cell(plan, implementation=row.name, threads=threads)
                truth = 1.0 + (slower if row.repeats else 0.0)
                seconds = truth * np.exp(noise * rng.standard_normal(SWEEPS))
                found = disturbed_by(busy if threads == 2 else 0.0)
                timing = Timing(
                    phase="epoch",
                    iterations=1,
                    examples=200,
                    round_seconds=tuple(map(float, seconds)),
                    round_cpu_seconds=tuple(map(float, seconds)),
                    disturbances=(found,) * SWEEPS,
                    sweeps=tuple(range(SWEEPS)),
                )
                frame = fakes.measured(cell, block)
                outcomes.append(msgspec.structs.replace(frame, timings=(timing,)))
    return fakes.document(plan=plan, rows=tuple(ROWS), outcomes=tuple(outcomes))


def disturbed_by(foreign: float) -> Disturbance:
    return msgspec.structs.replace(fakes.disturbance(), foreign=foreign)


def test_every_control_is_judged_against_its_original() -> None:
    found = judge_controls(run())
    assert len(found) == 4, "two implementations, with one thread and with two"
    assert len(judge_controls(run(), threads=1)) == 2
    assert not {one.kind for one in found} & {"faster", "slower"}
    assert all(finding.passed for finding in of_table("alone", found, 0.02))


def test_a_difference_between_twins_is_a_false_verdict_and_too_far() -> None:
    found = judge_controls(run(slower=0.08))
    assert {one.kind for one in found} == {"slower"}
    wrong, apart = of_table("alone", found, 0.02)
    assert not wrong.passed
    assert not apart.passed
    assert "4 slower" in wrong.found


def test_one_false_verdict_in_twenty_is_allowed_and_two_are_not() -> None:
    right, wrong = judge_controls(run())[0], judge_controls(run(slower=0.08))[0]
    assert of_table("alone", [right] * 19 + [wrong], 0.02)[0].passed
    assert not of_table("alone", [right] * 18 + [wrong] * 2, 0.02)[0].passed
    # Nine in ten must lie close.
    assert of_table("alone", [right] * 18 + [wrong] * 2, 0.02)[1].passed
    assert not of_table("alone", [right] * 17 + [wrong] * 3, 0.02)[1].passed


def test_a_table_without_comparisons_proves_nothing() -> None:
    (finding,) = of_table("alone", [], 0.02)
    assert not finding.passed


@pytest.mark.parametrize(("busy", "passed"), [(0.0, False), (0.9, True)])
def test_epochs_beside_a_foreign_process_must_be_called_disturbed(
    busy: float, passed: object
) -> None:
    finding = false_alarms._disturbed(run(busy=busy), 2)  # noqa: SLF001  # its judgement alone
    assert finding.passed == passed


def slowed(share: float, kind: str = "slower") -> Verdict:
    """A verdict on something that is slower by ``share``."""
    whole = run(slower=share)
    two = msgspec.structs.replace(whole, outcomes=whole.outcomes[: 4 * BLOCKS])
    known = ratios_to(timed_points(two), NAMES[0])
    (first, *_) = verdicts.judge(list(known.values()))
    assert math.isclose(1 / first.ratio.value - 1, share, abs_tol=0.003)
    return dataclasses.replace(first, kind=kind)  # type: ignore[arg-type]


def test_a_slowdown_must_be_found_as_often_as_is_promised() -> None:
    found, missed = slowed(0.05), slowed(0.05, "unresolved")
    nine = slowdown._finding(60.0, 0.05, [found] * 9 + [missed])  # noqa: SLF001
    eight = slowdown._finding(60.0, 0.05, [found] * 8 + [missed] * 2)  # noqa: SLF001
    assert nine.passed
    assert not eight.passed
    assert nine.found.startswith("found in 9 of 10; sizes +")
    faster = slowdown._finding(60.0, 0.10, [slowed(0.05, "faster")])  # noqa: SLF001
    assert not faster.passed


def test_the_planted_slowdown_is_a_trainer_that_wastes_its_share(tmp_path: Path) -> None:
    row = slowdown._write(tmp_path, 0.5)  # noqa: SLF001
    assert row.name == "slower_by_50:Trainer"
    network, training = fakes.plan().network, fakes.plan().trainings[0]
    assert registry.load(row).supports(network, training) is None
