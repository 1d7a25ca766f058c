"""The articles' study of the quadratic penalty: 800 epochs of batches of 500 on MNIST."""

from __future__ import annotations

from dataclasses import dataclass

EPOCHS = 800
SETTINGS = "rate 0.001, decay 1e-05, momentum 5e-05, batches of 500, 800 epochs"


@dataclass(frozen=True)
class PublishedPenalty:
    """Accuracies with one factor, and about when the training had converged."""

    l2: float
    train: float
    test: float
    converged: int


L2: tuple[PublishedPenalty, ...] = (
    PublishedPenalty(0.01, 1.0, 0.9656, 350),
    PublishedPenalty(0.1, 0.999, 0.9714, 600),
    PublishedPenalty(0.2, 0.9946, 0.9728, 700),
    PublishedPenalty(0.4, 0.9858, 0.9693, 600),
    PublishedPenalty(0.8, 0.9705, 0.9588, 400),
)
