"""A results folder of airspeed velocity (asv): history over commits, and its step detection.

One benchmark per implementation and phase, with network, batch size and threads as its parameters.
Files of one machine, one commit and one setting are merged with what an earlier export wrote, so
that the folder grows with each run.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.documents.results import Measured, Results
from bench.planning.plan import Cell, Setting
from bench.provenance.records import Machine
from bench.stats import estimates
from impls.errors import ResultsError
from reports import format as text
from reports.exports.series import Series, series, without_controls

MACHINE_VERSION, BENCHMARKS_VERSION, RESULTS_VERSION = 1, 2, 2
"""The ``api_version`` of each kind of file that asv reads."""
PARAMETERS = ("network", "batch_size", "threads")
COLUMNS = (
    "result", "params", "version", "started_at", "duration", "stats_ci_99_a", "stats_ci_99_b",
    "stats_q_25", "stats_q_75", "stats_number", "stats_repeat", "samples", "profile",
)  # fmt: skip
_PER_COMBINATION = ("result", *(name for name in COLUMNS if name.startswith("stats_")), "samples")
_CI_SHARE = 0.99
_VERSION = "1"
"""Numbers of benchmarks of another version are not shown in one line: it changes with meaning."""

Combination = tuple[str, ...]
Values = dict[str, Any]
Table = dict[str, dict[Combination, Values]]
"""What is known of each combination of parameters of each benchmark."""
Existing = Callable[[str], bytes | None]
"""The content of a file of the folder as it is, or None where there is no such file."""


@dataclass(frozen=True)
class Revision:
    """A commit in full, and when it was made."""

    commit: str
    date: dt.datetime


def to_asv(
    results: Sequence[Results],
    phases: Sequence[str],
    revisions: Sequence[Revision],
    existing: Existing,
) -> dict[str, bytes]:
    """Return the files of the folder that are new or changed, by path.

    ``revisions`` has the commit of each document.

    Raises:
        UsageError: nothing was measured.
        ResultsError: a file of the folder is damaged.
    """
    files: dict[str, bytes] = {}

    def current(path: str) -> dict[str, Any]:
        content = files.get(path) or existing(path)
        try:
            parsed = {} if content is None else json.loads(content)
        except (ValueError, RecursionError) as error:
            raise _damaged(path, f"it is no JSON: {error}") from error
        if not isinstance(parsed, dict):
            raise _damaged(path, "it holds no object")
        return parsed

    for document, revision in zip(results, revisions, strict=True):
        machine = _machine(document.machine)
        folder = machine["machine"]
        files[f"{folder}/machine.json"] = _encoded({**machine, "version": MACHINE_VERSION})
        known = current("benchmarks.json")
        for setting, table in _tables(document, phases).items():
            environment = f"mlpbench-py{_python(document.machine)}"
            if setting:
                # A digest, since a setting may be a path.
                environment += f"-{_digest(setting)}"
            path = f"{folder}/{revision.commit[:8]}-{environment}.json"
            whole = _table(path, current(path))
            for benchmark, values in table.items():
                whole[benchmark] = {**whole.get(benchmark, {}), **values}
            files[path] = _results(document, machine, revision, environment, setting, whole)
            known |= _benchmarks(known, whole)
        files["benchmarks.json"] = _encoded({**known, "version": BENCHMARKS_VERSION})
    return files


def _tables(document: Results, phases: Sequence[str]) -> dict[Setting, Table]:
    """Return what a document holds of each benchmark and combination, by setting.

    What failed or was refused is a gap in the line.
    """
    tables: dict[Setting, Table] = {}
    every = series(document, phases)
    for timed in every:
        table = tables.setdefault(timed.cell.setting, {})
        benchmark = _benchmark_name(timed.cell.implementation, timed.phase)
        table.setdefault(benchmark, {})[_combination(timed.cell)] = _values(timed)
    for outcome in without_controls(document):
        if isinstance(outcome, Measured):
            continue
        for phase in dict.fromkeys(timed.phase for timed in every):
            benchmark = _benchmark_name(outcome.cell.implementation, phase)
            known = tables.get(outcome.cell.setting, {}).get(benchmark)
            if known is not None:
                known.setdefault(_combination(outcome.cell), {"result": None})
    return tables


def _values(timed: Series) -> Values:
    """Return the estimate of one cell, its 99 % interval, and every round."""
    rounds = [seconds for _, timing in timed.processes for seconds in timing.round_seconds]
    estimate = timed.estimate
    low, high = estimate.low, estimate.high
    if low is not None and high is not None:
        # An estimate has the 95 % interval, and asv wants that of 99 %.
        quantiles = [
            estimates.quantile((1 + share) / 2, estimate.blocks - 1)
            for share in (_CI_SHARE, estimates.CONFIDENCE)
        ]
        ratio = math.sqrt(high / low) ** (quantiles[0] / quantiles[1])
        low, high = estimate.value / ratio, estimate.value * ratio
    quarter, three_quarters = np.percentile(rounds, (25, 75))
    return {
        "result": estimate.value,
        "stats_ci_99_a": low,
        "stats_ci_99_b": high,
        "stats_q_25": float(quarter),
        "stats_q_75": float(three_quarters),
        "stats_number": timed.processes[0][1].iterations,
        "stats_repeat": len(rounds),
        "samples": rounds,
    }


def _results(
    document: Results,
    machine: Mapping[str, str],
    revision: Revision,
    environment: str,
    setting: Setting,
    table: Table,
) -> bytes:
    """Return the file of one commit, machine and setting; NaN is what was not asked for."""
    python = _python(document.machine)
    started = _timestamp(dt.datetime.fromisoformat(document.created_at))
    absent: Values = {"result": math.nan}
    rows = {}
    for benchmark, values in table.items():
        params = _params(values)
        row = {"params": params, "version": _VERSION, "started_at": started}
        for name in _PER_COMBINATION:
            row[name] = [
                values.get(combination, absent).get(name)
                for combination in itertools.product(*params)
            ]
        rows[benchmark] = [row.get(name) for name in COLUMNS]
    return _encoded(
        {
            "commit_hash": revision.commit,
            "env_name": environment,
            "date": _timestamp(revision.date),
            "params": {**machine, "python": python},
            "python": python,
            "requirements": {},
            "env_vars": {name: "(unset)" if value is None else value for name, value in setting},
            "result_columns": COLUMNS,
            "results": rows,
            "durations": {},
            "version": RESULTS_VERSION,
        }
    )


def _damaged(path: str, why: str) -> ResultsError:
    return ResultsError(
        f"{path} in the folder of asv is damaged: {why}. Remove the file, or choose another folder."
    )


def _table(path: str, content: Mapping[str, Any]) -> Table:
    """Return what an earlier export wrote of one commit, machine and setting.

    Raises:
        ResultsError: ``content`` has another form than asv's files.
    """
    table: Table = {}
    try:
        for benchmark, row in (content["results"] if content else {}).items():
            columns = dict(zip(content["result_columns"], row, strict=False))
            lists = {
                name: columns[name] for name in _PER_COMBINATION if columns.get(name) is not None
            }
            for place, combination in enumerate(itertools.product(*columns["params"])):
                values = {name: column[place] for name, column in lists.items()}
                result = values.get("result")
                if result is None or not math.isnan(result):
                    table.setdefault(benchmark, {})[combination] = values
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise _damaged(path, f"{type(error).__name__}: {error}") from error
    return table


def _benchmarks(known: Mapping[str, Any], table: Table) -> dict[str, Any]:
    """Return the benchmarks of ``table`` with every value that a parameter ever had."""
    benchmarks = {}
    for name, values in table.items():
        params = known.get(name, {}).get("params")
        before = itertools.product(*params) if params else ()
        implementation, _, phase = name.rpartition(".")
        benchmarks[name] = {
            "code": f"mlpbench run --impl {implementation}",
            "name": name,
            "param_names": list(PARAMETERS),
            "params": _params([*before, *values]),
            "pretty_name": f"{implementation}: {phase}",
            "type": "time",
            "unit": "seconds",
            "version": _VERSION,
        }
    return benchmarks


def _params(combinations: Iterable[Combination]) -> list[list[str]]:
    """Return the values of each parameter in order, numbers by size and before words."""
    columns = list(zip(*combinations, strict=True))
    return [
        sorted(set(column), key=lambda text: (not text.isdecimal(), text.zfill(12)))
        for column in columns
    ]


def _combination(cell: Cell) -> Combination:
    """Return the parameters of a cell as asv writes values: texts in quotes, numbers without."""
    threads = "unset" if cell.threads is None else cell.threads
    return tuple(repr(value) for value in (cell.network, cell.batch_size, threads))


def _benchmark_name(implementation: str, phase: str) -> str:
    """Return a name as asv takes it: brackets and spaces have a meaning to its pages."""
    return re.sub(r"[^\w.@+-]+", "_", implementation) + f".{phase}"


def _machine(machine: Machine) -> dict[str, str]:
    """Return what asv asks of a machine, with a name that neither host nor kernel changes."""
    system, *_, architecture = machine.system.split()
    facts = {
        "os": system,
        "arch": architecture,
        "cpu": machine.cpu,
        "num_cpu": str(machine.logical_cpus),
        "ram": text.byte_count(machine.memory_bytes),
    }
    model = re.sub(r"[^a-z0-9]+", "-", machine.cpu.lower()).strip("-")[:40].strip("-")
    return {"machine": f"{model}-{_digest(facts)}", **facts}


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:8]


def _python(machine: Machine) -> str:
    """Return Python's version without its patch level."""
    return ".".join(machine.python.rpartition(" ")[2].split(".")[:2])


def _timestamp(when: dt.datetime) -> int:
    """Return milliseconds since 1970, as JavaScript counts them."""
    return int(when.timestamp() * 1000)


def _encoded(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, indent=1).encode() + b"\n"
