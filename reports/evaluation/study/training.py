"""What all trainings of a study have in common."""

from __future__ import annotations

from markupsafe import Markup

from reports import templates
from reports.evaluation.context import Studied
from reports.evaluation.sections.model import facts, layers
from reports.section import Absence, Section


def render(studied: Studied) -> Markup | Absence:
    """Return the network and the training of the first value; the parameter itself stands apart."""
    first = studied.learned.first
    return templates.fill(
        "evaluation/study/training.html",
        parameter=studied.parameter,
        values=", ".join(studied.values),
        first=studied.values[0],
        table=layers(first.model.network),
        facts=facts(first),
    )


SECTION = Section("training", "Network and training", 40, render)
