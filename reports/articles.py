"""What the articles published: times of another machine, and results of trainings.

The articles trained a 784-70-30-10 network on 60000 MNIST examples for 35 epochs, on an
i7-6700K with OpenBLAS (2020).  They went from the first program, step 0 here, to the end of their
step III.  A step can be more than one rung of the ladder: :data:`STEPS` says where each ends.

They do not print the start weights or the penalty's factor of the trainings in :data:`RUNS`; the
values called found come from this project, with start weights within 2 / sqrt(n_in) and a factor of
0.01.  Their study of the quadratic penalty took 800 epochs of batches of 500.
"""

from __future__ import annotations

from dataclasses import dataclass

from impls.training.model import Model

EPOCHS = 35
EXAMPLES = 60000
LAYERS = (784, 70, 30, 10)
MACHINE = "an Intel i7-6700K with OpenBLAS, 2020"


@dataclass(frozen=True)
class PublishedTime:
    """Seconds for 35 epochs after a step at one batch size, and where the value comes from."""

    step: int
    batch_size: int
    total_seconds: float
    note: str

    @property
    def epoch_seconds(self) -> float:
        """Seconds for one epoch, averaged over the 35."""
        return self.total_seconds / EPOCHS


_PRINTED = "printed in the article on step III"

PUBLISHED: tuple[PublishedTime, ...] = (
    PublishedTime(
        0, 500, 48.0, "derived: 47 to 49 s follow from the stated total gain of over 6.5"
    ),
    PublishedTime(1, 500, 11.0, "stated as about 11 s in the article on step II"),
    PublishedTime(2, 500, 9.6, _PRINTED),
    PublishedTime(3, 500, 7.52, _PRINTED),
    PublishedTime(2, 20000, 8.7, _PRINTED),
    PublishedTime(3, 20000, 6.72, _PRINTED),
)


STEPS = {
    "impls.numpy.naive:Trainer": 0,
    "impls.numpy.float32:Trainer": 1,
    "impls.numpy.layout:Trainer": 2,
    "impls.numpy.cached:Trainer": 3,
}
"""The articles' steps, by the target of the implementation that has all of the step."""


def published(step: int | None, batch_size: int) -> PublishedTime | None:
    """Return the published total after ``step`` at ``batch_size``, or None where there is none."""
    return next(
        (entry for entry in PUBLISHED if (entry.step, entry.batch_size) == (step, batch_size)), None
    )


def published_factor(step: int, batch_size: int) -> float | None:
    """Return how many times faster the articles were after ``step`` than before it, where known."""
    before, after = published(step - 1, batch_size), published(step, batch_size)
    if before is None or after is None:
        return None
    return before.total_seconds / after.total_seconds


@dataclass(frozen=True)
class PublishedRun:
    """One printed training; ``found`` holds values that were found to belong to it."""

    batch_size: int
    start_rate: float
    rate: float
    last_cost: float
    last_penalty_share: float
    last_mean_error: float
    averaged_accuracy: float
    seconds: float
    found_mean_error: float
    found_loss: float
    found_accuracies: tuple[float, float] | None


RUNS: tuple[PublishedRun, ...] = (
    PublishedRun(
        batch_size=500,
        start_rate=1e-3,
        rate=0.0009994051838157095,
        last_cost=65.43618,
        last_penalty_share=0.12302863,
        last_mean_error=0.00758,
        averaged_accuracy=0.99272,
        seconds=7.5257,
        found_mean_error=0.0070,
        found_loss=0.1001,
        found_accuracies=(0.990, 0.962),
    ),
    PublishedRun(
        batch_size=20000,
        start_rate=1e-4,
        rate=9.994051838157101e-05,
        last_cost=13028.141,
        last_penalty_share=0.00021923862,
        last_mean_error=0.04389,
        averaged_accuracy=0.95602,
        seconds=6.7170,
        found_mean_error=0.0443,
        found_loss=0.6507,
        found_accuracies=None,
    ),
)


def published_run(model: Model) -> PublishedRun | None:
    """Return the printed training that ``model`` repeats, or None where it is another one."""
    same = (
        model.network.layers == LAYERS
        and not model.network.convolutions
        and model.network.loss == "logloss"
        and model.network.activation == "sigmoid"
        and not any(model.network.dropout)
        and model.training.optimiser == "sgd"
        and model.training.reduction == "sum"
        and model.order.max_batches is None
        and model.source.examples == EXAMPLES
        and model.source.name == "mnist"
        and model.epochs == EPOCHS
    )
    return next(
        (
            run
            for run in RUNS
            if same
            and run.batch_size == model.training.batch_size
            and run.start_rate == model.training.learning_rate
        ),
        None,
    )


L2_EPOCHS = 800
L2_SETTINGS = "rate 0.001, decay 1e-05, momentum 5e-05, batches of 500, 800 epochs"


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
