"""What a section of the report is, and the parts that sections stand in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from markupsafe import Markup

Shown = TypeVar("Shown")
"""What a page is about: the context of a timing report, or that of another kind of page."""


@dataclass(frozen=True)
class PagePart:
    """A part of the page; the sections of a ``folded`` one are closed, with a status line each."""

    id: str
    title: str
    folded: bool = False


RESULT = PagePart("part-result", "Result")
SCALING = PagePart("part-scaling", "Scaling")
TIME = PagePart("part-time", "Where the time goes")
TRUST = PagePart("part-trust", "Can I trust it?", folded=True)
DETAILS = PagePart("part-details", "Details", folded=True)
PARTS = (RESULT, SCALING, TIME, TRUST, DETAILS)
"""In the order of the page."""


class Status(NamedTuple):
    """One line that stands for a closed section, and whether all is well."""

    words: str
    good: bool = True


@dataclass(frozen=True)
class Absence:
    """Why a section has nothing to show, in one sentence; it is left out of the navigation."""

    reason: str


@dataclass(frozen=True)
class Section(Generic[Shown]):
    """One section: ``id`` is its anchor, ``order`` its place, ``render`` gives its body.

    ``part`` is where it stands on a page that has parts; ``status`` gives the line beside the title
    of a closed section.  A ``bare`` section shows no title.  Of a large grid, a section is given
    some cells (see ``reports.folding``) unless it is ``whole``; its status is always of all cells.
    A module with a ``SECTION`` is all that a new section needs: in ``reports/sections``, or in the
    folder of another kind of page.
    """

    id: str
    title: str
    order: int
    render: Callable[[Shown], Markup | Absence]
    part: PagePart | None = None
    status: Callable[[Shown], Status] | None = None
    folded: bool = False
    bare: bool = False
    whole: bool = False

    @property
    def closed(self) -> bool:
        """Whether the section opens on demand."""
        return self.folded or (self.part is not None and self.part.folded)
