"""Interchangeable implementations of one multi-layer perceptron.

Importing this package loads no implementation: the registry holds their addresses as text.
For use from Python, :func:`load` gives an estimator that trains with any of them:

    from impls import load

    network = load("numba", network="blog", epochs=10)
    network.fit(X_train, y_train)
    network.score(X_test, y_test)
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from impls.training.estimator import NetworkClassifier

__all__ = ["load", "load_model"]


def load(
    implementation: str = "numpy-optimized", *, network: str | None = None, **settings: Any
) -> NetworkClassifier:
    """Return an estimator in the manner of scikit-learn, with ``fit``, ``predict`` and ``score``.

    ``network`` names a preset, whose hidden layers and training are taken, or layer sizes such as
    784-512-10; ``settings`` are parameters of :class:`impls.training.estimator.NetworkClassifier`.

    Raises:
        UnknownNameError: there is no such preset.
    """
    from impls.training import estimator  # noqa: PLC0415 - scikit-learn takes a second

    if network is None:
        return estimator.NetworkClassifier(implementation, **settings)
    return estimator.from_preset(implementation, network, **settings)


def load_model(path: str | Path, implementation: str | None = None) -> NetworkClassifier:
    """Return a fitted estimator from a network that ``mlpbench train`` saved.

    It takes features as they were stored and normalises them as in training.  ``implementation``
    predicts, by default the one that trained it; a class in a file, ``FILE.py:CLASS``, is run only
    where it is named here.

    Raises:
        ModelError: it cannot be read, is damaged, or is something else, or the implementation that
            trained it is not to be had here.
    """
    from impls.training import estimator  # noqa: PLC0415 - scikit-learn takes a second

    return estimator.from_model(path, implementation)
