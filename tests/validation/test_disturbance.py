"""The check of disturbances: one real hog, with the rule and with a broken one, and judgement."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from bench.selfcheck import Options
from bench.stats import disturbed
from tests.validation import disturbance
from tests.validation.disturbance import Trial, judge, notes

HOG = Trial(hog=True, before=(False,), beside=(False, True, True, True), pressure=0.5, foreign=0.9)
QUIET = Trial(hog=False, before=(False,) * 20, beside=(), pressure=0.001, foreign=0.01)


def test_a_hog_is_reported_and_a_rule_that_sees_nothing_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []
    assert disturbance.check(Options(trials=1, say=said.append)).findings[0].passed
    assert len(said) == 2
    monkeypatch.setattr(disturbed, "DISTURBED_SHARE", float("inf"))
    found = disturbance.check(Options(trials=1)).findings[0]
    assert not found.passed
    assert found.found == (
        "reported in 0; disturbed are 0% of the rounds beside it, 0% of those before"
    )


def test_hogs_must_be_reported_by_rounds_beside_them() -> None:
    unseen = dataclasses.replace(HOG, before=(True,), beside=(False,))
    too_late = dataclasses.replace(HOG, before=(True,), beside=())
    assert judge([HOG] * 19 + [unseen, QUIET])[0].passed
    assert not judge([HOG] * 18 + [unseen, too_late, QUIET])[0].passed


def test_what_is_called_disturbed_counts_only_where_the_machine_was_quiet() -> None:
    flagged = dataclasses.replace(QUIET, before=(True,) * 20)
    assert judge([HOG, QUIET])[1].passed
    assert not judge([HOG, QUIET, flagged])[1].passed
    for busy in ({"pressure": 0.5}, {"foreign": 0.5}):
        found = judge([HOG, QUIET, dataclasses.replace(flagged, **busy)])[1]
        assert found.passed
        assert found.what == "rounds without a hog, 1 quiet trial"


def test_without_a_quiet_trial_it_is_not_judged_what_is_called_disturbed() -> None:
    busy = dataclasses.replace(QUIET, pressure=0.5)
    found = judge([HOG, busy])[1]
    assert (found.passed, found.found) == (None, "no trial was quiet")


def test_the_notes_compare_the_rule_with_the_kernel() -> None:
    flagged = dataclasses.replace(QUIET, before=(True,) * 20, pressure=0.101, foreign=0.51)
    rule, kernel = notes([HOG, QUIET, flagged])
    assert rule == "without a hog 1 of 2 trials had a disturbed round; 50% of all"
    assert kernel == (
        "meanwhile somebody waited for a processor in 5.1% of the time, and others took 26.0% of "
        "all processors"
    )


def test_a_kernel_without_that_account_is_no_obstacle(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(disturbance, "_PRESSURE", tmp_path / "absent")
    assert disturbance._waited_seconds() is None  # noqa: SLF001  # no kernel here lacks it
    untold = dataclasses.replace(QUIET, pressure=None)
    assert untold.quiet
    assert "no account" in notes([untold])[1]
