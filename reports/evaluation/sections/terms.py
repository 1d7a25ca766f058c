"""What the words of this page mean."""

from __future__ import annotations

from markupsafe import Markup

from reports import templates
from reports.evaluation.context import Learned
from reports.section import Absence, Section


def render(learned: Learned) -> Markup | Absence:  # noqa: ARG001 - the same on every page
    """Return definitions."""
    return templates.fill("evaluation/sections/terms.html")


SECTION = Section("terms", "Terms", 90, render)
