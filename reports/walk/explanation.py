"""What the page says of one implementation."""

from __future__ import annotations

from dataclasses import dataclass

from reports.walk.excerpts import Excerpt


@dataclass(frozen=True)
class Explanation:
    """One stop of the walk, in Markdown.

    ``change`` says what is different from the stop before, ``why`` which copy, cache miss, call or
    allocation goes away, in a few sentences.  ``excerpts`` carry the trick.
    """

    title: str
    change: str
    why: str
    excerpts: tuple[Excerpt, ...]
