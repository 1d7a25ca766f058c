"""A real slowdown of known size, planted in an implementation from outside, must be found.

The slowed implementation is the original whose every epoch is followed by a busy wait for a share
of the time that the epoch took.  Each trial goes on until every ratio is known within a precision,
as ``mlpbench run --precision`` does, and then judges.  A trial that does not get there within
:data:`MOST_BLOCKS` claims no such precision; it is reported, but proves nothing.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

from bench.judging import stats, verdicts
from bench.running.stopping import ratios
from bench.selfcheck import Finding, Options, Report
from bench.selfcheck.in_process import TOP
from bench.selfcheck.small_run import carry_out, plan_for
from impls import registry
from impls.row import Row

TRIALS = 20
PRECISION = 0.02
MOST_BLOCKS = 80
WANTED = {0.05: 0.9, 0.10: 1.0}
"""Shares of slowdown with the share of trials in which they must be found."""

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
    """``trials`` counts runs; in each of them every slowdown is looked for."""
    trials = options.trials or TRIALS
    found: dict[float, Counter[str]] = {share: Counter() for share in WANTED}
    sizes: dict[float, list[float]] = {share: [] for share in WANTED}
    blocks: list[int] = []
    vague: list[str] = []
    with tempfile.TemporaryDirectory(prefix="mlpbench-slowed-") as folder:
        slowed = {share: _write(Path(folder), share) for share in WANTED}
        rows = [TOP, *slowed.values()]
        for trial in range(trials):
            plan = plan_for(
                rows,
                blocks=MOST_BLOCKS,
                threads=1,
                seed=options.seed + trial,
                precision=PRECISION,
            )
            measured = ratios(carry_out(plan, rows).outcomes, TOP.name)
            by_name = {cell.implementation: ratio for cell, ratio in measured.items()}
            family = [by_name[row.name] for row in slowed.values()]
            blocks.append(min(ratio.processes for ratio in family))
            options.say(f"trial {trial + 1} of {trials}: {blocks[-1]} blocks, {_words(family)}")
            if any((stats.half_width(ratio) or 1) > PRECISION for ratio in family):
                vague.append(_words(family))
                continue
            for share, verdict in zip(slowed, verdicts.judge(family), strict=True):
                found[share][verdict.kind] += 1
                sizes[share].append(1 / verdict.ratio.value - 1)
    return Report(
        f"Slowdowns found at {PRECISION:.0%} precision",
        [_finding(share, found[share], sizes[share]) for share in WANTED],
        [
            f"blocks measured: {min(blocks)} to {max(blocks)}",
            f"trials that did not reach {PRECISION:.0%}: {len(vague)} ({'; '.join(vague)})",
        ],
    )


def _write(folder: Path, share: float) -> Row:
    """An implementation that is slower by ``share``."""
    file = folder / f"slower_by_{round(100 * share)}.py"
    module, _, name = TOP.target.partition(":")
    file.write_text(_SLOWED.format(share=share, module=module, name=name))
    return registry.find(f"{file}:Trainer")


def _words(family: list[stats.Ratio]) -> str:
    return ", ".join(f"{1 / ratio.value - 1:+.1%}" for ratio in family)


def _finding(share: float, kinds: Counter[str], sizes: list[float]) -> Finding:
    found, total = kinds["slower"], kinds.total()
    size = f"; median size {sorted(sizes)[len(sizes) // 2]:+.1%}" if sizes else ""
    return Finding(
        f"slower by {share:.0%}",
        f"found in {found} of {total}{size}",
        f"found in {WANTED[share]:.0%}",
        bool(total) and found >= WANTED[share] * total,
    )
