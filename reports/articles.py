"""What the articles published: a historical reference, measured on another machine.

The articles trained a 784-70-30-10 network on 60000 MNIST examples for 35 epochs, on an
i7-6700K with OpenBLAS (2020).  They went from the first program, step 0 here, to the end of their
step III.  A step can be more than one rung of the ladder: :data:`STEPS` says where each ends.
"""

from __future__ import annotations

from dataclasses import dataclass

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
