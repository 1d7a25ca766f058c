"""Thread settings that did not take must be called unverified, and ones that did must not.

Each case is a real worker process that is really set up that way: by variables, by pools that are
limited after the libraries were loaded, by an affinity mask, by threads of its own.  Only the
quota is played, by a control group's file in another place: a real one needs privileges.
"""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench.documents.results import Failed, Measured, Outcome, Unverified
from bench.planning.plan import Setting
from bench.provenance.machine import usable_cpus
from bench.running.processes import Launcher
from bench.selfcheck import CheckResult, Options, Report
from bench.selfcheck.small_run import carry_out, plan_for
from impls import registry
from impls.row import Row

FEWEST_MIS_SET, FEWEST_RIGHT = 8, 5
_TITLE = "Thread settings read back"

_BLIND_SPOTS = (
    (
        "fewer threads than asked inside the clock alone look like work too small for more: a "
        "pool that is limited there and restored before it is read again raises no alarm"
    ),
    (
        "more threads than asked inside the clock alone show by processor time beyond the clock's: "
        "only where other processes leave them a processor"
    ),
)


IMPOSSIBLE = "not possible here: "
"""What a trainer raises, with the reason, where this machine cannot be set up that way."""


@dataclass(frozen=True)
class Case:
    """A setting of ``threads``, and what must be said of it.

    The worker gets the variables of ``setting`` beside those of ``threads`` and imports ``text``
    in front of a subclass of the trainer in ``impls.<module>``, with ``body``; ``held`` starts it
    on one processor only.  ``reason`` is a pattern of what must be said, None where all is right.
    ``threads`` of :data:`MORE` asks for one more than there are processors.
    """

    what: str
    threads: int | None
    reason: str | None = None
    setting: Setting = ()
    text: str = ""
    body: str = ""
    module: str = "numpy.optimized"
    batch_size: int = 500
    held: bool = False


MORE = -1

HEAD = '''
import hashlib
import threading
from pathlib import Path

from threadpoolctl import ThreadpoolController

import impls.{module}


def pools():
    return {{pool.filepath: pool for pool in ThreadpoolController().lib_controllers}}


def limit(threads, without=()):
    """Set the pools that are loaded now, but for those loaded before."""
    chosen = [pool for path, pool in pools().items() if path not in without]
    if not chosen:
        raise RuntimeError("{impossible}no such second copy of a library")
    for pool in chosen:
        pool.set_num_threads(threads)


'''
TAIL = '''
class Trainer(impls.{module}.Trainer):
    """The original, but for what is written here."""

{body}'''

_SCIPY = "before = pools()\nimport scipy.linalg\n"
_OPENMP = "before = pools()\nimport sklearn.utils._openmp_helpers\n"
_QUOTA = """
from bench.provenance import machine

machine._CGROUPS = Path(__file__).parent / "cgroups"
machine._CGROUPS.mkdir(exist_ok=True)
(machine._CGROUPS / "cpu.max").write_text("150000 100000")
"""
_RAISED = """
    def epoch(self, order):
        limit(2)
        losses = super().epoch(order)
        limit(1)
        return losses
"""
_OWN_THREADS = """
    def epoch(self, order):
        done = threading.Event()
        data = bytes(2**20)

        def work():
            while not done.is_set():
                hashlib.sha256(data)

        helper = threading.Thread(target=work)
        helper.start()
        try:
            return super().epoch(order)
        finally:
            done.set()
            helper.join()
"""

FEWER, TOO_MANY = r"2 threads requested, but .* reports 1$", r"1 thread requested, but .* reports "
BUSY = r"1 thread requested, but \d\.\d+ were busy while it was timed"

