"""The page of a study: sections found in their folder, filled into the common shell."""

from __future__ import annotations

from collections.abc import Sequence

import reports.study.sections
from impls.data import TrainingData
from impls.errors import UsageError
from impls.training.evaluation import Trained
from reports import templates
from reports.evaluation.context import Learned
from reports.page import assets, discover, filled, laid_out
from reports.study.context import Studied
from reports.study.sections.summary import headline


def build_study(
    parameter: str,
    values: Sequence[str],
    trained: Sequence[Trained],
    data: TrainingData,
    *,
    command: str = "",
    generator: str = "mlpbench",
) -> str:
    """Return one complete HTML document about networks that differ in one parameter.

    ``values`` has the text of the parameter's value for each network.

    Raises:
        UsageError: there is no network to speak of.
    """
    if not trained:
        raise UsageError("there is nothing to report: give at least one trained network")
    learned = Learned(tuple(trained), data, digit=0, command=command, generator=generator)
    studied = Studied(learned, parameter, tuple(values))
    page = templates.fill(
        "study/page.html",
        **laid_out(filled(discover(reports.study.sections), studied)),
        **assets(),
        description=headline(studied),
        studied=studied,
    )
    return str(page)
