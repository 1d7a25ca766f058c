"""What a section of the report is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from markupsafe import Markup

from reports.context import Context


@dataclass(frozen=True)
class Absence:
    """Why a section has nothing to show, in one sentence; it is left out of the navigation."""

    reason: str


@dataclass(frozen=True)
class Section:
    """One section: ``id`` is its anchor, ``order`` its place, ``render`` gives its body.

    A module in ``reports/sections`` with a ``SECTION`` is all that a new section needs.
    """

    id: str
    title: str
    order: int
    render: Callable[[Context], Markup | Absence]
