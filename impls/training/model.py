"""A trained network as one value: its weights, and all that is needed to go on training it."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np

from impls.contract import State
from impls.data.normalise import Normaliser
from impls.networks import Network, Training
from impls.training.history import History


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """In which order examples are trained, as :func:`impls.training.fit.fit` takes it.

    ``seed`` is that of the start weights as well.
    """

    seed: int
    shuffle: bool = True
    max_batches: int | None = None


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The data that a model was trained on; ``sha256`` is that of :class:`TrainingData`."""

    name: str
    sha256: str
    examples: int
    class_names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Model:
    """A trained network at the end of an epoch, with how it got there.

    ``implementation`` is the address of the one that trained it, as :func:`impls.registry.find`
    takes it.  ``normaliser`` is what examples go through before the network sees them.
    """

    implementation: str
    network: Network
    training: Training
    order: Order
    source: Source
    normaliser: Normaliser
    state: State
    learning_rate: float
    history: History

    @property
    def divergence(self) -> str:
        """That weights have left the finite numbers, and what may help; nothing where none have."""
        kept = {"": self.state.parameters}
        for number, remembered in enumerate(self.state.memory or ()):
            kept[f"memory[{number}]."] = remembered
        lost = [
            prefix + name
            for prefix, parameters in kept.items()
            for name, array in parameters.arrays()
            if not np.isfinite(array).all()
        ]
        if not lost:
            return ""
        return (
            f"the training diverged: after epoch {self.epochs}, {lost[0]} holds values that are "
            f"not finite. Try a learning rate smaller than {self.training.learning_rate:g}, or "
            "another normalisation"
        )

    @property
    def epochs(self) -> int:
        """Epochs trained so far."""
        return len(self.history.epochs)
