"""The check of killed runs: one real kill, the same with broken rules, and its judgement."""

from __future__ import annotations

import dataclasses
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
)
from bench.selfcheck.moments import Moment, Undisturbed, leave_alone
from bench.selfcheck.small_command import Workshop
from tests.stand_ins import fakes

Killed = Callable[[], KilledParent]

# The second worker kills its parent, once, and would then go on for a minute.
KILLS_ITS_PARENT = """
import os
import time
from pathlib import Path

from impls.numpy import cached as numpy_cached

HERE = Path(__file__).parent


class Trainer(numpy_cached.Trainer):
    @classmethod
    def unavailable(cls):
        with (HERE / "started").open("a") as file:
            file.write("begun\\n")
        second = (HERE / "started").read_text().count("begun") == 2
        if second and not (HERE / "harmless").exists():
            (HERE / "harmless").touch()
            os.kill(os.getppid(), 9)
            time.sleep(60)
        return super().unavailable()
"""
# Python imports a module of this name in every process that finds one.
BROKEN_RULES = """
from bench.measuring import lifeline
from bench.documents.journal import Journal

lifeline.end_with = lambda _: True
add, end = Journal.add, Journal.end
waiting = []
Journal.add = lambda *entry: waiting.append(entry)


def end_at_last(self, reason):
    for entry in waiting:
        add(*entry)
    end(self, reason)


Journal.end = end_at_last
"""
FINE = KilledParent(
    when="in job 3 of 6",
    held=2,
    lost=1,
    orphans=0,
    unchanged=True,
    same_schedule=True,
    written=True,
    said="",
)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("workshop"), {"killer": KILLS_ITS_PARENT})


@pytest.fixture(scope="module")
def undisturbed(workshop: Workshop) -> Undisturbed:
    (workshop.folder / "harmless").touch()
    return leave_alone(workshop, workshop.folder / "alone")


@pytest.fixture
def killed(workshop: Workshop, undisturbed: Undisturbed, tmp_path: Path) -> Killed:
    def kill_in_the_second_job() -> KilledParent:
        (workshop.folder / "started").unlink()
        (workshop.folder / "harmless").unlink()
        return kill_parent(workshop, undisturbed, Moment(99, 0.0), tmp_path / "out")

    return kill_in_the_second_job


def test_a_killed_parent_loses_one_job_leaves_no_orphan_and_is_resumed(
    undisturbed: Undisturbed, killed: Killed
) -> None:
    header, first, second, ending = undisturbed.marks
    assert 0 < header < first < second <= ending < undisturbed.end
    found = killed()
    assert found.said.startswith("Report: ")
    assert found == dataclasses.replace(FINE, when="in job 2 of 2", held=1, said=found.said)
    assert all(finding.passed for finding in of_parents([found], 2))


def test_a_journal_that_is_written_at_the_end_and_an_orphan_are_found_out(
    killed: Killed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(BROKEN_RULES)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = killed()
    assert (found.held, found.lost, found.orphans) == (0, 2, 1), found.said
    lost, orphans, *others = of_parents([FINE, found], 2)
    assert not lost.passed
    assert not orphans.passed
    assert all(finding.passed for finding in others)


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
    findings = of_parents([FINE, dataclasses.replace(FINE, **broken), FINE], 6)
    assert [finding.passed for finding in findings].count(False) == 1
    assert not findings[place].passed


def test_a_killed_worker_must_be_named_and_the_rest_measured() -> None:
    reason = "the worker was killed by SIGKILL (out of memory?)"
    named = KilledWorker(at_work=True, reasons=(reason,), rest_measured=True)
    unnamed = dataclasses.replace(named, reasons=("the worker ended without an outcome",))
    idle = KilledWorker(at_work=False, reasons=(), rest_measured=True)
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
    run = Undisturbed(fakes.plan(), marks=(2.0, 3.0, 5.0, 5.5), end=8.0)
    assert run.moment(0.0) == Moment(0, 0.0)
    assert run.moment(0.125) == Moment(0, 1.0)
    assert run.moment(0.25) == Moment(1, 0.0)
    assert run.moment(0.5) == Moment(2, 1.0)
    assert run.moment(0.75) == Moment(4, 0.5)
    assert run.working_moment(0.0) == Moment(1, 0.0)
    assert run.working_moment(0.5) == Moment(2, 0.5)


def test_a_misbehaving_implementation_must_become_the_outcome_with_the_reason() -> None:
    cell = fakes.cell(fakes.plan())
    case = misbehaving.CASES["hanging"]
    right = Failed(cell=cell, block=0, reason="no end after 5 s; it was stopped")
    assert misbehaving.judge(case, right).passed
    for wrong in (
        fakes.measured(cell),
        Failed(cell=cell, block=0, reason="the worker ended with exit code 3"),
        Invalid(cell=cell, block=0, reason=right.reason, gate=()),
    ):
        assert not misbehaving.judge(case, wrong).passed
