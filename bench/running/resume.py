"""Going on with an interrupted run: only on the same machine, with the same code and data."""

from __future__ import annotations

import msgspec

from bench.documents.results import Results
from impls.errors import ResultsError

_OF_THE_JOB = {"allocation", "cgroup"}
"""Facts about the job that a scheduler gave this run: it goes on in another one."""


def require_unchanged(before: Results, now: Results) -> None:
    """Refuse to mix measurements of two machines, two versions or two data sets in one document.

    ``before`` is the header of the interrupted run, ``now`` what a header written now would say.

    Raises:
        ResultsError: something that timings depend on has changed.
    """
    changes = []
    old, new = msgspec.to_builtins(before.machine), msgspec.to_builtins(now.machine)
    for field in [field for field in old if field not in _OF_THE_JOB]:
        if isinstance(old[field], dict):
            keys = sorted({**old[field], **new[field]})
            pairs = [(f"{field} {key}", old[field].get(key), new[field].get(key)) for key in keys]
        else:
            pairs = [(field, old[field], new[field])]
        changes += [f"machine {name}: {a} -> {b}" for name, a, b in pairs if a != b]
    if before.code is not None and now.code is not None and before.code.sha256 != now.code.sha256:
        commits = f" (commit {before.code.commit} -> {now.code.commit})"
        is_same = before.code.commit == now.code.commit
        changes.append(
            f"code of bench, impls or an implementation's file{'' if is_same else commits}"
        )
    if before.dataset.sha256 != now.dataset.sha256:
        changes.append(f"data: {before.dataset.source} has changed since the run began")
    if changes:
        raise ResultsError(
            "the run cannot be resumed, because something has changed since: "
            f"{'; '.join(changes)}. Undo the change, or start another run with --out and compare "
            "the two."
        )
