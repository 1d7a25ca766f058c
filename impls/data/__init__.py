"""The data sets that networks are trained on: found, checked, normalised.

Importing this package reads nothing and imports none of the libraries that only a download or
the digits need.
"""

from __future__ import annotations

from impls.data.loading import DATASETS, load_dataset
from impls.data.training_data import TrainingData

__all__ = ["DATASETS", "TrainingData", "load_dataset"]
