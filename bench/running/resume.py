"""Going on with an interrupted run: only on the same machine, with the same code and data."""

from __future__ import annotations

import msgspec

from bench.documents.results import Results
from bench.provenance.records import Code, Machine
from impls.errors import ResultsError

_OF_THE_JOB = {"allocation", "cgroup"}
"""Facts about the job that a scheduler gave this run: it goes on in another one."""


def require_unchanged(before: Results, now: Results) -> None:
    """Refuse to mix measurements of two machines, two versions or two data sets in one document.

    ``before`` is the header of the interrupted run, ``now`` what a header written now would say.

    Raises:
        ResultsError: something that timings depend on has changed.
    """
    changes = [
        *_differences("machine", before.machine, now.machine),
        *_code_changes(before.code, now.code),
    ]
    if before.dataset.sha256 != now.dataset.sha256:
        changes.append(f"data: {before.dataset.source} has changed since the run began")
    if changes:
        raise ResultsError(
            "the run cannot be resumed, because something has changed since: "
            f"{'; '.join(changes)}. Undo the change, or start another run with --out and compare "
            "the two."
        )


def _differences(what: str, before: Machine, now: Machine) -> list[str]:
    """Fields that differ, with both values; of mappings, the entries that differ."""
    old, new = msgspec.to_builtins(before), msgspec.to_builtins(now)
    found = []
    for field in old:
        if field in _OF_THE_JOB or old[field] == new[field]:
            continue
        if isinstance(old[field], dict):
            keys = sorted({**old[field], **new[field]})
            pairs = [(key, old[field].get(key), new[field].get(key)) for key in keys]
            found += [f"{what} {field} {k}: {a} -> {b}" for k, a, b in pairs if a != b]
        else:
            found.append(f"{what} {field}: {old[field]} -> {new[field]}")
    return found


def _code_changes(before: Code | None, now: Code | None) -> list[str]:
    if before is None or now is None or before.sha256 == now.sha256:
        return []
    commits = f" (commit {before.commit} -> {now.commit})" if before.commit != now.commit else ""
    return [f"code of bench, impls or an implementation's file{commits}"]
