"""pyperf's JSON: one benchmark per cell and phase, one run per process, its rounds as values."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any

from bench.documents.results import Measured, Results
from bench.documents.timings import EPOCH, STEP, Timing
from reports import format as text
from reports.exports.series import Series, only, series

VERSION = "1.0"
"""The version of the format, not of the program: that of pyperf 1 and 2."""


def to_pyperf(results: Sequence[Results], phases: Sequence[str]) -> str:
    """Return the suite as text.

    Raises:
        UsageError: several documents, or nothing measured.
    """
    document = only(results, "pyperf")
    suite = {
        "version": VERSION,
        "metadata": _of_document(document),
        "benchmarks": [_benchmark(one) for one in series(document, phases)],
    }
    return json.dumps(suite, indent=1) + "\n"


def _of_document(document: Results) -> dict[str, Any]:
    """Return what is the same in all runs.  pyperf takes no empty text and no line breaks."""
    implementation, _, version = document.machine.python.partition(" ")
    facts: dict[str, str | int | None] = {
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
    return {name: _clean(value) for name, value in facts.items() if value}


def _benchmark(one: Series) -> dict[str, Any]:
    cell = one.cell
    facts: dict[str, str | int | None] = {
        "name": one.name,
        "implementation": cell.implementation,
        "network": cell.network,
        "batch_size": cell.batch_size,
        "threads": "unset" if cell.threads is None else cell.threads,
        "setting": text.setting(cell.setting),
        "examples": one.examples,
    }
    return {
        "metadata": {name: _clean(value) for name, value in facts.items() if value},
        "runs": [_run(measured, timing) for measured, timing in one.processes],
    }


def _run(measured: Measured, timing: Timing) -> dict[str, Any]:
    warmups = _warmups(measured, timing)
    run: dict[str, Any] = {
        "metadata": {
            "block": measured.block,
            "date": _date(measured.process.started_at),
            "loops": timing.iterations,
            "mem_max_rss": measured.peak_memory_bytes,
            "threads_observed": measured.threads_observed,
        },
        "values": timing.round_seconds,
    }
    return {**run, "warmups": warmups} if warmups else run


def _warmups(measured: Measured, timing: Timing) -> list[tuple[int, float]]:
    """Loops and seconds per loop of what came before the first round, compiling included."""
    if timing.phase == STEP:
        rounds = (measured.first_call_seconds, *measured.warmup_seconds)
        return [(1, seconds) for seconds in rounds]
    is_whole = measured.first_epoch_examples == timing.examples
    if timing.phase == EPOCH and is_whole and measured.first_epoch_seconds is not None:
        return [(1, measured.first_epoch_seconds)]
    return []


def _date(started_at: str) -> str:
    """Return a time as pyperf writes it, without its zone."""
    return dt.datetime.fromisoformat(started_at).replace(tzinfo=None).isoformat(sep=" ")


def _clean(value: str | int) -> str | int:
    """Return a text without line breaks and control characters; a number as it is."""
    return text.printable(" ".join(value.split())) if isinstance(value, str) else value