MIS_SET = (
    Case("NumPy's BLAS limited at import", 2, FEWER, text="limit(1)\n"),
    Case("only SciPy's copy of BLAS limited", 2, FEWER, text=f"{_SCIPY}limit(1, before)\n"),
    Case("both copies limited", 2, FEWER, text=f"{_SCIPY}limit(1)\n"),
    Case("BLAS enlarged at import", 1, f"{TOO_MANY}2$", text="limit(2)\n"),
    Case("BLAS enlarged inside the clock only", 1, BUSY, body=_RAISED),
    Case(
        "the library's own variable says less",
        2,
        FEWER,
        (("BLIS_NUM_THREADS", "1"), ("MKL_NUM_THREADS", "1"), ("OPENBLAS_NUM_THREADS", "1")),
    ),
    Case(
        "only variables of other libraries set",
        1,
        rf"{TOO_MANY}\d",
        (("OMP_NUM_THREADS", None), ("OPENBLAS_NUM_THREADS", None)),
    ),
    Case("one processor for two threads", 2, "may run on 1 of the processors", held=True),
    Case("more threads than processors", MORE, r"may run on \d+ of the processors"),
    Case("a container's quota below the threads", 2, "may use 1.5 processors", text=_QUOTA),
    Case(
        "a second runtime with more threads",
        1,
        r"1 thread requested, but openmp .* reports 2$",
        (("OMP_NUM_THREADS", "2"),),
        text=_OPENMP,
    ),
    Case("threads of its own beside BLAS", 1, BUSY, body=_OWN_THREADS),
    Case(
        "Numba's variable says less",
        2,
        r"2 threads requested, but numba .* reports 1$",
        (("NUMBA_NUM_THREADS", "1"),),
        module="numba.trainer",
    ),
    Case(
        "Numba's pool limited at import",
        2,
        r"2 threads requested, but numba .* reports 1$",
        text="import numba\n\nnumba.set_num_threads(1)\n",
        module="numba.trainer",
    ),
)
RIGHT = (
    Case("one thread", 1),
    Case("two threads", 2),
    Case("nothing asked", None),
    Case("nothing asked, threads of its own", None, body=_OWN_THREADS),
    Case("two copies of BLAS that agree", 2, text=_SCIPY),
    Case("a second runtime that agrees", 2, text=_OPENMP),
    Case("two threads for tiny batches", 2, batch_size=10),
    Case("one thread on one processor", 1, held=True),
    Case("Numba with one thread", 1, module="numba.trainer"),
    Case("Numba with two, its BLAS held to one", 2, module="numba.trainer"),
)


def check(options: Options) -> Report:
    """``trials`` is how often each case is set up."""
    findings = [_enough("processors", usable_cpus(), 2)]
    if not findings[0].passed:
        return Report(_TITLE, findings, ["with one processor all settings look alike"])
    notes = [*_BLIND_SPOTS]
    ran = {True: 0, False: 0}
    with tempfile.TemporaryDirectory(prefix="mlpbench-threads-") as name:
        for case in (*MIS_SET, *RIGHT):
            outcomes = [set_up(case, Path(name), options.seed) for _ in range(options.trials or 1)]
            obstacle = next(filter(None, map(_obstacle, outcomes)), None)
            if obstacle is not None:
                notes.append(f"{case.what}: {obstacle}")
                continue
            ran[case.reason is not None] += 1
            findings.append(judge(case, outcomes))
            options.say(f"{case.what}: {findings[-1].found}")
    findings += [
        _enough("settings that did not take, tried", ran[True], FEWEST_MIS_SET),
        _enough("settings that did, tried", ran[False], FEWEST_RIGHT),
    ]
    return Report(_TITLE, findings, notes)


def set_up(case: Case, folder: Path, seed: int) -> Outcome:
    """Return the outcome of one worker that is set up as ``case`` says."""
    threads = usable_cpus() + 1 if case.threads == MORE else case.threads
    row = _write(case, folder)
    plan = plan_for(
        [row],
        seed=seed,
        batch_sizes=(case.batch_size,),
        threads=(threads,),
        setting=case.setting,
    )
    launcher = Launcher({min(os.sched_getaffinity(0))}) if case.held else None
    (outcome,) = carry_out(plan, [row], launcher).outcomes
    return outcome


def judge(case: Case, outcomes: list[Outcome]) -> CheckResult:
    """Return whether all outcomes are what the case demands."""
    kept = sum(_as_demanded(case, outcome) for outcome in outcomes)
    times = f"{kept} of {len(outcomes)} times: " if len(outcomes) > 1 else ""
    return CheckResult(
        case.what,
        times + _words(next((o for o in outcomes if not _as_demanded(case, o)), outcomes[0])),
        "measured" if case.reason is None else "unverified, with its reason",
        kept == len(outcomes),
    )


def _as_demanded(case: Case, outcome: Outcome) -> bool:
    if case.reason is None:
        return isinstance(outcome, Measured)
    return isinstance(outcome, Unverified) and re.search(case.reason, outcome.reason) is not None


def _words(outcome: Outcome) -> str:
    if isinstance(outcome, Measured):
        return f"measured, {outcome.threads_observed:.2f} busy"
    return f"{type(outcome).__name__.lower()}: {outcome.reason}"


def _obstacle(outcome: Outcome) -> str | None:
    """Return why this machine cannot be set up that way, or None where it could."""
    if not isinstance(outcome, Failed) or IMPOSSIBLE not in outcome.reason:
        return None
    return IMPOSSIBLE + outcome.reason.partition(IMPOSSIBLE)[2]


def _write(case: Case, folder: Path) -> Row:
    """Return the case's trainer as a file."""
    file = folder / f"{re.sub(r'[^a-z]+', '_', case.what.lower())}.py"
    names = {"module": case.module, "impossible": IMPOSSIBLE, "body": case.body or "    pass\n"}
    file.write_text(HEAD.lstrip().format(**names) + case.text + TAIL.format(**names))
    return registry.find(f"{file}:Trainer")


def _enough(what: str, number: int, fewest: int) -> CheckResult:
    return CheckResult(what, f"{number}", f"at least {fewest}", number >= fewest)
