"""How every job of a submission stands: an outcome with its reason, whatever became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "done", "waiting", "running", "lost", "preempted", "timed out", "cancelled", "failed"
]
"""``lost`` is a job whose node or record is gone; ``failed`` one that ended without its answer."""

OVER: frozenset[Kind] = frozenset({"lost", "preempted", "timed out", "cancelled", "failed"})
"""Ended without being done: these may be submitted again."""


@dataclass(frozen=True)
class Standing:
    """One task's run: ``kind`` and ``reason`` say how it stands, ``attempts`` how often it began.

    ``machine`` is the kind of machine that was asked for, ``run`` the number of its document in
    the report, from 1, None where it has none.  ``exit_code`` is that of ``mlpbench run``.
    """

    task: str
    machine: str
    job: str
    node: str
    kind: Kind
    reason: str
    attempts: int
    exit_code: int | None = None
    run: int | None = None
