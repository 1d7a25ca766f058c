"""Implementations that hang, die, eat all memory or compute nonsense, beside one that works."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path

from bench.documents import files
from bench.documents.results import Failed, Invalid, Measured, Outcome
from bench.selfcheck import CheckResult
from bench.selfcheck.small_command import Workshop

_SIZES = (20, 50)
_BAD_SIZE = 50
"""The batch size at which an implementation misbehaves; at the other one it works."""
_TIMEOUT = 5

_HEAD = """
import os
import resource
import signal
import time

import numpy as np

from impls.numpy import cached as numpy_cached

BAD = {bad}


class Trainer(numpy_cached.Trainer):
"""
_UPDATE = """
    def update(self):
        if self.training.batch_size == BAD:
            {statement}
        super().update()
"""


@dataclass(frozen=True)
class Misbehaviour:
    """What is wrong with an implementation, and the outcome that it must become."""

    what: str
    body: str
    kind: type[Failed | Invalid]
    reason: str


CASES = {
    "hanging": Misbehaviour(
        "hangs",
        _UPDATE.format(statement="time.sleep(600)"),
        Failed,
        r"no answer within \d+ s; it was stopped",
    ),
    "crashing": Misbehaviour(
        "dies of a signal",
        _UPDATE.format(statement="os.kill(os.getpid(), signal.SIGSEGV)"),
        Failed,
        "killed by SIGSEGV",
    ),
    "evicted": Misbehaviour(
        "is killed as by the kernel when memory runs out",
        _UPDATE.format(statement="os.kill(os.getpid(), signal.SIGKILL)"),
        Failed,
        r"killed by SIGKILL \(out of memory\?\)",
    ),
    "greedy": Misbehaviour(
        "asks for more memory than it may have",
        """
    def __init__(self, network, training, parameters):
        if training.batch_size == BAD:
            with open("/proc/self/statm") as file:
                used = int(file.read().split()[0]) * resource.getpagesize()
            _, hard = resource.getrlimit(resource.RLIMIT_AS)
            resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, hard))
            self.much = np.ones(2**28)
        super().__init__(network, training, parameters)
""",
        Failed,
        "MemoryError: Unable to allocate",
    ),
    "nonsense": Misbehaviour(
        "computes NaN",
        """
    def predict(self, X):
        return super().predict(X) * (np.nan if self.training.batch_size == BAD else 1)
""",
        Invalid,
        "not finite",
    ),
}


def sources() -> dict[str, str]:
    """Return the files of all of them, and of one that works."""
    head = _HEAD.lstrip().format(bad=_BAD_SIZE)
    bad = {name: head + case.body.strip("\n") + "\n" for name, case in CASES.items()}
    return bad | {"working": f"{head}    pass\n"}


def findings(workshop: Workshop, out: Path) -> list[CheckResult]:
    """Run all of them together; one finding for each, and one for what should have worked."""
    begun = time.monotonic()
    code = workshop.run(
        out, "--batch-size", ",".join(map(str, _SIZES)), "--blocks", 1, "--timeout", _TIMEOUT
    ).wait()
    seconds = time.monotonic() - begun
    document = files.load(out / "results.json")
    by_name: dict[str, dict[int, Outcome]] = {}
    for outcome in document.outcomes:
        name = outcome.cell.implementation.removesuffix(":Trainer")
        by_name.setdefault(name, {})[outcome.cell.batch_size] = outcome
    rest = list(by_name["working"].values())
    measured = sum(isinstance(outcome, Measured) for outcome in rest)
    ended = document.complete and code == 3 and (out / "report.html").exists()
    return [
        *(judge(case, by_name[name][_BAD_SIZE]) for name, case in CASES.items()),
        CheckResult(
            "the rest of that grid",
            f"{measured} of {len(_SIZES)} measured; exit code {code} after {seconds:.0f} s",
            "all measured, report written, exit code 3",
            ended and measured == len(_SIZES),
        ),
    ]


def judge(case: Misbehaviour, outcome: Outcome) -> CheckResult:
    """Return whether the outcome is what the case demands."""
    kind = type(outcome).__name__.lower()
    reason = "" if isinstance(outcome, Measured) else outcome.reason
    return CheckResult(
        f"an implementation that {case.what}",
        f"{kind}: {reason}",
        f"{case.kind.__name__.lower()}, with its reason",
        isinstance(outcome, case.kind) and re.search(case.reason, reason) is not None,
    )
