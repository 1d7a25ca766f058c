"""What is known of an implementation before it is imported."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Row:
    """One implementation, not yet imported.

    ``target`` is ``module:Class`` or ``file.py:Class``.  ``requires`` lists the modules it needs,
    ``extra`` the optional extras of this distribution that install them, joined by commas.
    ``rung`` numbers the steps of the NumPy ladder from the baseline at 0.  ``role`` is ``floor``
    for a row that times a part of the work alone and trains nothing, and ``control`` for one that
    repeats another under a second name, which ``repeats`` says.  ``environment`` is set before
    import.  ``held_by_affinity`` is for libraries that obey no thread variable: their processes are
    held to as many CPUs as threads were asked for.  ``by_name_only`` keeps a row out of a run that
    names no implementations: it is a variant of another one, of interest where variants are the
    question.  ``sparse`` marks a row that skips zeros of the examples, and so does less work than
    the dense products.  ``revision`` is the commit of a row at a git revision, else empty.
    """

    name: str
    target: str
    summary: str
    requires: tuple[str, ...] = ()
    extra: str | None = None
    device: Literal["cpu", "gpu"] = "cpu"
    rung: int | None = None
    role: Literal["trainer", "floor", "control"] = "trainer"
    environment: dict[str, str] = field(default_factory=dict)
    held_by_affinity: bool = False
    by_name_only: bool = False
    sparse: bool = False
    repeats: str = ""
    revision: str = ""

    @property
    def is_floor(self) -> bool:
        """Whether it times a part of the work alone and trains nothing."""
        return self.role == "floor"

    @property
    def on_device(self) -> bool:
        """Whether it runs on another device than the processor."""
        return self.device != "cpu"


def control_of(row: Row) -> Row:
    """Return ``row`` under a second name: a difference between the two is measurement error."""
    return dataclasses.replace(
        row,
        name=f"{row.name} (control)",
        summary=f"{row.name} once more, under a second name",
        role="control",
        repeats=row.name,
        rung=None,
    )
