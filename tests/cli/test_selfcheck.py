from __future__ import annotations

from collections.abc import Callable

import pytest

from bench.selfcheck import CheckResult, Options, Report
from tests.stand_ins.command import Said

KEPT = CheckResult("a", "1", "1", passed=True)
MISSED = CheckResult("b", "2", "1", passed=False)
UNJUDGED = CheckResult("c", "none", "1", passed=None)


@pytest.mark.parametrize(
    ("findings", "code", "last"),
    [
        ((KEPT,), 0, "1 of 1 targets kept"),
        ((KEPT, MISSED, UNJUDGED), 1, "1 of 3 targets kept"),
        ((KEPT, UNJUDGED), 2, "1 of 2 targets kept"),
        ((), 1, "0 of 0 targets kept"),
    ],
)
def test_a_missed_target_and_one_that_was_not_judged_have_exit_codes_of_their_own(
    mlpbench: Callable[..., Said],
    monkeypatch: pytest.MonkeyPatch,
    findings: tuple[CheckResult, ...],
    code: int,
    last: str,
) -> None:
    def check(_name: str, _options: Options, _package: str) -> Report:
        return Report("Made up", findings)

    monkeypatch.setattr("bench.cli.selfcheck.run", check)
    said = mlpbench("selfcheck", "kill")
    assert said.code == code
    assert said.out.splitlines()[-1] == last
    words = {True: "kept", False: "MISSED", None: "not judged"}
    for finding in findings:
        assert f" {words[finding.passed]} " in said.out
