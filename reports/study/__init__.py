"""What one parameter does to learning, as one HTML page."""

from __future__ import annotations

from collections.abc import Sequence

from impls.data import TrainingData
from impls.training.evaluation import Trained
from reports.study import page


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
    return page.build(parameter, tuple(values), trained, data, command=command, generator=generator)
