"""Which jobs there are: one whole run for each kind of machine and replicate.

Partners of a ratio must share a machine, so that a job is never less than a run, and never shares
its host.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from impls.errors import UsageError

ANY = "any"
"""The kind of a job that may run on any machine of its partition."""
LOCAL = "local"
"""The kind of a job that runs on this machine."""

_UNSAFE = re.compile(r"[^\w.=-]+")


class Task(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One run: ``name`` is that of its folder, ``kind`` the scheduler's constraint."""

    name: str
    kind: str
    replicate: int

    @property
    def constraint(self) -> str | None:
        """What the scheduler is asked for; None where any machine will do."""
        return None if self.kind in {ANY, LOCAL} else self.kind


class Resources(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the scheduler is asked for, the same for every job.

    ``parallel`` limits the jobs of one kind that run at once.  ``setup`` are lines of shell that
    run before the job, ``options`` further options of ``sbatch`` by name.
    """

    partition: str | None = None
    minutes: int = 240
    parallel: int = 4
    setup: tuple[str, ...] = ()
    options: dict[str, str] = {}


class Submission(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All jobs of one ``mlpbench submit``.

    ``arguments`` are those of ``mlpbench run``, in every job alike; ``directory`` is where the
    command was given, to which relative paths in them refer.
    """

    arguments: tuple[str, ...]
    directory: str
    tasks: tuple[Task, ...]
    resources: Resources = Resources()
    local: bool = False

    def task(self, name: str) -> Task:
        """Return the task called ``name``."""
        return next(task for task in self.tasks if task.name == name)


def tasks_for(kinds: Sequence[str], replicates: int) -> tuple[Task, ...]:
    """Return one task per kind and replicate, kinds in the order given.

    Raises:
        UsageError: a kind occurs twice, or two kinds would share a folder.
    """
    names = [_UNSAFE.sub("-", kind).strip("-.") or "kind" for kind in kinds]
    for kind, name in zip(kinds, names, strict=True):
        if names.count(name) > 1:
            raise UsageError(
                f"--kind {kind}: another kind has the same folder, {name}: name each kind once"
            )
    return tuple(
        Task(name=f"{name}-{replicate}", kind=kind, replicate=replicate)
        for kind, name in zip(kinds, names, strict=True)
        for replicate in range(1, replicates + 1)
    )
