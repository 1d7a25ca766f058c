"""pyperf's JSON: one benchmark per cell and phase, one run per process, its rounds as values."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any

from bench.documents.results import Measured, Results
from bench.documents.timings import EPOCH, STEP, Timing
from reports import format as text
from reports.exports.series import only, series

VERSION = "1.0"
"""The version of the format, not of the program: that of pyperf 1 and 2."""


def to_pyperf(results: Sequence[Results], phases: Sequence[str]) -> str:
    """Return the suite as text.

    Raises:
        UsageError: several documents, or nothing measured.
    """
    document = only(results, "pyperf")
    implementation, _, version = document.machine.python.partition(" ")
    benchmarks = []
    for timed in series(document, phases):
        cell = timed.cell
        facts = {
            "name": timed.name,
            "implementation": cell.implementation,
            "network": cell.network,
            "batch_size": cell.batch_size,
            "threads": "unset" if cell.threads is None else cell.threads,
            "setting": text.setting(cell.setting),
            "examples": timed.examples,
        }
        runs = [_run(measured, timing) for measured, timing in timed.processes]
        benchmarks.append({"metadata": _clean(facts), "runs": runs})
    suite = {
        "version": VERSION,
        "metadata": _clean(
            {
                "unit": "second",
                "cpu_model_name": document.machine.cpu,
                "cpu_count": document.machine.logical_cpus,
                "platform": document.machine.system,
                "python_implementation": implementation.lower(),
                "python_version": version,
                "dataset": document.dataset.name,
                "generator": document.generator,
                "commit": document.code.commit if document.code else None,
            }
        ),
        "benchmarks": benchmarks,
    }
    return json.dumps(suite, indent=1) + "\n"


def _clean(facts: Mapping[str, object]) -> dict[str, object]:
    """Return metadata without what pyperf refuses: empty texts and control characters."""
    return {
        name: text.printable(" ".join(value.split())) if isinstance(value, str) else value
        for name, value in facts.items()
        if value
    }


def _run(measured: Measured, timing: Timing) -> dict[str, Any]:
    """Return one process; its warm-ups are pairs of loops and seconds per loop."""
    started = dt.datetime.fromisoformat(measured.process.started_at)
    run: dict[str, Any] = {
        "metadata": {
            "block": measured.block,
            # pyperf's dates have no zone.
            "date": started.replace(tzinfo=None).isoformat(sep=" "),
            "loops": timing.iterations,
            "mem_max_rss": measured.peak_memory_bytes,
            "threads_observed": measured.threads_observed,
        },
        "values": timing.round_seconds,
    }
    if timing.phase == STEP:
        warmups = (measured.first_call_seconds, *measured.warmup_seconds)
        run["warmups"] = [(1, seconds) for seconds in warmups]
    elif (
        timing.phase == EPOCH
        and measured.first_epoch_examples == timing.examples
        and measured.first_epoch_seconds is not None
    ):
        run["warmups"] = [(1, measured.first_epoch_seconds)]
    return run
