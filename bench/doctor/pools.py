"""The thread pools that a process has once it imported what an implementation needs.

``python -m bench.doctor.pools`` is the child, with a request on standard input.  Pools are made
when a library is imported, so each set of libraries needs a process that has imported nothing else.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from bench.doctor.findings import PoolsOf
from bench.planning.revisions import search_path
from bench.planning.variables import worker_environment
from bench.provenance.threads import reported_pools
from impls import registry
from impls.contract import Pool
from impls.row import Row

TIMEOUT = 60.0
ALWAYS = (("numpy",), ("scipy.linalg",))
"""Looked at whatever the implementations need: the two that everybody has."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What a child imports, and where it writes the pools it then has.

    ``row`` is an implementation with pools that no general tool can see.
    """

    modules: tuple[str, ...]
    row: Row | None
    output: str


def find(environment: Mapping[str, str], rows: Sequence[Row] | None = None) -> list[PoolsOf]:
    """Return the pools of NumPy, SciPy, and each set of packages that an implementation needs.

    ``environment`` is the user's, so these are the threads that a process gets unasked.
    """
    wanted: dict[tuple[str, ...], Row | None] = dict.fromkeys(ALWAYS)
    for row in registry.ROWS if rows is None else rows:
        if row.requires and row.device == "cpu" and not row.by_name_only:
            wanted.setdefault(row.requires, row)
    with ThreadPoolExecutor() as side_by_side:
        ask = functools.partial(_ask, environment=environment)
        return list(side_by_side.map(ask, wanted.keys(), wanted.values()))


def _ask(modules: tuple[str, ...], row: Row | None, environment: Mapping[str, str]) -> PoolsOf:
    """Return the pools of a child that imports ``modules``, or why there are none."""
    absent = [name for name in modules if importlib.util.find_spec(name.split(".")[0]) is None]
    if absent:
        remedy = registry.missing(row) if row is not None else None
        return PoolsOf(modules=modules, reason=remedy or f"{', '.join(absent)} not installed")
    child = worker_environment(environment, None, (), row.environment if row else {})
    child["PYTHONPATH"] = search_path(child)
    # A file, because libraries print to standard output.
    with tempfile.NamedTemporaryFile(prefix="mlpbench-", suffix=".json") as output:
        request = Request(modules=modules, row=row, output=output.name)
        try:
            done = subprocess.run(  # our own module, no shell
                [sys.executable, "-P", "-m", "bench.doctor.pools"],
                env=child,
                input=msgspec.json.encode(request),
                capture_output=True,
                timeout=TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return PoolsOf(modules=modules, reason=f"no answer after {TIMEOUT:g} s")
        if done.returncode:
            lines = done.stderr.decode(errors="replace").strip().splitlines()
            ended = f"the process ended with exit code {done.returncode}"
            return PoolsOf(modules=modules, reason=lines[-1] if lines else ended)
        pools = msgspec.json.decode(output.read(), type=tuple[Pool, ...])
        return PoolsOf(modules=modules, pools=pools)


def main() -> int:
    """Import what the request on standard input names; write the pools."""
    request = msgspec.json.decode(sys.stdin.buffer.read(), type=Request)
    for name in request.modules:
        importlib.import_module(name)
    own = registry.load(request.row).pools() if request.row else ()
    Path(request.output).write_bytes(msgspec.json.encode(reported_pools(own)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
