"""The thread pools that a process has once it imported what an implementation needs.

``python -m bench.doctor.pools ORDER`` is the child: pools are made when a library is imported, so
each set of libraries needs a process that has imported nothing else.
"""

from __future__ import annotations

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


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a child imports, and where it writes the pools it then has.

    ``row`` is an implementation that knows of pools which no general tool can see.
    """

    modules: tuple[str, ...]
    row: Row | None
    output: str


def find(environment: Mapping[str, str], rows: Sequence[Row] | None = None) -> list[PoolsOf]:
    """The pools of NumPy, of SciPy, and of each set of packages that an implementation needs.

    ``environment`` is the user's, so these are the threads that a process gets unasked.
    """
    rows = registry.ROWS if rows is None else rows
    orders: dict[tuple[str, ...], Row | None] = dict.fromkeys(ALWAYS)
    for row in rows:
        if row.requires and row.device == "cpu" and not row.by_name_only:
            orders.setdefault(row.requires, row)
    with ThreadPoolExecutor() as side_by_side:
        return list(
            side_by_side.map(lambda item: _ask(item[0], item[1], environment), orders.items())
        )


def _ask(modules: tuple[str, ...], row: Row | None, environment: Mapping[str, str]) -> PoolsOf:
    """Start a child and read what it found."""
    absent = [name for name in modules if importlib.util.find_spec(name.split(".")[0]) is None]
    if absent:
        remedy = registry.missing(row) if row is not None else None
        return PoolsOf(modules=modules, reason=remedy or f"{', '.join(absent)} not installed")
    child = worker_environment(environment, None, (), row.environment if row else {})
    child["PYTHONPATH"] = search_path(child)
    with tempfile.TemporaryDirectory(prefix="mlpbench-") as name:
        output = Path(name) / "pools.json"
        order = Order(modules=modules, row=row, output=str(output))
        (Path(name) / "order.json").write_bytes(msgspec.json.encode(order))
        reason = _run(Path(name) / "order.json", child)
        if reason is not None:
            return PoolsOf(modules=modules, reason=reason)
        return PoolsOf(
            modules=modules, pools=msgspec.json.decode(output.read_bytes(), type=tuple[Pool, ...])
        )


def _run(order: Path, environment: Mapping[str, str]) -> str | None:
    """Run a child to its end; why it failed, or None."""
    try:
        done = subprocess.run(  # noqa: S603  # our own module, no shell
            [sys.executable, "-P", "-m", "bench.doctor.pools", str(order)],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no answer after {TIMEOUT:g} s"
    if done.returncode == 0:
        return None
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"the process ended with exit code {done.returncode}"


def main(arguments: Sequence[str]) -> int:
    """Import what the order whose path is the only argument names; write the pools."""
    order = msgspec.json.decode(Path(arguments[0]).read_bytes(), type=Order)
    for name in order.modules:
        importlib.import_module(name)
    own: tuple[Pool, ...] = ()
    if order.row is not None:
        own = registry.load(order.row).pools()
    Path(order.output).write_bytes(msgspec.json.encode(reported_pools(own)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
