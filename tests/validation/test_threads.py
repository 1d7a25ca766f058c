"""The check of thread settings, on a few of its cases, and against harnesses that are broken."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from bench.documents.results import Measured, Unverified
from bench.provenance import threads as provenance
from bench.provenance.machine import usable_cpus
from bench.selfcheck import Options
from tests.validation import threads
from tests.validation.threads import IMPOSSIBLE, MIS_SET, RIGHT, Case

pytestmark = pytest.mark.skipif(usable_cpus() < 2, reason="one processor allows one setting only")

LIMITED, ONE_THREAD = MIS_SET[0], RIGHT[0]
BELIEVES_ALL = "from bench.provenance import threads\n\nthreads.disagreement = lambda *_: None\n"
BELIEVES_NONE = (
    "from bench.provenance import threads\n\nthreads.disagreement = lambda *_: 'who knows'\n"
)


def planted(case: Case, text: str) -> Case:
    return dataclasses.replace(case, text=text + case.text)


def test_a_limited_pool_is_found_and_a_setting_that_took_is_not_blamed(tmp_path: Path) -> None:
    limited = threads.set_up(LIMITED, tmp_path, 1)
    right = threads.set_up(ONE_THREAD, tmp_path, 1)
    assert isinstance(limited, Unverified)
    assert isinstance(right, Measured)
    assert threads.judge(LIMITED, [limited]).passed
    assert threads.judge(ONE_THREAD, [right]).passed
    assert not threads.judge(LIMITED, [limited, right]).passed
    assert not threads.judge(ONE_THREAD, [right, limited]).passed


def test_a_worker_on_fewer_processors_than_threads_is_found(tmp_path: Path) -> None:
    (case,) = (case for case in MIS_SET if case.held)
    assert threads.judge(case, [threads.set_up(case, tmp_path, 1)]).passed


def test_the_right_alarm_for_the_wrong_reason_does_not_count(tmp_path: Path) -> None:
    case = dataclasses.replace(LIMITED, reason="affinity")
    finding = threads.judge(case, [threads.set_up(LIMITED, tmp_path, 1)])
    assert not finding.passed
    assert "reports 1" in finding.found


def test_a_harness_that_believes_everything_or_nothing_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The worker is asked first, and its parent looks again.
    monkeypatch.setattr(provenance, "disagreement", lambda *_: None)
    for case, text in ((LIMITED, BELIEVES_ALL), (ONE_THREAD, BELIEVES_NONE)):
        outcome = threads.set_up(planted(case, text), tmp_path, 1)
        assert not threads.judge(case, [outcome]).passed


def test_what_cannot_be_set_up_here_is_said_and_not_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    absent = Case("a library of its own", 1, text=f"raise RuntimeError('{IMPOSSIBLE}no library')\n")
    monkeypatch.setattr(threads, "MIS_SET", (absent,))
    monkeypatch.setattr(threads, "RIGHT", ())
    said: list[str] = []
    report = threads.check(Options(say=said.append))
    assert f"a library of its own: {IMPOSSIBLE}no library" in report.notes
    assert not report.passed
    assert [finding.found for finding in report.findings[1:]] == ["0", "0"]
    assert said == []


def test_the_cases_are_enough_and_named_apart() -> None:
    names = [case.what for case in (*MIS_SET, *RIGHT)]
    assert len(set(names)) == len(names)
    assert len(MIS_SET) >= threads.FEWEST_MIS_SET
    assert len(RIGHT) >= threads.FEWEST_RIGHT
    assert all(case.reason for case in MIS_SET)
    assert not any(case.reason for case in RIGHT)
