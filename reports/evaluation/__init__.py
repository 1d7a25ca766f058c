"""What networks have learned, as one HTML page in the style of the timing report."""

from __future__ import annotations

from collections.abc import Sequence

from impls.data import TrainingData
from impls.training.evaluation import Trained
from reports.evaluation import page


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
    return page.build(trained, data, digit=digit, command=command, generator=generator)
