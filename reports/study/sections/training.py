"""What all trainings of a study have in common."""

from __future__ import annotations

from markupsafe import Markup

from reports import templates
from reports.evaluation.sections.model import facts, layers
from reports.section import Absence, Section
from reports.study.context import Studied


def render(studied: Studied) -> Markup | Absence:
    """Return the network and the training of the first value; the parameter itself stands apart."""
    first = studied.learned.first
    return templates.fill(
        "study/sections/training.html",
        parameter=studied.parameter,
        values=", ".join(studied.values),
        first=studied.values[0],
        table=layers(first.model.network),
        facts=facts(first),
    )


SECTION = Section("training", "Network and training", 40, render)
