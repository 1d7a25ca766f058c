"""Pages of trained networks: sections found in their folder, filled into the common shell."""

from __future__ import annotations

from collections.abc import Sequence

from impls.data import TrainingData
from impls.errors import UsageError
from impls.training.evaluation import Trained
from reports.evaluation import sections, study
from reports.evaluation.context import Learned, Studied
from reports.evaluation.sections import summary as evaluation_summary
from reports.evaluation.study import summary as study_summary
from reports.page import discover, filled, laid_out


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
    learned = _learned(trained, data, digit, command)
    name = learned.first.model.network.name
    return laid_out(
        "evaluation/page.html",
        filled(discover(sections), learned),
        kind="evaluation",
        title=f"{name}, {data.name}",
        origin=[f"{name} network", data.name, *(network.name for network in trained)],
        description=evaluation_summary.headline(learned),
        more_style="evaluation/style.css",
        generator=generator,
    )


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
    learned = _learned(trained, data, 0, command)
    studied = Studied(learned, parameter, tuple(values))
    model = learned.first.model
    return laid_out(
        "evaluation/page.html",
        filled(discover(study), studied),
        kind="study",
        title=f"{parameter}, {model.network.name}",
        origin=[parameter, f"{model.network.name} network", data.name, model.implementation],
        description=study_summary.headline(studied),
        generator=generator,
    )


def _learned(
    trained: Sequence[Trained], data: TrainingData, digit: int | None, command: str
) -> Learned:
    if not trained:
        raise UsageError("there is nothing to report: give at least one trained network")
    if digit is None:
        matrix = trained[0].evaluation.test.matrix
        digit = int((matrix.sum(axis=1) - matrix.diagonal()).argmax())
    return Learned(tuple(trained), data, digit, command)
