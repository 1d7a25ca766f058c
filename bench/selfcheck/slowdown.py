"""A real slowdown of known size, planted in an implementation from outside, must be found.

The slowed implementation is the original with a busy wait after every epoch, for a share of the
time that the epoch took.  Each trial is one run with a time budget, as
``mlpbench run --budget`` makes it, and judges the slowed ones in one table.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bench.observations.ratios import ratios_to, timed_points
from bench.running.pacing import MOST_BLOCKS
from bench.selfcheck import CheckResult, Options, Report
from bench.selfcheck.small_run import carry_out, plan_for
from bench.stats import verdicts
from bench.stats.verdicts import Verdict
from impls import registry
from impls.row import Row

TRIALS = {60.0: 20, 180.0: 10}
"""Runs with each budget in seconds."""
EXAMPLES = 20000
TOP = registry.top_of_ladder()
WANTED: dict[float, dict[float, float]] = {60.0: {0.05: 0.9, 0.10: 1.0}, 180.0: {0.02: 0.9}}
"""By the budget in seconds: shares of slowdown with the share of trials that must find them."""

_SLOWED = '''
import time

from {module} import {name} as Original


class Trainer(Original):
    """The original, and then some time that is wasted on purpose."""

    def epoch(self, order):
        begun = time.perf_counter()
        losses = super().epoch(order)
        end = begun + (1 + {share}) * (time.perf_counter() - begun)
        while time.perf_counter() < end:
            pass
        return losses
'''


def check(options: Options) -> Report:
    """Look for every slowdown in each of ``trials`` runs with each budget."""
    findings = []
    for budget, usual in TRIALS.items():
        trials = options.trials or usual
        verdicts_of: dict[float, list[Verdict]] = {share: [] for share in WANTED[budget]}
        for trial in range(trials):
            for share, verdict in _trial(budget, options.seed + trial).items():
                verdicts_of[share].append(verdict)
            words = ", ".join(f"{100 * s:g} %: {v[-1].kind}" for s, v in verdicts_of.items())
            options.say(f"{budget:.0f} s, trial {trial + 1} of {trials}: {words}")
        findings += [_finding(budget, share, verdicts) for share, verdicts in verdicts_of.items()]
    return Report("Slowdowns found within a time budget", findings)


def _trial(budget: float, seed: int) -> dict[float, Verdict]:
    """Return one run of the original and its slowed versions; the verdict on each."""
    with tempfile.TemporaryDirectory(prefix="mlpbench-slowed-") as folder:
        slowed = {share: _write(Path(folder), share) for share in WANTED[budget]}
        rows = [TOP, *slowed.values()]
        plan = plan_for(
            rows, seed=seed, blocks=MOST_BLOCKS, examples=EXAMPLES, budget_seconds=budget
        )
        known = ratios_to(timed_points(carry_out(plan, rows)), TOP.name)
    by_name = {cell.implementation: ratio for cell, ratio in known.items()}
    # Whoever looks for a small slowdown asks for a margin below it.
    margins = [min(verdicts.MARGIN, share / 2) for share in slowed]
    family = verdicts.judge([by_name[row.name] for row in slowed.values()], margins)
    return dict(zip(slowed, family, strict=True))


def _write(folder: Path, share: float) -> Row:
    """Return an implementation that is slower by ``share``."""
    file = folder / f"slower_by_{round(100 * share)}.py"
    module, _, name = TOP.target.partition(":")
    file.write_text(_SLOWED.format(share=share, module=module, name=name))
    return registry.find(f"{file}:Trainer")


def _finding(budget: float, share: float, judged: Sequence[Verdict]) -> CheckResult:
    kinds = Counter(verdict.kind for verdict in judged)
    sizes = sorted(1 / verdict.ratio.value - 1 for verdict in judged)
    return CheckResult(
        f"slower by {share:.0%}, runs of {budget:.0f} s",
        f"found in {kinds['slower']} of {len(judged)}; sizes {sizes[0]:+.1%} to {sizes[-1]:+.1%}",
        f"found in {WANTED[budget][share]:.0%}",
        kinds["slower"] >= WANTED[budget][share] * len(judged),
    )
