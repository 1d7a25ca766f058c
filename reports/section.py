"""What a section of the report is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from markupsafe import Markup

Shown = TypeVar("Shown")
"""What a page is about: the context of a timing report, or that of another kind of page."""


@dataclass(frozen=True)
class Absence:
    """Why a section has nothing to show, in one sentence; it is left out of the navigation."""

    reason: str


@dataclass(frozen=True)
class Section(Generic[Shown]):
    """One section: ``id`` is its anchor, ``order`` its place, ``render`` gives its body.

    A module with a ``SECTION`` is all that a new section needs: in ``reports/sections``, or in the
    folder of another kind of page.
    """

    id: str
    title: str
    order: int
    render: Callable[[Shown], Markup | Absence]
