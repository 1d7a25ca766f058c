"""What is recorded of the data that was trained on."""

from __future__ import annotations

from bench.provenance.records import Dataset
from impls.data import TrainingData


def describe(data: TrainingData) -> Dataset:
    """Return the record of ``data`` that goes with every result."""
    return Dataset(
        name=data.name,
        source=data.source,
        examples=len(data.X),
        features=data.X.shape[1],
        sha256=data.sha256,
        note=data.note,
        normalisation=data.normaliser.name,
    )
