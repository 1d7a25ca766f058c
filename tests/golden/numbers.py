"""Numbers that readers see, as plain data: what a redesign of the readers must leave as it is.

``python -m tests.golden.numbers`` writes them anew, for a change that is meant.
"""

from __future__ import annotations

import dataclasses
import gzip
import json
from pathlib import Path
from typing import Any

from bench.cli import main
from bench.documents import files
from bench.documents.results import Results
from bench.documents.sources import read_any
from bench.stats.estimates import Estimate, Ratio
from bench.stats.verdicts import Verdict
from impls.registry import ROWS
from reports.context import Context
from reports.facts import aa_control, devices
from reports.gather import build_context
from tests.reports import sample
from tests.reports.repeated import with_control

HERE = Path(__file__).parent
FILE = HERE / "numbers.json.gz"
LADDER = HERE.parents[1] / "docs" / "ladder.json.gz"
NAMES = (
    "numpy-naive", "numpy-float32", "numpy-layout", "numpy-cached", "numpy-optimized", "numba",
    "keras-tf", "keras-tf-gpu", "torch", "jax", "floor",
)  # fmt: skip
"""Not all of the registry: a further row must not change the numbers of the others."""
RUNG = max((row for row in ROWS if row.rung is not None), key=lambda row: row.rung or 0).name
COMPARISONS = (
    ["--by", "implementation"],
    ["--by", "threads"],
    ["--by", "batch-size", "--phase", "step"],
    ["--by", "implementation", "--baseline", "numba", "--phase", "forward"],
)


def sampled() -> Results:
    """Every kind of outcome, a control and two thread counts."""
    shape = sample.Shape(NAMES, (500, 20000), rounds=3, epoch_rounds=3)
    return with_control(sample.document(shape), RUNG, lambda block: (1.0, 1.02, 0.985)[block])


def documents() -> dict[str, Results]:
    """The documents whose numbers are frozen, by name."""
    return {"sample": sampled(), "ladder": read_any(LADDER)}


def numbers(folder: Path, capture: Any) -> dict[str, Any]:
    """All numbers; ``capture`` returns what the last command printed."""
    found: dict[str, Any] = {}
    for name, document in documents().items():
        found[f"report of {name}"] = of_report(build_context([document]))
        path = folder / f"{name}.json"
        files.save(document, path)
        for options in COMPARISONS:
            code = main(["compare", str(path), *options, "--json"])
            found[f"compare {name} {' '.join(options)}"] = [code, _of_comparison(capture(), folder)]
    slower = sample.document(sample.Shape(NAMES, (500, 20000), seed=8))
    files.save(slower, folder / "other.json")
    code = main(["compare", str(folder / "sample.json"), str(folder / "other.json"), "--json"])
    found["compare two runs"] = [code, _of_comparison(capture(), folder)]
    return found


def of_report(context: Context) -> dict[str, Any]:
    """Every number that sections draw from the context."""
    return {
        "epochs": {_key(k): _plain(p.epoch) for k, p in context.points.items()},
        "phases": {
            _key(k): {phase: one.value for phase, one in p.durations.items()}
            for k, p in context.points.items()
        },
        "speed-ups": {_key(k): _plain(r) for k, r in context.speed_ups.items()},
        "over the floor": {_key(k): _plain(r) for k, r in context.over_floor.items()},
        "verdicts": {_key(k): _plain(v) for k, v in context.verdicts.items()},
        "findings": [_finding(one) for one in context.winners],
        "controls": {_key(k): _plain(v) for k, v in aa_control.alarms(context).items()},
        "power": [dataclasses.asdict(one) for one in aa_control.power(context)],
        "scatter": [dataclasses.asdict(one) for one in aa_control.scatter(context)],
        "devices": [
            [one.batch_size, _plain(one.ratio)]
            for scope in context.scopes
            for one in devices.contests(context, scope)
        ],
    }


def _finding(one: Any) -> dict[str, Any]:
    return {
        "batch": one.batch_size,
        "best": one.best.cell.id,
        "seconds": one.seconds,
        "rivals": [[rival.cell.id, _plain(lead)] for rival, lead in one.rivals],
        "undecided": list(one.undecided),
        "verdict": _plain(one.verdict),
        "speed-up": _plain(one.speed_up),
        "over the floor": _plain(one.over_floor),
    }


def _key(key: Any) -> str:
    name, condition, size = key
    return f"{name}, {condition.threads} threads, batch {size}"


def _plain(found: Estimate | Ratio | Verdict | None) -> Any:
    if isinstance(found, Verdict):
        return [found.kind, found.code, found.p, _plain(found.ratio)]
    return None if found is None else [round_(one) for one in dataclasses.astuple(found)]


def _of_comparison(printed: str, folder: Path) -> Any:
    content = json.loads(printed.replace(f"{folder}/", ""))
    for pair in content["comparisons"]:
        del pair["reason"]
    return content


def round_(value: Any) -> Any:
    """Ten digits are more than any change of order in a sum moves."""
    return float(f"{value:.10g}") if isinstance(value, float) else value


def rounded(content: Any) -> Any:
    """``content`` with all numbers to ten digits."""
    if isinstance(content, dict):
        return {name: rounded(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [rounded(value) for value in content]
    return round_(content)


def frozen() -> Any:
    """The numbers as they were written down."""
    return json.loads(gzip.decompress(FILE.read_bytes()))


def freeze(content: Any) -> None:
    """Write the numbers down."""
    data = json.dumps(rounded(content), indent=0, sort_keys=True).encode()
    FILE.write_bytes(gzip.compress(data, mtime=0))


if __name__ == "__main__":
    import contextlib
    import io
    import tempfile

    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()) as out:

        def capture() -> str:
            printed = out.getvalue()
            out.seek(0)
            out.truncate()
            return printed

        freeze(numbers(Path(folder), capture))
