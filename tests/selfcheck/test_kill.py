"""The check of killed runs: one real kill, the same with broken rules, and its judgement."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.documents.results import Failed, Invalid
from bench.selfcheck import misbehaving
from bench.selfcheck.kill import of_parents, of_workers
from bench.selfcheck.killed_runs import (
    KilledParent,
    KilledWorker,
    kill_parent,
    kill_worker,
)
from bench.selfcheck.small_command import Moment, UndisturbedRun, Workshop, run_undisturbed
from tests.stand_ins import fakes

Killed = Callable[[], KilledParent]

# The killer's third epoch kills its parent, once, and would then go on for a minute.
COUNTS = """
import os
import time
from pathlib import Path

from impls.numpy import cached as numpy_cached

HERE = Path(__file__)
BEGUN, HARMLESS = HERE.with_name("begun"), HERE.with_name("harmless")


class Trainer(numpy_cached.Trainer):
    def epoch(self, order):
        if len(order) == 400:
            with BEGUN.open("a") as file:
                file.write(HERE.stem + "\\n")
            self.after(BEGUN.read_text().split().count(HERE.stem))
        return super().epoch(order)

    def after(self, epochs):
        pass
"""
KILLS_ITS_PARENT = f"""{COUNTS}
        if epochs == 3 and not HARMLESS.exists():
            HARMLESS.touch()
            os.kill(os.getppid(), 9)
            time.sleep(60)
"""
# Python imports a module of this name in every process that finds one.
BROKEN_RULES = """
import msgspec

from bench.documents import journal
from bench.measuring import parent_death

parent_death.end_with = lambda _: True
waiting = []


def add_at_last(self, line):
    self.lines.append(line)
    waiting.append(line)
    if isinstance(line, journal.Ending):
        for one in waiting:
            self._write(msgspec.json.encode(one))


journal.Journal.add = add_at_last
"""
FINE = KilledParent(
    when="during sweeps",
    held=3,
    lost=1,
    orphans=0,
    unchanged=True,
    same_schedule=True,
    written=True,
    last_line="",
)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    sources = {"waiting": COUNTS, "killer": KILLS_ITS_PARENT}
    return Workshop(tmp_path_factory.mktemp("workshop"), sources)


@pytest.fixture(scope="module")
def undisturbed(workshop: Workshop) -> UndisturbedRun:
    (workshop.folder / "harmless").touch()
    return run_undisturbed(workshop, workshop.folder / "alone")


@pytest.fixture
def killed(workshop: Workshop, undisturbed: UndisturbedRun, tmp_path: Path) -> Killed:
    def kill_in_the_fourth_sweep() -> KilledParent:
        (workshop.folder / "begun").unlink()
        (workshop.folder / "harmless").unlink()
        return kill_parent(workshop, undisturbed, Moment(999, 0.0), tmp_path / "out")

    return kill_in_the_fourth_sweep


def test_a_killed_parent_loses_one_sweep_leaves_no_orphan_and_is_resumed(
    undisturbed: UndisturbedRun, killed: Killed
) -> None:
    assert undisturbed.sweeps > 2 * 3
    assert undisturbed.marks[0] > 0
    assert list(undisturbed.marks) == sorted(undisturbed.marks)
    assert undisturbed.marks[-1] < undisturbed.end
    found = killed()
    assert found.last_line.startswith("Report: ")
    assert found == dataclasses.replace(FINE, last_line=found.last_line)
    assert all(finding.passed for finding in of_parents([found]))


def test_a_journal_that_is_written_at_the_end_and_orphans_are_found_out(
    killed: Killed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(BROKEN_RULES)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = killed()
    assert found.held == 0, found.last_line
    assert found.lost >= 2
    # One sleeps in its turn, the other one was stopped.
    assert found.orphans == 2
    lost, orphans, *others = of_parents([FINE, found])
    assert not lost.passed
    assert not orphans.passed
    assert all(finding.passed for finding in others)


@pytest.mark.parametrize("stopped", [True, False])
def test_a_killed_worker_is_an_outcome_and_the_other_goes_on(
    workshop: Workshop, undisturbed: UndisturbedRun, tmp_path: Path, *, stopped: bool
) -> None:
    (workshop.folder / "harmless").touch()

    class Chosen(random.Random):
        """Chooses a worker that waits, or one that works, as soon as there are both."""

        def choice(self, living: Any) -> Any:
            fitting = [one for one in living if one.is_stopped == stopped]
            return (fitting or living)[0]

    moment = undisturbed.working_moment(0.25)
    found = kill_worker(workshop, moment, tmp_path / "out", Chosen())
    assert found.at_work
    assert all(finding.passed for finding in of_workers([found])), found


@pytest.mark.parametrize(
    ("broken", "place"),
    [
        ({"lost": 2}, 0),
        ({"orphans": 1}, 1),
        ({"unchanged": False}, 2),
        ({"same_schedule": False}, 3),
        ({"written": False}, 4),
    ],
)
def test_one_broken_promise_among_kept_ones_is_enough(broken: dict[str, Any], place: int) -> None:
    findings = of_parents([FINE, dataclasses.replace(FINE, **broken), FINE])
    assert [finding.passed for finding in findings].count(False) == 1
    assert not findings[place].passed


def test_a_killed_worker_must_be_named_and_the_rest_measured() -> None:
    reason = "the worker was killed by SIGKILL (out of memory?)"
    named = KilledWorker(at_work=True, stopped=True, reasons=(reason,), rest_measured=True)
    unnamed = dataclasses.replace(named, reasons=("the worker ended without an answer",))
    idle = KilledWorker(at_work=False, stopped=False, reasons=(), rest_measured=True)
    for killed, kept in (
        ([named], True),
        ([named, idle], True),
        ([idle], False),
        ([named, unnamed], False),
        ([named, dataclasses.replace(named, rest_measured=False)], False),
    ):
        (finding,) = of_workers(killed)
        assert finding.passed == kept


def test_moments_are_spread_over_the_run_and_follow_its_progress() -> None:
    run = UndisturbedRun(fakes.plan(), marks=(2.0, 3.0, 5.0, 5.5), end=8.0)
    assert run.moment(0.0) == Moment(0, 0.0)
    assert run.moment(0.125) == Moment(0, 1.0)
    assert run.moment(0.25) == Moment(1, 0.0)
    assert run.moment(0.5) == Moment(2, 1.0)
    assert run.moment(0.75) == Moment(4, 0.5)
    assert run.working_moment(0.0) == Moment(1, 0.0)
    assert run.writing_moment(0.0) == Moment(1, 0.0)
    assert run.writing_moment(0.9) == Moment(3, 0.0)
    assert run.working_moment(0.5) == Moment(2, 0.5)


def test_a_misbehaving_implementation_must_become_the_outcome_with_the_reason() -> None:
    cell = fakes.cell(fakes.plan())
    case = misbehaving.CASES["hanging"]
    right = Failed(cell=cell, block=0, reason="no answer within 5 s; it was stopped")
    assert misbehaving.judge(case, right).passed
    for wrong in (
        fakes.measured(cell),
        Failed(cell=cell, block=0, reason="the worker ended with exit code 3"),
        Invalid(cell=cell, block=0, reason=right.reason, gate=()),
    ):
        assert not misbehaving.judge(case, wrong).passed
