"""The page of an evaluation: sections found in their folder, filled into the common shell."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

import reports.evaluation.sections
from impls.data import TrainingData
from impls.errors import UsageError
from impls.training.evaluation import Trained
from reports import templates
from reports.evaluation.context import Learned, most_missed
from reports.evaluation.summary import headline
from reports.page import assets, discover, filled, laid_out


def build_evaluation(
    trained: Sequence[Trained],
    data: TrainingData,
    *,
    digit: int | None = None,
    command: str = "",
    generator: str = "mlpbench",
) -> str:
    """Return one complete HTML document about networks trained on, or applied to, the same data.

    ``digit`` is the class whose hits and misses are shown, by default the one most often missed.

    Raises:
        UsageError: there is no network to speak of.
    """
    if not trained:
        raise UsageError("there is nothing to report: give at least one trained network")
    learned = Learned(
        trained=tuple(trained),
        data=data,
        digit=most_missed(trained[0]) if digit is None else digit,
        command=command,
        generator=generator,
    )
    style = assets()["style"] + Markup(templates.asset("evaluation/style.css"))  # noqa: S704 - our own file
    page = templates.fill(
        "evaluation/page.html",
        **laid_out(filled(discover(reports.evaluation.sections), learned)),
        style=style,
        script=assets()["script"],
        description=headline(learned),
        learned=learned,
    )
    return str(page)
